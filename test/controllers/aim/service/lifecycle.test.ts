import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AIMModel } from '../../../../src/kinds/aim/aimmodel.ts';
import { AIMService } from '../../../../src/kinds/aim/aimservice.ts';
import { AIMTemplateCache } from '../../../../src/kinds/aim/aimtemplatecache.ts';
import { HorizontalPodAutoscaler } from '../../../../src/kinds/autoscaling/horizontalpodautoscaler.ts';
import { InferenceService } from '../../../../src/kinds/kserve/inferenceservice.ts';
import { conditionOf, startServiceCluster, type ServiceCluster } from './servicecluster.ts';

let cluster: ServiceCluster;
beforeAll(async () => {
  cluster = await startServiceCluster();
});
afterAll(async () => {
  await cluster.stop();
});

const inTeam = (name: string) => ({ namespace: 'ml-team', name });

/** A model and an inline template without GPUs, both ready, and a service of the model. */
const serving = (name: string, more = '', metadata = '') => `
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMModel
metadata: { name: ${name} }
spec: { image: 'registry.test/${name}:1' }
status: { status: Ready }
---
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMServiceTemplate
metadata: { name: ${name}-t }
spec: { modelName: ${name} }
status:
  status: Ready
  modelSources: [{ modelId: org/${name}, sourceUri: hf://org/${name} }]
  profile: { metadata: { type: optimized } }
---
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMService
metadata: { name: ${name} ${metadata} }
spec: { model: { name: ${name} } ${more} }
`;
const readyCache = {
  status: 'Ready',
  artifacts: {
    b: { status: 'Ready', persistentVolumeClaim: 'b-pvc', model: 'org/b', mountPoint: '/elsewhere' },
    a: { status: 'Ready', persistentVolumeClaim: 'a-pvc', model: 'org/../a' },
    c: { status: 'Progressing', persistentVolumeClaim: 'c-pvc', model: 'org/c' },
  },
};
const cacheOf = (name: string) => inTeam(`${name}-t-a04542d9`);
const cacheMade = (name: string) => cluster.eventually(AIMTemplateCache, cacheOf(name), (cache) => cache !== undefined);
const patchService = (name: string, body: unknown) =>
  cluster.client.patch(AIMService, inTeam(name), { type: 'merge', body });

describe('deleting a service', () => {
  it.each([
    ['keeps a cache that is Ready', 'keeps', 'Ready', true],
    ['drops a cache that is still being filled', 'drops', 'Progressing', false],
    ['drops a cache that failed', 'drops-failed', 'Failed', false],
  ])('%s', async (_, name, status, kept) => {
    await cluster.apply(serving(name));
    await cacheMade(name);
    await cluster.setStatus(AIMTemplateCache, cacheOf(name), { status });
    // The controller has seen it when the service says so.
    const reason = { Ready: 'CacheReady', Progressing: 'CacheNotReady', Failed: 'CacheFailed' }[status] ?? '';
    await cluster.eventually(AIMService, inTeam(name), (service) =>
      service === undefined ? false : conditionOf(service, 'CacheReady')?.reason === reason,
    );
    await cluster.client.delete(AIMService, inTeam(name));
    await cluster.eventually(AIMService, inTeam(name), (service) => service === undefined);
    expect((await cluster.client.get(AIMTemplateCache, cacheOf(name))) !== undefined).toBe(kept);
    // Models outlive the service as well.
    expect(await cluster.client.get(AIMModel, inTeam(name))).toBeDefined();
  });

  it('also works while reconciliation is paused', async () => {
    await cluster.apply(serving('paused'));
    await cacheMade('paused');
    await patchService('paused', { metadata: { annotations: { 'aim.eai.amd.com/reconciliation-paused': 'true' } } });
    const generation = (await patchService('paused', { spec: { replicas: 2 } })).metadata.generation ?? 0;
    // A later service is settled, and the paused one has not been looked at.
    await cluster.apply(serving('unpaused'));
    await cacheMade('unpaused');
    const paused = await cluster.client.get(AIMService, inTeam('paused'));
    expect(paused?.status?.observedGeneration).toBeLessThan(generation);
    await cluster.client.delete(AIMService, inTeam('paused'));
    await cluster.eventually(AIMService, inTeam('paused'), (service) => service === undefined);
  });
});

