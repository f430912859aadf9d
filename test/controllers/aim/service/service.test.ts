import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AIMModel } from '../../../../src/kinds/aim/aimmodel.ts';
import { AIMService } from '../../../../src/kinds/aim/aimservice.ts';
import { AIMServiceTemplate } from '../../../../src/kinds/aim/aimservicetemplate.ts';
import { AIMTemplateCache } from '../../../../src/kinds/aim/aimtemplatecache.ts';
import { HTTPRoute } from '../../../../src/kinds/gateway/httproute.ts';
import { InferenceService } from '../../../../src/kinds/kserve/inferenceservice.ts';
import { conditionOf, startServiceCluster, type ServiceCluster } from './servicecluster.ts';

let cluster: ServiceCluster;
beforeAll(async () => {
  cluster = await startServiceCluster();
  await cluster.apply(`
apiVersion: v1
kind: Node
metadata: { name: gpu-node, labels: { amd.com/gpu.device-id: 74a1 } }
`);
});
afterAll(async () => {
  await cluster.stop();
});

const inTeam = (name: string) => ({ namespace: 'ml-team', name });

const service = (name: string, spec: string, metadata = '') => `
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMService
metadata: { name: ${name}, ${metadata} }
spec: ${spec}
`;
const model = (name: string, status = 'Ready', image = `registry.test/${name}:1`) => `
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMModel
metadata: { name: ${name} }
spec: { image: '${image}' }
status: { status: ${status} }
`;
const template = (name: string, modelName: string, more: { status?: string; spec?: string; gpu?: string } = {}) => `
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMServiceTemplate
metadata: { name: ${name} }
spec: { modelName: ${modelName}, metric: latency, ${more.spec ?? ''} }
status:
  status: ${more.status ?? 'Ready'}
  modelSources: [{ modelId: org/${modelName}, sourceUri: hf://org/${modelName} }]
  resolvedHardware: { gpu: { requests: 2, model: MI300X } }
  profile: { metadata: { type: optimized, gpu: ${more.gpu ?? 'MI300X'}, metric: latency, precision: fp8 } }
`;
const cacheReady = (artifact: string, modelId: string) => ({
  status: 'Ready',
  artifacts: {
    [artifact]: { name: artifact, model: modelId, status: 'Ready', persistentVolumeClaim: `${artifact}-pvc` },
  },
});
const ready = { conditions: [{ type: 'Ready', status: 'True' }] };
const runningPod = (serving: string) => `
apiVersion: v1
kind: Pod
metadata: { name: ${serving}-pod, labels: { serving.kserve.io/inferenceservice: ${serving} } }
spec: { containers: [{ name: kserve-container, image: x }] }
status: { phase: Running, conditions: [{ type: Ready, status: 'True' }] }
`;

/** Plays the cache, KServe and the pods until the service runs. */
async function bringUp(name: string, templateName: string): Promise<AIMService> {
  const cache = inTeam(`${templateName}-a04542d9`);
  await cluster.eventually(AIMTemplateCache, cache, (found) => found !== undefined);
  await cluster.setStatus(AIMTemplateCache, cache, cacheReady('weights', `org/${name}`));
  const serving = inTeam(`${name}-a04542d9`);
  await cluster.eventually(InferenceService, serving, (found) => found !== undefined);
  await cluster.setStatus(InferenceService, serving, ready);
  await cluster.apply(runningPod(serving.name));
  return cluster.service(inTeam(name), 'Running');
}

