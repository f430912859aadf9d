import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AIMClusterServiceTemplate, AIMServiceTemplate } from '../../../../src/kinds/aim/aimservicetemplate.ts';
import { AIMModel } from '../../../../src/kinds/aim/aimmodel.ts';
import { AIMTemplateCache } from '../../../../src/kinds/aim/aimtemplatecache.ts';
import { LegacyAIMServiceTemplate } from '../../../../src/kinds/aim/legacy/aimservicetemplate.ts';
import { Job } from '../../../../src/kinds/batch/job.ts';
import { Node } from '../../../../src/kinds/core/node.ts';
import { ServingRuntime } from '../../../../src/kinds/kserve/servingruntime.ts';
import { messageOf, operatorNamespace, says, startModelCluster, type ModelCluster } from '../modelcluster.ts';

let cluster: ModelCluster;
beforeAll(async () => {
  cluster = await startModelCluster({ imageMetadata: () => ({ model: { canonicalName: 'org/model' } }) });
  await cluster.client.create(Node, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'gpu-node', labels: { 'amd.com/gpu.device-id': '74a1' } },
    spec: {},
  });
  await cluster.apply(model('model'));
}, 60_000);
afterAll(async () => {
  await cluster.stop();
});

const inTeam = (name: string) => ({ namespace: 'team', name });
const model = (name: string, image = 'example.com/aim:1') => `
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMModel
metadata: { name: ${name} }
spec: { image: "${image}" }
`;
const template = (name: string, more = '', modelName = 'model') => `
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMServiceTemplate
metadata: { name: ${name} }
spec:
  modelName: ${modelName}
${more}`;
const inline = '  modelSources: [{ modelId: org/model, sourceUri: "hf://org/model" }]';
const output = (
  metadata: object = {},
  models: object[] = [{ name: 'org/model', source: 'hf://org/model', size_gb: 2 }],
) =>
  JSON.stringify([
    {
      filename: 'p',
      profile: {
        model: 'org/model',
        metadata: { engine: 'vllm', type: 'optimized', ...metadata },
        engine_args: { a: 1 },
        env_vars: {},
      },
      models,
    },
  ]);
const mi300x = { gpu: 'MI300X', gpu_count: 2, metric: 'latency', precision: 'fp8' };
const runFor = (name: string, log: string, fails = false) => {
  const before = cluster.run;
  cluster.run = (job) =>
    job.metadata.labels?.['aim.eai.amd.com/template'] === name ||
    job.metadata.labels?.['aim.silogen.ai/template'] === name
      ? { log, fails }
      : before(job);
};
const status = (wanted: string) => (object: { status?: { status?: string } }) => object.status?.status === wanted;