describe('what a service makes', () => {
  it('mounts what is cached, in a stable order', async () => {
    await cluster.apply(serving('mounts'));
    await cacheMade('mounts');
    await cluster.setStatus(AIMTemplateCache, cacheOf('mounts'), readyCache);
    const made = await cluster.eventually(InferenceService, inTeam('mounts-a04542d9'), (found) => found !== undefined);
    expect(made?.spec.predictor.containers?.[0]?.volumeMounts).toEqual([
      { name: 'dshm', mountPath: '/dev/shm' },
      { name: 'a', mountPath: '/workspace/cache/org//a' },
      { name: 'b', mountPath: '/elsewhere' },
    ]);
    expect(made?.spec.predictor.volumes?.map(({ name }) => name)).toEqual(['dshm', 'a', 'b']);
  });

  it('has each variable once, the service over the template over the configuration (trap 15)', async () => {
    await cluster.apply(`
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMRuntimeConfig
metadata: { name: vars }
spec: { env: [{ name: AIM_METRIC, value: config }, { name: FROM_CONFIG, value: '1' }, { name: AIM_ENGINE_ARGS, value: '{"a":1}' }] }
`);
    const text = serving(
      'vars',
      ', runtimeConfigName: vars, env: [{ name: AIM_ENGINE_ARGS, value: \'{"b":2}\' }, { name: ZZ, value: z }]',
    );
    await cluster.apply(
      text.replace(
        'spec: { modelName: vars }',
        'spec: { modelName: vars, metric: latency, env: [{ name: ZZ, value: t }] }',
      ),
    );
    const cache = await cacheMade('vars');
    // The order counts for the names of artifacts: base, then additions (trap 10).
    expect(cache?.spec?.env?.map(({ name }) => name)).toEqual(['ZZ', 'AIM_ENGINE_ARGS']);
    await cluster.setStatus(AIMTemplateCache, cacheOf('vars'), readyCache);
    const made = await cluster.eventually(InferenceService, inTeam('vars-a04542d9'), (found) => found !== undefined);
    expect(made?.spec.predictor.containers?.[0]?.env).toEqual([
      { name: 'AIM_CACHE_PATH', value: '/workspace/cache' },
      { name: 'AIM_ENGINE_ARGS', value: '{"a":1,"b":2}' },
      { name: 'AIM_METRIC', value: 'latency' },
      { name: 'FROM_CONFIG', value: '1' },
      { name: 'VLLM_ENABLE_METRICS', value: 'true' },
      { name: 'ZZ', value: 'z' },
    ]);
  });

  it('inherits labels as the runtime configuration says', async () => {
    await cluster.apply(`
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMRuntimeConfig
metadata: { name: inherit }
spec: { labelPropagation: { enabled: true, match: ['org.example/*'] } }
`);
    await cluster.apply(
      serving(
        'inherits',
        ', runtimeConfigName: inherit',
        ', labels: { org.example/team: a, plain: b, aim.eai.amd.com/x: c }',
      ),
    );
    const cache = await cacheMade('inherits');
    expect(cache?.metadata.labels).toEqual({
      'aim.eai.amd.com/service': 'inherits',
      'aim.eai.amd.com/service.name': 'inherits',
      'aim.eai.amd.com/x': 'c',
      'app.kubernetes.io/managed-by': 'aim-service-controller',
      'org.example/team': 'a',
    });
  });

  it('has a cache of its own where it asks for one', async () => {
    await cluster.apply(serving('alone', ', caching: { mode: Never }'));
    const service = await cluster.service(inTeam('alone'), 'Starting');
    const caches = await cluster.client.list(AIMTemplateCache, { namespace: 'ml-team' });
    const own = caches.items.find(({ spec }) => spec?.templateName === 'alone-t');
    expect(own?.metadata.name).toMatch(/^alone-t-alone-[0-9a-f]{8}$/);
    expect(own?.spec?.mode).toBe('Dedicated');
    expect(own?.metadata.ownerReferences).toMatchObject([{ uid: service.metadata.uid, controller: true }]);
  });

  it('shares a cache that another service has filled', async () => {
    await cluster.apply(serving('first'));
    await cacheMade('first');
    await cluster.setStatus(AIMTemplateCache, cacheOf('first'), readyCache);
    await cluster.apply(`
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMService
metadata: { name: second }
spec: { model: { name: first } }
`);
    await cluster.eventually(InferenceService, inTeam('second-a04542d9'), (found) => found !== undefined);
    expect((await cluster.client.get(AIMTemplateCache, cacheOf('first')))?.metadata.labels).toMatchObject({
      'aim.eai.amd.com/service.name': 'first',
    });
  });

  it('is a model of its own weights where it brings some', async () => {
    await cluster.apply(`
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMService
metadata: { name: custom }
spec:
  model:
    custom:
      baseImage: ghcr.io/silogen/aim-dummy:0.1.10
      modelSources: [{ modelId: inline/test-model, sourceUri: 'hf://sshleifer/tiny-gpt2' }]
      hardware: { cpu: { requests: 1 } }
`);
    const made = await cluster.eventually(
      AIMModel,
      inTeam('inline-test-model-2cfa2a00'),
      (found) => found !== undefined,
    );
    expect(made?.spec).toMatchObject({
      image: 'ghcr.io/silogen/aim-dummy:0.1.10',
      modelSources: [{ modelId: 'inline/test-model' }],
      custom: { hardware: { cpu: { requests: 1 } } },
    });
    expect(made?.metadata.labels).toMatchObject({ 'aim.eai.amd.com/custom-model': 'true' });
  });
});