describe('a service', () => {
  it('comes up step by step, with few writes, and is then left alone', async () => {
    await cluster.apply(
      service('steps', '{ model: { image: "registry.test/steps:1" }, resources: { limits: { cpu: "9" } } }'),
    );
    const made = await cluster.eventually(AIMModel, inTeam('steps-1-66c1d5a9'), () => true);
    expect(made).toBeUndefined();
    const pending = await cluster.service(inTeam('steps'), 'Pending', 'CreatingModel');
    const name =
      /AIMModel (?<name>\S+)/.exec(conditionOf(pending, 'ModelReady')?.message ?? '')?.groups?.['name'] ?? '';
    const created = await cluster.eventually(AIMModel, inTeam(name), (found) => found !== undefined);
    expect(created?.spec?.image).toBe('registry.test/steps:1');
    // It outlives the service.
    expect(created?.metadata.ownerReferences).toBeUndefined();
    expect(created?.metadata.labels).toMatchObject({
      'aim.eai.amd.com/origin': 'auto-generated',
      'aim.eai.amd.com/service.name': 'steps',
      'app.kubernetes.io/managed-by': 'aim-service-controller',
    });

    await cluster.setStatus(AIMModel, inTeam(name), { status: 'Ready' });
    await cluster.service(inTeam('steps'), 'Pending', 'TemplateNotFound');
    await cluster.apply(template('steps-t', name));
    await cluster.service(inTeam('steps'), 'Starting', 'CacheCreating');
    const running = await bringUp('steps', 'steps-t');

    const serving = await cluster.client.get(InferenceService, inTeam('steps-a04542d9'));
    expect(serving?.spec.predictor).toMatchObject({
      minReplicas: 1,
      maxReplicas: 1,
      containers: [
        {
          name: 'kserve-container',
          image: 'registry.test/steps:1',
          env: [
            { name: 'AIM_CACHE_PATH', value: '/workspace/cache' },
            { name: 'AIM_METRIC', value: 'latency' },
            { name: 'VLLM_ENABLE_METRICS', value: 'true' },
          ],
          resources: {
            requests: { cpu: '8', memory: '64Gi', 'amd.com/gpu': '2' },
            limits: { cpu: '9', memory: '96Gi', 'amd.com/gpu': '2' },
          },
          volumeMounts: [
            { name: 'dshm', mountPath: '/dev/shm' },
            { name: 'weights', mountPath: '/workspace/cache/org/steps' },
          ],
        },
      ],
    });
    expect(serving?.metadata.labels).toMatchObject({
      'aim.eai.amd.com/service': 'steps',
      'aim.eai.amd.com/template': 'steps-t',
      'aim.eai.amd.com/precision': 'fp8',
      'app.kubernetes.io/managed-by': 'aim-engine',
    });
    expect(serving?.metadata.annotations).toMatchObject({ 'serving.kserve.io/autoscalerClass': 'none' });
    expect(running.status).toMatchObject({
      observedGeneration: running.metadata.generation,
      resolvedModel: { name, scope: 'Namespace' },
      resolvedTemplate: { name: 'steps-t', scope: 'Namespace' },
      runtime: { replicas: '1' },
      cache: { templateCacheRef: { name: 'steps-t-a04542d9' } },
    });
    expect(conditionOf(running, 'Ready')?.reason).toBe('AllComponentsReady');

    const own = cluster.writes.filter((write) => write.includes('steps'));
    expect(own.length).toBeLessThanOrEqual(12);
    // A second pass over what is settled writes nothing (trap 1).
    await cluster.client.patch(AIMService, inTeam('steps'), {
      type: 'merge',
      body: { metadata: { annotations: { touched: 'yes' } } },
    });
    await cluster.apply(service('after', '{ model: { name: missing } }'));
    await cluster.service(inTeam('after'), 'Failed', 'ModelNotFound');
    expect(cluster.writes.filter((write) => write.includes('steps'))).toEqual(own);
  });

  it('is scaled without losing its volumes, also while its cache is not ready (trap 15)', async () => {
    await cluster.apply(
      model('scaled') +
        '---' +
        template('scaled-t', 'scaled') +
        '---' +
        service('scaled', '{ model: { name: scaled } }'),
    );
    await bringUp('scaled', 'scaled-t');
    await cluster.setStatus(AIMTemplateCache, inTeam('scaled-t-a04542d9'), { status: 'Failed' });
    await cluster.service(inTeam('scaled'), 'Failed', 'CacheFailed');
    await cluster.client.patch(AIMService, inTeam('scaled'), { type: 'merge', body: { spec: { replicas: 3 } } });
    const serving = await cluster.eventually(
      InferenceService,
      inTeam('scaled-a04542d9'),
      (found) => found?.spec.predictor.minReplicas === 3,
    );
    expect(serving?.spec.predictor.volumes?.map(({ name }) => name)).toEqual(['dshm', 'weights']);
    await cluster.setStatus(AIMTemplateCache, inTeam('scaled-t-a04542d9'), { status: 'Ready' });
    const running = await cluster.service(inTeam('scaled'), 'Running');
    expect(running.status?.runtime?.replicas).toBe('3');
  });

  it('keeps its InferenceService as it is when its model is deleted (trap 15)', async () => {
    await cluster.apply(
      model('gone') + '---' + template('gone-t', 'gone') + '---' + service('gone', '{ model: { name: gone } }'),
    );
    await bringUp('gone', 'gone-t');
    const before = await cluster.client.get(InferenceService, inTeam('gone-a04542d9'));
    await cluster.client.delete(AIMModel, inTeam('gone'));
    const failed = await cluster.service(inTeam('gone'), 'Failed', 'ModelNotFound');
    expect(conditionOf(failed, 'ModelReady')?.message).toContain('create one or change model.name');
    expect((await cluster.client.get(InferenceService, inTeam('gone-a04542d9')))?.spec).toEqual(before?.spec);
    await cluster.apply(model('gone'));
    await cluster.service(inTeam('gone'), 'Running');
  });
});

