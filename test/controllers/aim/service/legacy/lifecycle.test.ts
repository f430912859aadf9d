import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LegacyAIMService } from '../../../../../src/kinds/aim/legacy/aimservice.ts';
import { LegacyAIMServiceTemplate } from '../../../../../src/kinds/aim/legacy/aimservicetemplate.ts';
import { LegacyAIMTemplateCache } from '../../../../../src/kinds/aim/legacy/aimtemplatecache.ts';
import { PersistentVolumeClaim } from '../../../../../src/kinds/core/persistentvolumeclaim.ts';
import { HTTPRoute } from '../../../../../src/kinds/gateway/httproute.ts';
import { InferenceService } from '../../../../../src/kinds/kserve/inferenceservice.ts';
import type { ServiceCluster } from '../servicecluster.ts';
import {
  inTeam,
  model,
  readyServing,
  service,
  serviceIs,
  serving,
  startLegacyCluster,
  template,
} from './legacycluster.ts';

let cluster: ServiceCluster;
beforeAll(async () => {
  cluster = await startLegacyCluster();
});
afterAll(async () => {
  await cluster.stop();
});

const served = async (name: string): Promise<InferenceService> => {
  const found = await cluster.eventually(InferenceService, inTeam(name), (made) => made !== undefined);
  if (found === undefined) throw new Error('eventually resolves with what it found');
  return found;
};
const available = (name: string) => ({
  status: 'Available',
  modelCaches: { c: { name: 'c', model: `org/${name}`, status: 'Available', persistentVolumeClaim: 'c-cache' } },
});