describe('discovery', () => {
  it('asks the image with a Job, and keeps what it answers', async () => {
    runFor('found', output(mi300x));
    await cluster.apply(
      template(
        'found',
        '  hardware: { gpu: { requests: 2, model: MI300X, resourceName: amd.com/gpu } }\n  metric: latency',
      ),
    );
    const found = await cluster.eventually(AIMServiceTemplate, inTeam('found'), status('Ready'));
    expect(found.status).toMatchObject({
      resolvedModel: { name: 'model', namespace: 'team' },
      modelSources: [{ modelId: 'org/model', sourceUri: 'hf://org/model', size: '2Gi' }],
      profile: { engine_args: { a: 1 }, metadata: { gpu: 'MI300X', gpuCount: 2, type: 'optimized' } },
      resolvedHardware: { gpu: { requests: 2, model: 'MI300X', resourceName: 'amd.com/gpu' } },
      hardwareSummary: '2 x MI300X',
    });
    expect(says(found, 'Discovered', 'True', 'DiscoveryComplete')).toBe(true);
    // Conditions of the discovery go with it (trap 2).
    expect(found.status?.conditions?.map(({ type }) => type).toSorted()).toEqual([
      'Discovered',
      'GPUReady',
      'ModelReady',
      'Ready',
      'RuntimeConfigReady',
    ]);
    const ref = found.status?.discoveryJob ?? {};
    const job = await cluster.client.get(Job, { namespace: ref.namespace, name: ref.name ?? '' });
    expect(job).toMatchObject({
      metadata: {
        name: expect.stringMatching(/^discover-found-[0-9a-f]{8}$/) as unknown,
        labels: { 'app.kubernetes.io/name': 'aim-discovery', 'app.kubernetes.io/managed-by': 'aim-controller' },
        ownerReferences: [{ kind: 'AIMServiceTemplate', name: 'found' }],
      },
      spec: { backoffLimit: 0, ttlSecondsAfterFinished: 60 },
    });
    const pod = job?.spec.template.spec;
    expect(pod).toMatchObject({ restartPolicy: 'Never', securityContext: { runAsNonRoot: true, runAsUser: 65532 } });
    expect(pod?.containers[0]).toMatchObject({
      name: 'discovery',
      image: 'example.com/aim:1',
      args: ['dry-run', '--format=json'],
      env: [
        { name: 'AIM_LOG_LEVEL_ROOT', value: 'CRITICAL' },
        { name: 'AIM_LOG_LEVEL', value: 'CRITICAL' },
        { name: 'AIM_METRIC', value: 'latency' },
        { name: 'AIM_GPU_MODEL', value: 'MI300X' },
        { name: 'AIM_GPU_COUNT', value: '2' },
      ],
    });
  });

  it('never needs more than four writes for a template that is ready in the end', () => {
    const writes = cluster.writes.filter((write) => /\b(discover-)?found\b/.test(write));
    expect(writes.length).toBeLessThanOrEqual(3);
  });

  it('omits the least memory once the model of the GPUs is known, or the status would be refused (trap 9)', async () => {
    runFor('vram', output(mi300x));
    await cluster.apply(template('vram', '  hardware: { gpu: { requests: 1, minVram: 100Gi } }'));
    const vram = await cluster.eventually(AIMServiceTemplate, inTeam('vram'), status('Ready'));
    expect(vram.status?.resolvedHardware?.gpu).toEqual({ requests: 2, model: 'MI300X', resourceName: 'amd.com/gpu' });
    expect(vram.status?.resolvedNodeAffinity).toMatchObject({
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ values: ['74a1', '74a9', '74b5', '74bd'] }] }],
      },
    });
  });

  it('of an image that needs no hardware leaves no empty object behind (trap 9)', async () => {
    runFor('cpu', output());
    await cluster.apply(template('cpu'));
    const cpu = await cluster.eventually(AIMServiceTemplate, inTeam('cpu'), status('Ready'));
    expect(cpu.status?.resolvedHardware).toBeUndefined();
  });

  it.each([
    ['garbage', 'Traceback: boom', false, 'DiscoveryParseFailed', 'no JSON list of profiles'],
    ['empty', '[]', false, 'DiscoveryParseFailed', 'no JSON list of profiles'],
    ['nomodels', output({}, []), false, 'NoModelSources', 'names no models'],
    ['badenum', output({ precision: 'fp6' }), false, 'DiscoveryParseFailed', 'precision is "fp6"'],
    ['failing', 'ERROR model not supported', true, 'JobBackoffLimitExceeded', 'reached the limit'],
  ])('that brings %s fails, and is repeated after a wait (traps 7, 8)', async (name, log, fails, reason, message) => {
    cluster.clockAheadMs = 0;
    runFor(name, log, fails);
    await cluster.apply(template(name));
    const failed = await cluster.eventually(AIMServiceTemplate, inTeam(name), (object) =>
      says(object, 'DiscoveryJobReady', 'False', reason),
    );
    expect(failed.status?.status).toBe('Failed');
    expect(messageOf(failed, 'DiscoveryJobReady')).toContain(message);
    expect(messageOf(failed, 'Discovered')).toMatch(/\(attempt 1\); the next try is at \d{4}-.*Z, or as soon as/);
    expect(failed.status?.discovery).toMatchObject({
      attempts: 1,
      specHash: expect.stringMatching(/^[0-9a-f]{16}$/) as unknown,
    });
    expect(failed.status?.modelSources).toBeUndefined();

    // The wait is over, the image is mended: it recovers by itself, though the old Job is still there.
    runFor(name, output());
    cluster.clockAheadMs = 61_000;
    await cluster.restart();
    const ready = await cluster.eventually(AIMServiceTemplate, inTeam(name), status('Ready'));
    expect(ready.status?.discovery).toBeUndefined();
  });

  it('waits while the Job has gone and the next try is not due, and starts at once when the question changes', async () => {
    cluster.clockAheadMs = 0;
    runFor('waiting', 'boom', true);
    await cluster.apply(template('waiting'));
    const failed = await cluster.eventually(AIMServiceTemplate, inTeam('waiting'), status('Failed'));
    await cluster.client.delete(Job, { namespace: 'team', name: failed.status?.discoveryJob?.name ?? '' });
    const waiting = await cluster.eventually(AIMServiceTemplate, inTeam('waiting'), (object) =>
      says(object, 'DiscoveryJobReady', 'False', 'JobNotCreated'),
    );
    expect(waiting.status?.status).toBe('Pending');
    expect(says(waiting, 'Discovered', 'False', 'AwaitingDiscovery')).toBe(true);
    runFor('waiting', output());
    await cluster.client.patch(AIMServiceTemplate, inTeam('waiting'), {
      type: 'merge',
      body: { spec: { profileId: 'other' } },
    });
    await cluster.eventually(AIMServiceTemplate, inTeam('waiting'), status('Ready'));
  });

  it('says that the image cannot be pulled, and asks the corrected image instead', async () => {
    await cluster.apply(model('nopull', 'example.com/private:1'));
    cluster.run = ((before) => (job) =>
      job.spec.template.spec?.containers[0]?.image === 'example.com/private:1'
        ? { pullError: '401 unauthorized' }
        : before(job))(cluster.run);
    await cluster.apply(template('nopull', '', 'nopull'));
    const failed = await cluster.eventually(AIMServiceTemplate, inTeam('nopull'), status('Failed'));
    expect(says(failed, 'DiscoveryPodsReady', 'False', 'ImagePullAuthFailure')).toBe(true);
    expect(says(failed, 'AuthValid', 'False', 'AuthError')).toBe(true);
    runFor('nopull', output());
    await cluster.client.patch(AIMModel, inTeam('nopull'), {
      type: 'merge',
      body: { spec: { image: 'example.com/public:1' } },
    });
    await cluster.eventually(AIMServiceTemplate, inTeam('nopull'), status('Ready'));
    expect(
      await cluster.client.get(Job, { namespace: 'team', name: failed.status?.discoveryJob?.name ?? '' }),
    ).toBeUndefined();
  });
});