describe('the template that is in use (trap 6)', () => {
  const templateOf = (name: string) => (found: AIMService | undefined) =>
    found?.status?.resolvedTemplate?.name === name;

  it('stays when a better one comes, and is replaced when it is not ready any more', async () => {
    await cluster.apply(model('sticky'));
    await cluster.apply(template('sticky-good', 'sticky').replace('precision: fp8', 'precision: fp16'));
    await cluster.apply(service('sticky', '{ model: { name: sticky } }'));
    const running = await bringUp('sticky', 'sticky-good');
    expect(running.status?.resolvedTemplate?.name).toBe('sticky-good');

    await cluster.apply(template('sticky-better', 'sticky'));
    // A service that comes later is given the better one; the first has been woken by it, too.
    await cluster.apply(service('sticky-later', '{ model: { name: sticky } }'));
    await cluster.eventually(AIMService, inTeam('sticky-later'), templateOf('sticky-better'));
    expect(templateOf('sticky-good')(await cluster.client.get(AIMService, inTeam('sticky')))).toBe(true);

    await cluster.setStatus(AIMServiceTemplate, inTeam('sticky-good'), { status: 'Failed' });
    await cluster.eventually(AIMService, inTeam('sticky'), templateOf('sticky-better'));
  });
});

describe('a service that waits or fails', () => {
  it.each([
    ['a model that does not exist', 'no-model', '{ model: { name: nowhere } }', '', 'Failed', 'ModelNotFound'],
    ['an image that is none', 'no-image', '{ model: { image: ":::x" } }', '', 'Failed', 'InvalidImageReference'],
    [
      'a model in progress',
      'waits',
      '{ model: { name: slow } }',
      model('slow', 'Progressing'),
      'Pending',
      'ModelNotReady',
    ],
    ['a failed model', 'broken', '{ model: { name: bad } }', model('bad', 'Failed'), 'Failed', 'ModelNotReady'],
    ['no template', 'no-template', '{ model: { name: bare } }', model('bare'), 'Pending', 'TemplateNotFound'],
    [
      'a named template that does not exist',
      'no-named',
      '{ model: { name: bare2 }, template: { name: nowhere } }',
      model('bare2'),
      'Failed',
      'TemplateNotFound',
    ],
    [
      'only templates that failed',
      'bad-template',
      '{ model: { name: m1 } }',
      `${model('m1')}---${template('m1-t', 'm1', { status: 'Failed' })}`,
      'Pending',
      'TemplateNotReady',
    ],
    [
      'a named template whose hardware is not there (trap 3)',
      'not-available',
      '{ model: { name: m2 }, template: { name: m2-t } }',
      `${model('m2')}---${template('m2-t', 'm2', { status: 'NotAvailable' })}`,
      'Degraded',
      'TemplateNotReady',
    ],
    [
      'two templates that fit equally well',
      'tied',
      '{ model: { name: m3 } }',
      `${model('m3')}---${template('m3-a', 'm3')}---${template('m3-b', 'm3')}`,
      'Failed',
      'TemplateSelectionAmbiguous',
    ],
    [
      'a runtime config that does not exist',
      'no-config',
      '{ model: { name: m4 }, runtimeConfigName: nowhere }',
      model('m4'),
      'Failed',
      'ReferenceNotFound',
    ],
    [
      'routing without a Gateway',
      'no-gateway',
      '{ model: { name: m5 }, routing: { enabled: true } }',
      model('m5'),
      'Failed',
      'GatewayNotConfigured',
    ],
    [
      'several models of its image',
      'many',
      '{ model: { image: "registry.test/many:1" } }',
      `${model('many1', 'Ready', 'registry.test/many:1')}---${model('many2', 'Ready', 'registry.test/many:1')}`,
      'Degraded',
      'UnknownError',
    ],
  ])('%s', async (_, name, spec, objects, status, reason) => {
    if (objects !== '') await cluster.apply(objects);
    await cluster.apply(service(name, spec));
    const found = await cluster.service(inTeam(name), status, reason);
    const told = found.status?.conditions?.filter((condition) => condition.reason === reason) ?? [];
    expect(told[0]?.message).not.toBe('');
  });

  it('says why each template was not taken, and goes on when one fits', async () => {
    await cluster.apply(
      [
        model('choosy'),
        template('choosy-325', 'choosy', { gpu: 'MI325X' }),
        template('choosy-p', 'choosy', { status: 'Pending' }),
      ].join('---'),
    );
    await cluster.apply(service('choosy', '{ model: { name: choosy } }'));
    const waiting = await cluster.service(inTeam('choosy'), 'Pending', 'TemplateNotFound');
    const { message = '' } = conditionOf(waiting, 'TemplateReady') ?? {};
    expect(message).toContain(
      'choosy-325 (Namespace): RequiredGPUNotInCluster, it needs MI325X, the nodes have MI300X',
    );
    expect(message).toContain('choosy-p (Namespace): TemplatePending');
    // A template wakes the services that choose one.
    await cluster.setStatus(AIMServiceTemplate, inTeam('choosy-p'), { status: 'Ready' });
    const starting = await cluster.service(inTeam('choosy'), 'Starting');
    expect(conditionOf(starting, 'TemplateReady')?.message).toContain('not taken: choosy-325');
    expect(starting.status?.resolvedTemplate?.name).toBe('choosy-p');
  });

  it('makes a template of its own where overrides want another than the named one', async () => {
    await cluster.apply(model('over') + '---' + template('over-t', 'over'));
    await cluster.apply(
      service('over', '{ model: { name: over }, template: { name: over-t }, overrides: { precision: fp16 } }'),
    );
    const name = 'over-t-ovr-fp16';
    const pending = await cluster.service(inTeam('over'), 'Pending', 'TemplateNotReady');
    const derived =
      /template (?<name>\S+)/.exec(conditionOf(pending, 'TemplateReady')?.message ?? '')?.groups?.['name'] ?? '';
    expect(derived.startsWith(name)).toBe(true);
    const made = await cluster.eventually(AIMServiceTemplate, inTeam(derived), (found) => found !== undefined);
    expect(made?.spec).toMatchObject({
      modelName: 'over',
      precision: 'fp16',
      metric: 'latency',
      caching: { enabled: true },
    });
    await cluster.setStatus(AIMServiceTemplate, inTeam(derived), { status: 'Ready' });
    const resolved = await cluster.eventually(
      AIMService,
      inTeam('over'),
      (found) => found?.status?.resolvedTemplate !== undefined,
    );
    expect(resolved?.status?.resolvedTemplate?.name).toBe(derived);
  });
});