describe('a service that scales by itself', () => {
  it('leaves the number of replicas to KEDA, and says what there is', async () => {
    await cluster.apply(serving('keda', ', minReplicas: 1, maxReplicas: 5'));
    await cacheMade('keda');
    await cluster.setStatus(AIMTemplateCache, cacheOf('keda'), readyCache);
    const made = await cluster.eventually(InferenceService, inTeam('keda-a04542d9'), (found) => found !== undefined);
    expect(made?.spec.predictor).toMatchObject({ minReplicas: 1, maxReplicas: 5 });
    expect(made?.metadata.annotations).toMatchObject({
      'serving.kserve.io/autoscalerClass': 'keda',
      'sidecar.opentelemetry.io/inject': 'keda-a04542d9-predictor',
      'prometheus.kserve.io/port': '8000',
    });
    await cluster.service(inTeam('keda'), 'Starting', 'HPANotFound');
    const hpa = inTeam('keda-hpa-keda-a04542d9-predictor');
    await cluster.apply(`
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: ${hpa.name} }
spec: { minReplicas: 1, maxReplicas: 5, scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: x } }
`);
    await cluster.service(inTeam('keda'), 'Starting', 'WaitingForMetrics');
    await cluster.setStatus(InferenceService, inTeam('keda-a04542d9'), {
      conditions: [{ type: 'Ready', status: 'True' }],
    });
    await cluster.service(inTeam('keda'), 'Failed', 'MetricsFailed');
    const condition = (type: string) => ({
      type,
      status: 'True',
      reason: 'x',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    });
    await cluster.setStatus(HorizontalPodAutoscaler, hpa, {
      currentReplicas: 2,
      desiredReplicas: 4,
      conditions: [condition('ScalingActive'), condition('AbleToScale')],
    });
    await cluster.service(inTeam('keda'), 'Starting', 'HPAOperational');
    const service = await cluster.eventually(
      AIMService,
      inTeam('keda'),
      (found) => found?.status?.runtime?.currentReplicas === 2,
    );
    expect(service?.status?.runtime?.replicas).toBe('2/4 (1-5)');
  });
});

describe('what is missing, and comes', () => {
  it('a runtime configuration', async () => {
    await cluster.apply(serving('late-config', ', runtimeConfigName: late'));
    const failed = await cluster.service(inTeam('late-config'), 'Failed', 'ReferenceNotFound');
    expect(conditionOf(failed, 'RuntimeConfigReady')?.message).toContain('create one or change the name');
    expect(await cluster.client.get(AIMTemplateCache, cacheOf('late-config'))).toBeUndefined();
    await cluster.apply(`
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMClusterRuntimeConfig
metadata: { name: late }
spec: { storage: { defaultStorageClassName: fast } }
`);
    const cache = await cacheMade('late-config');
    expect(cache?.spec?.storageClassName).toBe('fast');
  });

  it('sources of a template that is ready without (trap 7)', async () => {
    await cluster.apply(serving('no-sources').replace(/^ *modelSources: .*\n/m, ''));
    const degraded = await cluster.service(inTeam('no-sources'), 'Degraded', 'NoModelSources');
    expect(conditionOf(degraded, 'CacheReady')?.message).toContain('names no model sources');
  });

  it('a specification', async () => {
    await cluster.apply('apiVersion: aim.eai.amd.com/v1alpha1\nkind: AIMService\nmetadata: { name: empty }');
    await cluster.service(inTeam('empty'), 'Failed', 'ModelNotSpecified');
  });

  it('room for names in a namespace', async () => {
    const namespace = `long-${'n'.repeat(40)}`;
    await cluster.apply(
      serving('squeezed').replaceAll(/metadata: \{ (name: \S+) +\}/g, `metadata: { $1, namespace: ${namespace} }`),
    );
    const failed = await cluster.service({ namespace, name: 'squeezed' }, 'Failed', 'NamespaceTooLong');
    expect(conditionOf(failed, 'InferenceServiceReady')?.message).toContain('42 characters');
  });
});