describe('what a template needs', () => {
  it('the model: Failed without it, and asked when it comes', async () => {
    runFor('orphan', output());
    await cluster.apply(template('orphan', '', 'later'));
    const orphan = await cluster.eventually(AIMServiceTemplate, inTeam('orphan'), status('Failed'));
    expect(says(orphan, 'ModelReady', 'False', 'ReferenceNotFound')).toBe(true);
    expect(messageOf(orphan, 'ModelReady')).toContain(
      'there is neither AIMModel team/later nor AIMClusterModel later: create one',
    );
    await cluster.apply(model('later'));
    await cluster.eventually(AIMServiceTemplate, inTeam('orphan'), status('Ready'));
  });

  it('a model of the cluster will do', async () => {
    runFor('fromcluster', output());
    await cluster.apply(model('shared').replace('AIMModel', 'AIMClusterModel'));
    await cluster.apply(template('fromcluster', '', 'shared'));
    const ready = await cluster.eventually(AIMServiceTemplate, inTeam('fromcluster'), status('Ready'));
    expect(ready.status?.resolvedModel).toMatchObject({ name: 'shared', scope: 'Cluster' });
  });

  it('the GPU: NotAvailable without it, and asked when a node brings it', async () => {
    runFor('gpuless', output({ gpu: 'MI325X', gpu_count: 1 }));
    await cluster.apply(template('gpuless', '  hardware: { gpu: { requests: 1, model: MI325X } }'));
    const missing = await cluster.eventually(AIMServiceTemplate, inTeam('gpuless'), status('NotAvailable'));
    expect(says(missing, 'GPUReady', 'False', 'GPUNotAvailable')).toBe(true);
    expect(messageOf(missing, 'GPUReady')).toContain('the nodes have MI300X');
    await cluster.client.create(Node, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'new-node', labels: { 'amd.com/gpu.device-id': '74a5' } },
      spec: {},
    });
    await cluster.eventually(AIMServiceTemplate, inTeam('gpuless'), status('Ready'));
    const jobs = cluster.writes.filter((write) => write.startsWith('apply Job discover-gpuless')).length;
    await cluster.client.delete(Node, { name: 'new-node' });
    await cluster.eventually(AIMServiceTemplate, inTeam('gpuless'), status('NotAvailable'));
    await cluster.client.create(Node, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'new-node', labels: { 'amd.com/gpu.device-id': '74a5' } },
      spec: {},
    });
    // The answer is remembered: nobody is asked again.
    await cluster.eventually(AIMServiceTemplate, inTeam('gpuless'), status('Ready'));
    expect(cluster.writes.filter((write) => write.startsWith('apply Job discover-gpuless'))).toHaveLength(jobs);
  });

  it('enough memory: VRAMNotAvailable', async () => {
    await cluster.apply(template('bigvram', '  hardware: { gpu: { requests: 1, minVram: 900Gi } }'));
    const missing = await cluster.eventually(AIMServiceTemplate, inTeam('bigvram'), status('NotAvailable'));
    expect(says(missing, 'GPUReady', 'False', 'VRAMNotAvailable')).toBe(true);
  });

  it('the runtime configuration that it names', async () => {
    await cluster.apply(template('configless', `${inline}\n  runtimeConfigName: special`));
    const missing = await cluster.eventually(AIMServiceTemplate, inTeam('configless'), status('Failed'));
    expect(says(missing, 'RuntimeConfigReady', 'False', 'ConfigNotFound')).toBe(true);
  });
});