describe('what a service makes', () => {
  it('runs the runtime of its template, with a volume of its own unless it caches', async () => {
    await cluster.apply(
      [
        model('shape'),
        template(
          'shape-t',
          'shape',
          'profile: { metadata: { gpu: MI300X, gpu_count: 2, metric: latency, precision: fp16 } }',
          ', metric: latency, precision: fp16, env: [{ name: FROM, value: template }, { name: BOTH, value: template }]' +
            ', imagePullSecrets: [{ name: both }, { name: of-template }]',
        ),
        service(
          'shape',
          'model: { ref: shape }, templateRef: shape-t, replicas: 3, imagePullSecrets: [{ name: of-service }, { name: both }]' +
            ', env: [{ name: BOTH, value: service }], resources: { limits: { memory: 64Gi } }' +
            ', routing: { enabled: true, gatewayRef: { name: g }, requestTimeout: 90s, annotations: { a/b: c } }',
          ', labels: { team: research }, annotations: { note: kept, kubectl.kubernetes.io/last-applied-configuration: "{}" }',
        ),
      ].join('---'),
    );
    const made = await served('shape');
    expect(made.metadata.labels).toMatchObject({
      team: 'research',
      'app.kubernetes.io/name': 'aim-service',
      'app.kubernetes.io/component': 'inference-service',
      'app.kubernetes.io/managed-by': 'aim-controller',
      'aim.silogen.ai/service-name': 'shape',
      'aim.silogen.ai/template': 'shape-t',
      'aim.silogen.ai/model-id': 'org_shape',
      'aim.silogen.ai/aim-image': 'registry.test_shape_1',
      'aim.silogen.ai/template.metric': 'latency',
      'aim.silogen.ai/template.precision': 'fp16',
    });
    expect(made.metadata.annotations).toEqual({ note: 'kept' });
    expect(made.spec.predictor).toMatchObject({
      minReplicas: 3,
      maxReplicas: 3,
      imagePullSecrets: [{ name: 'of-service' }, { name: 'both' }, { name: 'of-template' }],
      model: {
        modelFormat: { name: 'aim', version: '1' },
        runtime: 'shape-t',
        env: [
          { name: 'AIM_CACHE_PATH', value: '/workspace/model-cache' },
          { name: 'AIM_METRIC', value: 'latency' },
          { name: 'AIM_PRECISION', value: 'fp16' },
          { name: 'FROM', value: 'template' },
          { name: 'BOTH', value: 'service' },
        ],
        // Golden vector of aim.md 16.4, with the service's own limit over it.
        resources: {
          requests: { cpu: '8', memory: '64Gi', 'amd.com/gpu': '2' },
          limits: { memory: '64Gi', 'amd.com/gpu': '2' },
        },
        volumeMounts: [{ name: 'model-storage', mountPath: '/workspace/model-cache' }],
      },
      volumes: [{ name: 'model-storage', persistentVolumeClaim: { claimName: 'shape-temp-cache' } }],
    });
    const claim = await cluster.client.get(PersistentVolumeClaim, inTeam('shape-temp-cache'));
    expect(claim?.spec).toMatchObject({ accessModes: ['ReadWriteMany'], resources: { requests: { storage: '10Gi' } } });
    expect(claim?.metadata.ownerReferences).toMatchObject([{ kind: 'AIMService', name: 'shape' }]);

    // The route, as the guide calls it.
    const route = await cluster.eventually(HTTPRoute, inTeam('shape-route'), (found) => found !== undefined);
    expect(route?.metadata.annotations).toEqual({ 'a/b': 'c' });
    expect(route?.spec?.parentRefs).toMatchObject([{ name: 'g', namespace: 'ml-team' }]);
    expect(route?.spec?.rules?.[0]).toMatchObject({
      backendRefs: [{ name: 'shape-predictor', port: 80 }],
      filters: [{ type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } } }],
      timeouts: { request: '1m30s' },
    });
  });

  it('derives a template for overrides, of the documented name, and runs that (aim.md 16.2)', async () => {
    await cluster.apply(
      [
        model('llama'),
        template('llama-3-8b-latency', 'llama', '', ', metric: latency', 'AIMClusterServiceTemplate'),
        service(
          'overrides',
          'model: { ref: llama }, templateRef: llama-3-8b-latency, env: [{ name: HF_TOKEN, value: t }]' +
            ', overrides: { metric: throughput, precision: fp16, gpuSelector: { count: 2, model: MI300X } }',
        ),
      ].join('---'),
    );
    const name = 'llama-3-8b-latency-ovr-fc673f2e';
    const derived = await cluster.eventually(LegacyAIMServiceTemplate, inTeam(name), (found) => found !== undefined);
    expect(derived?.spec).toMatchObject({
      modelName: 'llama',
      metric: 'throughput',
      precision: 'fp16',
      gpuSelector: { count: 2, model: 'MI300X', resourceName: 'amd.com/gpu' },
      env: [{ name: 'HF_TOKEN', value: 't' }],
    });
    // Others may use it.
    expect(derived?.metadata.ownerReferences).toBeUndefined();
    expect(derived?.metadata.labels).toMatchObject({ 'aim.silogen.ai/derived-template': 'true' });
    await serviceIs(cluster, 'overrides', 'Pending', { Ready: 'TemplateNotAvailable' });
    await cluster.setStatus(LegacyAIMServiceTemplate, inTeam(name), {
      status: 'Ready',
      modelSources: [{ name: 'org/llama', sourceUri: 'hf://org/llama', size: '1Gi' }],
    });
    expect((await served('overrides')).spec.predictor.model?.runtime).toBe(name);

    // A service without overrides is not given what was derived for another.
    await cluster.apply(service('plain', 'model: { ref: llama }'));
    await serviceIs(cluster, 'plain', 'Starting');
    expect((await served('plain')).spec.predictor.model?.runtime).toBe('llama-3-8b-latency');
  });

  it('uses a template that is already as the overrides want it', async () => {
    await cluster.apply(
      [
        model('same'),
        template('same-a', 'same', '', ', metric: latency'),
        template('same-b', 'same', '', ', metric: throughput'),
        service('same', 'model: { ref: same }, templateRef: same-a, overrides: { metric: throughput }'),
      ].join('---'),
    );
    expect((await served('same')).spec.predictor.model?.runtime).toBe('same-b');
  });

  it('gives a named route default of the configuration, and lets the service say otherwise', async () => {
    await cluster.apply(`
apiVersion: aim.silogen.ai/v1alpha1
kind: AIMClusterRuntimeConfig
metadata: { name: defaults }
spec: { routing: { enabled: true, gatewayRef: { name: cluster, namespace: gateways }, pathTemplate: '/c/{.metadata.name}' } }
---
apiVersion: aim.silogen.ai/v1alpha1
kind: AIMRuntimeConfig
metadata: { name: defaults }
spec: { pvcHeadroomPercent: 25, routing: { pathTemplate: '/n/{.metadata.name}' } }
`);
    await cluster.apply(serving('inherits', ', runtimeConfigName: defaults'));
    const route = await cluster.eventually(HTTPRoute, inTeam('inherits-route'), (found) => found !== undefined);
    expect(route?.spec?.parentRefs).toMatchObject([{ name: 'cluster', namespace: 'gateways' }]);
    expect(route?.spec?.rules?.[0]?.matches?.[0]?.path?.value).toBe('/n/inherits');
    const claim = await cluster.client.get(PersistentVolumeClaim, inTeam('inherits-temp-cache'));
    expect(claim?.spec.resources?.requests).toEqual({ storage: '11Gi' });
    const found = await serviceIs(cluster, 'inherits', 'Starting');
    expect(found.status?.resolvedRuntimeConfig).toMatchObject({ name: 'defaults', scope: 'Merged' });
    const off = { spec: { routing: { enabled: false } } };
    await cluster.client.patch(LegacyAIMService, inTeam('inherits'), { type: 'merge', body: off });
    await cluster.eventually(HTTPRoute, inTeam('inherits-route'), (gone) => gone === undefined);
  });
});