describe('the route of a service', () => {
  const gateway = 'gatewayRef: { name: inference-gateway, namespace: kgateway-system }';
  const accepted = (status: string, reason: string) => ({
    parents: [
      {
        parentRef: { name: 'inference-gateway', namespace: 'kgateway-system' },
        controllerName: 'test.dev/gateway',
        conditions: [{ type: 'Accepted', status, reason, message: 'told', lastTransitionTime: '2026-01-01T00:00:00Z' }],
      },
    ],
  });

  it('is made as the guide says (seed 000)', async () => {
    await cluster.apply(`
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMRuntimeConfig
metadata: { name: routed }
spec: { routing: { annotations: { team/a: config, team/b: config } } }
`);
    await cluster.apply(
      service(
        'qwen-chat',
        `{ model: { name: x1 }, runtimeConfigName: routed, routing: { enabled: true, ${gateway}, requestTimeout: 90m,
           annotations: { team/b: service }, pathTemplate: '/{.metadata.namespace}/{.metadata.name}' } }`,
      ),
    );
    const route = await cluster.eventually(HTTPRoute, inTeam('qwen-chat-a04542d9'), (found) => found !== undefined);
    expect(route?.metadata.annotations).toEqual({ 'team/a': 'config', 'team/b': 'service' });
    expect(route?.spec.parentRefs).toMatchObject([{ name: 'inference-gateway', namespace: 'kgateway-system' }]);
    expect(route?.spec.rules).toMatchObject([
      {
        matches: [{ path: { type: 'PathPrefix', value: '/ml-team/qwen-chat' } }],
        filters: [
          { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } } },
        ],
        backendRefs: [{ kind: 'Service', name: 'qwen-chat-a04542d9-predictor', namespace: 'ml-team', port: 80 }],
        timeouts: { request: '1h30m0s' },
      },
    ]);
    const found = await cluster.service(inTeam('qwen-chat'), 'Failed', 'HTTPRoutePending');
    expect(found.status?.routing?.path).toBe('/ml-team/qwen-chat');
    expect(found.status?.resolvedRuntimeConfig).toMatchObject({ name: 'routed', scope: 'Namespace' });
    expect(conditionOf(found, 'HTTPRouteReady')?.message).toContain(
      'Gateway kgateway-system/inference-gateway does not exist',
    );
  });

  it('is corrected after a Gateway refused it (trap 4), and goes when routing is turned off (traps 2 and 5)', async () => {
    await cluster.apply(model('refused') + '---' + template('refused-t', 'refused'));
    await cluster.apply(service('refused', `{ model: { name: refused }, routing: { enabled: true, ${gateway} } }`));
    const ref = inTeam('refused-a04542d9');
    await cluster.eventually(HTTPRoute, ref, (found) => found !== undefined);
    await cluster.setStatus(HTTPRoute, ref, accepted('False', 'NotAllowedByListeners'));
    await cluster.service(inTeam('refused'), 'Failed', 'NotAllowedByListeners');
    await cluster.client.patch(AIMService, inTeam('refused'), {
      type: 'merge',
      body: { spec: { routing: { gatewayRef: { name: 'other' } } } },
    });
    await cluster.eventually(HTTPRoute, ref, (found) => found?.spec.parentRefs?.[0]?.name === 'other');
    await cluster.setStatus(HTTPRoute, ref, accepted('True', 'Accepted'));
    await cluster.service(inTeam('refused'), 'Starting', 'HTTPRouteAccepted');
    await bringUp('refused', 'refused-t');
    await cluster.client.patch(AIMService, inTeam('refused'), {
      type: 'merge',
      body: { spec: { routing: { enabled: false } } },
    });
    await cluster.eventually(HTTPRoute, ref, (found) => found === undefined);
    const running = await cluster.eventually(
      AIMService,
      inTeam('refused'),
      (found) => found !== undefined && conditionOf(found, 'HTTPRouteReady') === undefined,
    );
    expect(running?.status?.status).toBe('Running');
    expect(running?.status?.routing).toBeUndefined();
  });

  it('is not made from a bad template, and the rest of the service goes on', async () => {
    await cluster.apply(model('badpath') + '---' + template('badpath-t', 'badpath'));
    await cluster.apply(
      service(
        'badpath',
        `{ model: { name: badpath }, routing: { enabled: true, ${gateway}, pathTemplate: "/{.metadata.labels['team']}" } }`,
      ),
    );
    const degraded = await cluster.service(inTeam('badpath'), 'Degraded', 'PathTemplateInvalid');
    expect(conditionOf(degraded, 'HTTPRouteReady')?.message).toContain('no label "team"');
    await cluster.eventually(AIMTemplateCache, inTeam('badpath-t-a04542d9'), (found) => found !== undefined);
    expect(await cluster.client.get(HTTPRoute, inTeam('badpath-a04542d9'))).toBeUndefined();
    await cluster.client.patch(AIMService, inTeam('badpath'), {
      type: 'merge',
      body: { metadata: { labels: { team: 'NLP' } } },
    });
    const route = await cluster.eventually(HTTPRoute, inTeam('badpath-a04542d9'), (found) => found !== undefined);
    expect(route?.spec.rules?.[0]?.matches?.[0]?.path?.value).toBe('/nlp');
  });
});