describe('a template that names its weights', () => {
  it('is Ready without a Job, with the exact message of the operator', async () => {
    await cluster.apply(
      template('inline', `${inline}\n  type: preview\n  hardware: { gpu: { requests: 1, model: MI300X } }`),
    );
    const ready = await cluster.eventually(AIMServiceTemplate, inTeam('inline'), status('Ready'));
    expect(says(ready, 'Discovered', 'True', 'InlineModelSources')).toBe(true);
    expect(messageOf(ready, 'Discovered')).toBe('Model sources provided in-line in spec');
    expect(ready.status).toMatchObject({
      profile: { metadata: { gpu: 'MI300X', gpuCount: 1, type: 'preview' } },
      hardwareSummary: '1 x MI300X',
    });
    expect(cluster.writes.filter((write) => write.includes('discover-inline'))).toEqual([]);
  });

  it('keeps a cache of its own when it is told to', async () => {
    await cluster.apply(template('caching', `${inline}\n  caching: { enabled: true, env: [{ name: A, value: b }] }`));
    const cache = await cluster.eventually(AIMTemplateCache, inTeam('caching'), () => true);
    expect(cache).toMatchObject({
      metadata: { ownerReferences: [{ kind: 'AIMServiceTemplate', name: 'caching' }] },
      spec: { templateName: 'caching', templateScope: 'Namespace', env: [{ name: 'A', value: 'b' }] },
    });
  });

  it('leaves a cache of its name that is not its own', async () => {
    await cluster.apply(`
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMTemplateCache
metadata: { name: foreign }
spec: { templateName: other, templateScope: Cluster }
`);
    await cluster.apply(template('foreign', `${inline}\n  caching: { enabled: true }`));
    await cluster.eventually(AIMServiceTemplate, inTeam('foreign'), status('Ready'));
    expect((await cluster.client.get(AIMTemplateCache, inTeam('foreign')))?.spec?.templateName).toBe('other');
  });
});

describe('cluster templates', () => {
  it('run their Jobs in the namespace of the operator', async () => {
    runFor('ofcluster', output());
    await cluster.apply(model('clustermodel').replace('AIMModel', 'AIMClusterModel'));
    await cluster.apply(
      template('ofcluster', '', 'clustermodel').replace('AIMServiceTemplate', 'AIMClusterServiceTemplate'),
    );
    const ready = await cluster.eventually(AIMClusterServiceTemplate, { name: 'ofcluster' }, status('Ready'));
    expect(ready.status?.discoveryJob?.namespace).toBe(operatorNamespace);
    expect(says(ready, 'ClusterModelReady', 'True', 'ClusterModelFound')).toBe(true);
  });
});