describe('caching', () => {
  it('mounts what is cached, and drops the volume of its own that it had before', async () => {
    await cluster.apply(serving('moves'));
    await served('moves');
    // A cache that somebody else has had made does not restart what runs.
    await cluster.apply(`
apiVersion: aim.silogen.ai/v1alpha1
kind: AIMTemplateCache
metadata: { name: moves-t }
spec: { templateRef: moves-t }
`);
    await cluster.setStatus(LegacyAIMTemplateCache, inTeam('moves-t'), available('moves'));
    await cluster.client.patch(LegacyAIMService, inTeam('moves'), { type: 'merge', body: { spec: { replicas: 2 } } });
    const still = await cluster.eventually(
      InferenceService,
      inTeam('moves'),
      (made) => made?.spec.predictor.minReplicas === 2,
    );
    expect(still?.spec.predictor.volumes?.[0]?.persistentVolumeClaim?.claimName).toBe('moves-temp-cache');
    await cluster.client.patch(LegacyAIMService, inTeam('moves'), {
      type: 'merge',
      body: { spec: { cacheModel: true } },
    });
    const moved = await cluster.eventually(
      InferenceService,
      inTeam('moves'),
      (made) => made?.spec.predictor.volumes?.[0]?.persistentVolumeClaim?.claimName === 'c-cache',
    );
    expect(moved?.spec.predictor.model?.volumeMounts).toEqual([
      { name: 'c', mountPath: '/workspace/model-cache/org/moves' },
    ]);
    await cluster.eventually(PersistentVolumeClaim, inTeam('moves-temp-cache'), (claim) => claim === undefined);
  });

  it.each([
    ['keeps', 'Available', true],
    ['drops', 'Progressing', false],
    ['drops', 'Failed', false],
  ])('%s a cache that is %s when the service goes (seed 002)', async (verb, status, kept) => {
    const name = `${verb}-${status.toLowerCase()}`;
    await cluster.apply(serving(name, ', cacheModel: true'));
    const ref = inTeam(`${name}-t`);
    await cluster.eventually(LegacyAIMTemplateCache, ref, (found) => found !== undefined);
    await cluster.setStatus(LegacyAIMTemplateCache, ref, { ...available(name), status });
    const reason = { Available: 'CacheWarm', Progressing: 'CacheWarming', Failed: 'CacheFailed' }[status] ?? '';
    await serviceIs(cluster, name, status === 'Failed' ? 'Failed' : 'Starting', { CacheReady: reason });
    await cluster.client.delete(LegacyAIMService, inTeam(name));
    await cluster.eventually(LegacyAIMService, inTeam(name), (found) => found === undefined);
    expect((await cluster.client.get(LegacyAIMTemplateCache, ref)) !== undefined).toBe(kept);
    if (!kept) return;
    // The same service again starts at once with what is there.
    await cluster.eventually(InferenceService, inTeam(name), (found) => found === undefined);
    await cluster.apply(service(name, `model: { ref: ${name} }, cacheModel: true`));
    expect((await served(name)).spec.predictor.volumes?.[0]?.persistentVolumeClaim?.claimName).toBe('c-cache');
  });
});

it('writes little, and nothing for what is settled', async () => {
  await cluster.apply(serving('settles'));
  await served('settles');
  await cluster.setStatus(InferenceService, inTeam('settles'), readyServing);
  await serviceIs(cluster, 'settles', 'Running');
  const writes = cluster.writes.filter((write) => write.includes(' settles'));
  expect(writes.length).toBeLessThanOrEqual(6);
  const before = cluster.writes.length;
  const touched = { metadata: { annotations: { touched: 'twice' } } };
  await cluster.client.patch(LegacyAIMServiceTemplate, inTeam('settles-t'), { type: 'merge', body: touched });
  // A later service is settled, and the touched one has been looked at before it.
  await cluster.apply(serving('after'));
  await served('after');
  expect(cluster.writes.slice(before).filter((write) => write.includes('settles'))).toEqual([]);
});