describe('many templates', () => {
  it('ask ten at a time, and all get their turn', async () => {
    const names = Array.from({ length: 13 }, (_, i) => `many-${String(i)}`);
    const before = cluster.run;
    cluster.run = (job) => (job.metadata.name.startsWith('discover-many-') ? 'hangs' : before(job));
    await cluster.apply(names.map((name) => template(name)).join('---'));
    const queued = await Promise.all(
      names.map((name) =>
        cluster.eventually(
          AIMServiceTemplate,
          inTeam(name),
          (object) =>
            object.status?.status === 'Progressing' || messageOf(object, 'Discovered').includes('waits for its turn'),
        ),
      ),
    );
    const { items } = await cluster.client.list(Job, { namespace: 'team' });
    const unfinished = items.filter(
      ({ status: job }) => !(job?.conditions ?? []).some(({ type }) => type === 'Complete' || type === 'Failed'),
    );
    expect(unfinished.length).toBe(10);
    expect(queued.filter(status('Progressing'))).toHaveLength(10);
    cluster.run = (job) => (job.metadata.name.startsWith('discover-many-') ? { log: output() } : before(job));
    // Those that hang are given up by their users; the others follow.
    for (const { metadata } of queued.filter(status('Progressing')))
      await cluster.client.delete(AIMServiceTemplate, metadata);
    for (const { metadata } of unfinished) await cluster.client.delete(Job, metadata);
    const left = queued.filter((object) => !status('Progressing')(object));
    for (const { metadata } of left) await cluster.eventually(AIMServiceTemplate, metadata, status('Ready'));
  });
});

describe('templates of the older group', () => {
  const legacy = (yaml: string) => yaml.replaceAll('aim.eai.amd.com', 'aim.silogen.ai');

  it('find out their profile and make the ServingRuntime', async () => {
    runFor('old', output(mi300x));
    await cluster.apply(legacy(model('oldmodel')));
    await cluster.apply(legacy(template('old', '  gpuSelector: { count: 2, model: MI300X }', 'oldmodel')));
    const ready = await cluster.eventually(LegacyAIMServiceTemplate, inTeam('old'), status('Ready'));
    expect(says(ready, 'Discovered', 'True', 'Discovered')).toBe(true);
    expect(says(ready, 'Ready', 'True', 'Available')).toBe(true);
    expect(ready.status).toMatchObject({
      modelSources: [{ name: 'org/model', sourceUri: 'hf://org/model', size: '2Gi' }],
      profile: { model: 'org/model', metadata: { gpu: 'MI300X', gpu_count: 2 } },
    });
    const runtime = await cluster.eventually(ServingRuntime, inTeam('old'), () => true);
    expect(runtime.spec.supportedModelFormats).toEqual([{ name: 'aim', version: '1' }]);
    expect(runtime.spec.containers?.[0]).toMatchObject({
      image: 'example.com/aim:1',
      resources: { limits: { 'amd.com/gpu': '2' } },
    });
  });

  it.each([
    ['oldgarbage', '  gpuSelector: { count: 1, model: MI300X }', 'Failed', 'DiscoveryParseFailed'],
    ['oldnogpu', '  gpuSelector: { count: 1, model: MI210 }', 'NotAvailable', 'GPUUnavailable'],
  ])('say what is wrong: %s', async (name, more, state, reason) => {
    runFor(name, 'garbage');
    await cluster.apply(legacy(template(name, more, 'oldmodel')));
    const bad = await cluster.eventually(LegacyAIMServiceTemplate, inTeam(name), status(state));
    expect(says(bad, 'Ready', 'False', reason)).toBe(true);
    expect(says(bad, 'Failure', state === 'Failed' ? 'True' : 'False')).toBe(true);
  });

  it('are Degraded without a model, and recover when it comes', async () => {
    runFor('oldorphan', output());
    await cluster.apply(legacy(template('oldorphan', '', 'oldlater')));
    const orphan = await cluster.eventually(LegacyAIMServiceTemplate, inTeam('oldorphan'), status('Degraded'));
    expect(says(orphan, 'Ready', 'False', 'ImageNotFound')).toBe(true);
    await cluster.apply(legacy(model('oldlater')).replace('AIMModel', 'AIMClusterModel'));
    await cluster.eventually(LegacyAIMServiceTemplate, inTeam('oldorphan'), status('Ready'));
  });
});

describe('settled templates', () => {
  it('are not written again after a restart (trap 1)', async () => {
    await cluster.eventually(AIMServiceTemplate, inTeam('inline'), status('Ready'));
    await cluster.restart();
    const before = cluster.writes.length;
    await cluster.apply(template('zz-last', inline));
    await cluster.eventually(AIMServiceTemplate, inTeam('zz-last'), status('Ready'));
    const again = cluster.writes.slice(before).filter((write) => / (found|inline|caching|cpu|old)$/.test(write));
    expect(again).toEqual([]);
  });
});
