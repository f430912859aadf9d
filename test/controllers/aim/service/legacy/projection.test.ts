import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LegacyAIMModel } from '../../../../../src/kinds/aim/legacy/aimmodel.ts';
import { LegacyAIMServiceTemplate } from '../../../../../src/kinds/aim/legacy/aimservicetemplate.ts';
import { LegacyAIMTemplateCache } from '../../../../../src/kinds/aim/legacy/aimtemplatecache.ts';
import { LegacyAIMService } from '../../../../../src/kinds/aim/legacy/aimservice.ts';
import { Pod } from '../../../../../src/kinds/core/pod.ts';
import { HTTPRoute } from '../../../../../src/kinds/gateway/httproute.ts';
import { InferenceService } from '../../../../../src/kinds/kserve/inferenceservice.ts';
import type { ServiceCluster } from '../servicecluster.ts';
import {
  acceptedRoute,
  conditionOf,
  inTeam,
  model,
  readyServing,
  service,
  serviceIs,
  serving,
  startLegacyCluster,
  template,
} from './legacycluster.ts';

/** The rows of aim.md 11.6, in their order, and that a service leaves each when the cause goes. */

let cluster: ServiceCluster;
beforeAll(async () => {
  cluster = await startLegacyCluster();
});
afterAll(async () => {
  await cluster.stop();
});

const routing = ', routing: { enabled: true, gatewayRef: { name: g } }';
const patch = (name: string, body: unknown) =>
  cluster.client.patch(LegacyAIMService, inTeam(name), { type: 'merge', body });
const serves = async (name: string) => {
  await cluster.eventually(InferenceService, inTeam(name), (found) => found !== undefined);
  await cluster.setStatus(InferenceService, inTeam(name), readyServing);
};
const told = (found: LegacyAIMService, type: string) => {
  const { status, reason } = conditionOf(found, type) ?? {};
  return `${status ?? '-'} ${reason ?? '-'}`;
};
const table = (found: LegacyAIMService) =>
  Object.fromEntries(
    ['Resolved', 'RuntimeReady', 'Ready', 'Progressing', 'Failure'].map((type) => [type, told(found, type)]),
  );
const all = (reason: string, failure: boolean, progressing: boolean) => ({
  Resolved: `False ${reason}`,
  RuntimeReady: `False ${reason}`,
  Ready: `False ${reason}`,
  Progressing: `${progressing ? 'True' : 'False'} ${reason}`,
  Failure: `${failure ? 'True' : 'False'} ${reason}`,
});

describe('the model', () => {
  it('row 5: of which there are several', async () => {
    await cluster.apply(model('twin-a', 'Ready', 'registry.test/twin:1'));
    await cluster.apply(model('twin-b', 'Ready', 'registry.test/twin:1'));
    await cluster.apply(template('twin-t', 'twin-a'));
    await cluster.apply(service('twin', "model: { image: 'registry.test/twin:1' }"));
    const failed = await serviceIs(cluster, 'twin', 'Failed', { Ready: 'MultipleModelsFound' });
    expect(table(failed)).toEqual(all('MultipleModelsFound', true, false));
    expect(conditionOf(failed, 'Failure')?.message).toContain('ml-team/twin-a, ml-team/twin-b');
    await cluster.client.delete(LegacyAIMModel, inTeam('twin-b'));
    await serviceIs(cluster, 'twin', 'Starting', { Ready: 'CreatingRuntime' });
  });

  it('row 5: whose image is none', async () => {
    await cluster.apply(service('no-image', "model: { image: ':::invalid' }"));
    const failed = await serviceIs(cluster, 'no-image', 'Failed', { Ready: 'ModelResolutionFailed' });
    expect(conditionOf(failed, 'Failure')?.message).toContain(':::invalid');
    await patch('no-image', { spec: { model: { image: 'registry.test/corrected:1' } } });
    const made = await cluster.eventually(
      LegacyAIMService,
      inTeam('no-image'),
      (found) => found?.status?.resolvedImage !== undefined,
    );
    expect(made?.status?.resolvedImage?.name).toMatch(/^corrected-1-[0-9a-f]{8}$/);
    await serviceIs(cluster, 'no-image', 'Pending', { Resolved: 'ModelPending' });
  });

  it.each([
    ['Failed', 'Failed', 'ModelFailed'],
    ['Degraded', 'Degraded', 'ModelDegraded'],
    ['Pending', 'Pending', 'ModelPending'],
    ['Progressing', 'Pending', 'ModelProgressing'],
    ['NotAvailable', 'Pending', 'ModelNotReady'],
  ])('row 7: that is %s makes it %s', async (status, expected, reason) => {
    const name = `model-${status.toLowerCase()}`;
    await cluster.apply(serving(name).replace('status: { status: Ready }', `status: { status: ${status} }`));
    const found = await serviceIs(cluster, name, expected, { Ready: reason });
    const stopped = expected !== 'Pending';
    expect(table(found)).toEqual(all(reason, stopped, !stopped));
    await cluster.setStatus(LegacyAIMModel, inTeam(name), { status: 'Ready' });
    await serviceIs(cluster, name, 'Starting', { Resolved: 'Resolved', Failure: 'Resolved' });
  });

  it('row 7: that is not there', async () => {
    await cluster.apply(service('unmade', 'model: { ref: unmade }'));
    const pending = await serviceIs(cluster, 'unmade', 'Pending', { Ready: 'ModelNotFound' });
    expect(conditionOf(pending, 'Resolved')?.message).toContain('create one');
    await cluster.apply(model('unmade'));
    await cluster.apply(template('unmade-t', 'unmade'));
    await serviceIs(cluster, 'unmade', 'Starting');
  });
});

describe('the template', () => {
  it('row 8: of which there is none', async () => {
    await cluster.apply(model('bare'));
    await cluster.apply(service('bare', 'model: { ref: bare }'));
    const failed = await serviceIs(cluster, 'bare', 'Failed', { Ready: 'TemplateNotFound' });
    expect(table(failed)).toEqual(all('TemplateNotFound', true, false));
    await cluster.apply(template('bare-t', 'bare'));
    await serviceIs(cluster, 'bare', 'Starting');
  });

  it('row 8: two of which fit equally well; one in use stays', async () => {
    await cluster.apply(serving('tied'));
    await serviceIs(cluster, 'tied', 'Starting');
    await cluster.apply(template('tied-other', 'tied'));
    await cluster.apply(service('tied-late', 'model: { ref: tied }'));
    const failed = await serviceIs(cluster, 'tied-late', 'Failed', { Ready: 'TemplateSelectionAmbiguous' });
    expect(conditionOf(failed, 'Resolved')?.message).toMatch(/name one in templateRef.*tied-other.*tied-t/);
    expect((await serviceIs(cluster, 'tied', 'Starting')).status?.resolvedTemplate?.name).toBe('tied-t');
    await patch('tied-late', { spec: { templateRef: 'tied-other' } });
    const chosen = await serviceIs(cluster, 'tied-late', 'Starting');
    expect(chosen.status?.resolvedTemplate?.name).toBe('tied-other');
  });

  it('row 8: whose GPU no node has', async () => {
    await cluster.apply(model('gpu'));
    await cluster.apply(template('gpu-t', 'gpu', '', ', gpuSelector: { count: 1, model: MI300X }'));
    await cluster.apply(service('gpu', 'model: { ref: gpu }'));
    const failed = await serviceIs(cluster, 'gpu', 'Failed', { Ready: 'TemplateNotFound' });
    expect(conditionOf(failed, 'Failure')?.message).toContain('RequiredGPUNotInCluster');
    await cluster.apply(`
apiVersion: v1
kind: Node
metadata: { name: gpu-node, labels: { amd.com/gpu.device-id: 74a1 } }
`);
    await serviceIs(cluster, 'gpu', 'Starting');
  });

  it('row 9b: that are there, and none ready', async () => {
    await cluster.apply(model('unready'));
    await cluster.apply(template('unready-t', 'unready').replace('status: Ready', 'status: Progressing'));
    await cluster.apply(service('unready', 'model: { ref: unready }'));
    const pending = await serviceIs(cluster, 'unready', 'Pending', { Resolved: 'TemplateNotAvailable' });
    expect(table(pending)).toEqual({ ...all('TemplateNotAvailable', false, true), Ready: 'False TemplateNotFound' });
    await cluster.setStatus(LegacyAIMServiceTemplate, inTeam('unready-t'), { status: 'Ready' });
    await serviceIs(cluster, 'unready', 'Starting');
  });

  it('row 9c: that is named and not there', async () => {
    await cluster.apply(service('named', 'model: { ref: named }, templateRef: named-t'));
    const degraded = await serviceIs(cluster, 'named', 'Degraded', { Ready: 'TemplateNotFound' });
    expect(table(degraded)).toEqual(all('TemplateNotFound', true, false));
    await cluster.apply(template('named-t', 'named'));
    // Row 6: its model is missing.
    const imageless = await serviceIs(cluster, 'named', 'Degraded', { Ready: 'ImageNotFound' });
    expect(table(imageless)).toEqual(all('ImageNotFound', true, false));
    await cluster.apply(model('named'));
    await serviceIs(cluster, 'named', 'Starting', { Resolved: 'Resolved' });
  });

  it.each([
    [
      'Failed',
      'Failed',
      'JobFailed',
      "conditions: [{ type: Failure, status: 'True', reason: JobFailed, message: m, lastTransitionTime: '2026-01-01T00:00:00Z' }]",
    ],
    ['Degraded', 'Degraded', 'TemplateDegraded', ''],
    ['NotAvailable', 'Degraded', 'TemplateDegraded', ''],
  ])('row 12: that is %s makes it %s', async (status, expected, reason, conditions) => {
    const name = `template-${status.toLowerCase()}`;
    await cluster.apply(model(name));
    await cluster.apply(template(`${name}-t`, name, conditions).replace('status: Ready', `status: ${status}`));
    await cluster.apply(service(name, `model: { ref: ${name} }, templateRef: ${name}-t`));
    const found = await serviceIs(cluster, name, expected, { Ready: reason });
    expect(table(found)).toEqual({ ...all(reason, true, false), Resolved: 'True Resolved' });
    await cluster.setStatus(LegacyAIMServiceTemplate, inTeam(`${name}-t`), { status: 'Ready' });
    await serviceIs(cluster, name, 'Starting');
  });

  it('rows 13 and 14: that is not ready, and then names no weights', async () => {
    await cluster.apply(model('wait'));
    await cluster.apply(template('wait-t', 'wait').replace(/status: Ready\n.*\n/, 'status: Pending\n'));
    await cluster.apply(service('wait', 'model: { ref: wait }, templateRef: wait-t'));
    const pending = await serviceIs(cluster, 'wait', 'Pending', { Ready: 'TemplateNotAvailable' });
    expect(told(pending, 'Progressing')).toBe('True TemplateNotAvailable');
    await cluster.setStatus(LegacyAIMServiceTemplate, inTeam('wait-t'), { status: 'Ready' });
    await serviceIs(cluster, 'wait', 'Degraded', { Ready: 'NoModelSources' });
    await cluster.setStatus(LegacyAIMServiceTemplate, inTeam('wait-t'), {
      modelSources: [{ name: 'org/wait', sourceUri: 'hf://org/wait', size: '1Gi' }],
    });
    await serviceIs(cluster, 'wait', 'Starting');
  });
});

describe('configuration and route', () => {
  it('row 10: a configuration that is named and not there', async () => {
    await cluster.apply(serving('unconfigured', ', runtimeConfigName: unconfigured'));
    const degraded = await serviceIs(cluster, 'unconfigured', 'Degraded', { Ready: 'RuntimeConfigMissing' });
    expect(conditionOf(degraded, 'Failure')?.message).toContain('create one or change the name');
    expect(await cluster.client.get(InferenceService, inTeam('unconfigured'))).toBeUndefined();
    await cluster.apply(`
apiVersion: aim.silogen.ai/v1alpha1
kind: AIMRuntimeConfig
metadata: { name: unconfigured }
spec: {}
`);
    const found = await serviceIs(cluster, 'unconfigured', 'Starting');
    expect(found.status?.resolvedRuntimeConfig).toMatchObject({
      name: 'unconfigured',
      scope: 'Namespace',
      kind: 'aim.silogen.ai/v1alpha1/AIMRuntimeConfig',
    });
  });

  it('row 11: a path whose label is missing; the service runs on, the route waits', async () => {
    const template = ", pathTemplate: '/team/{.metadata.labels[''team'']}/chat'";
    await cluster.apply(serving('unlabelled', routing.replace(' } }', ` }${template} }`)));
    const degraded = await serviceIs(cluster, 'unlabelled', 'Degraded', { RoutingReady: 'PathTemplateInvalid' });
    expect(table(degraded)).toEqual({ ...all('PathTemplateInvalid', true, false), Resolved: 'True Resolved' });
    expect(conditionOf(degraded, 'RoutingReady')?.message).toContain('no label "team": add it');
    await cluster.eventually(InferenceService, inTeam('unlabelled'), (found) => found !== undefined);
    expect(await cluster.client.get(HTTPRoute, inTeam('unlabelled-route'))).toBeUndefined();
    await patch('unlabelled', { metadata: { labels: { team: 'Research.A' } } });
    const route = await cluster.eventually(HTTPRoute, inTeam('unlabelled-route'), (found) => found !== undefined);
    expect(route?.spec?.rules?.[0]?.matches?.[0]?.path?.value).toBe('/team/research.a/chat');
    await serviceIs(cluster, 'unlabelled', 'Starting', { RoutingReady: 'ConfiguringRoute' });
  });

  it('step 2: no Gateway named', async () => {
    await cluster.apply(serving('gatewayless', ', routing: { enabled: true }'));
    const failed = await serviceIs(cluster, 'gatewayless', 'Failed', { RoutingReady: 'RouteFailed' });
    expect(told(failed, 'Failure')).toBe('True RouteFailed');
    expect(conditionOf(failed, 'RoutingReady')?.message).toContain('routing.gatewayRef');
    expect(failed.status?.routing?.path).toBe(`/ml-team/${failed.metadata.uid ?? ''}`);
    await patch('gatewayless', { spec: { routing: { gatewayRef: { name: 'g' } } } });
    await serviceIs(cluster, 'gatewayless', 'Starting', { RoutingReady: 'ConfiguringRoute' });
  });

  it('step 3: a Gateway that is missing, refuses and accepts', async () => {
    await cluster.apply(serving('routed', routing));
    await serves('routed');
    const starting = await serviceIs(cluster, 'routed', 'Starting', { Ready: 'ConfiguringRoute' });
    expect(told(starting, 'RuntimeReady')).toBe('True RuntimeReady');
    expect(conditionOf(starting, 'RoutingReady')?.message).toBe(
      'Gateway ml-team/g does not exist: create it or change routing.gatewayRef',
    );
    await cluster.apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: g }
spec: { gatewayClassName: c, listeners: [{ name: http, port: 80, protocol: HTTP }] }
`);
    await cluster.eventually(
      LegacyAIMService,
      inTeam('routed'),
      (found) => found !== undefined && conditionOf(found, 'RoutingReady')?.message.includes('said anything') === true,
    );
    await cluster.setStatus(HTTPRoute, inTeam('routed-route'), acceptedRoute('False', 'NotAllowedByListeners'));
    const refused = await serviceIs(cluster, 'routed', 'Starting', { RoutingReady: 'NotAllowedByListeners' });
    expect(conditionOf(refused, 'RoutingReady')?.message).toContain('told by the Gateway');
    await cluster.setStatus(HTTPRoute, inTeam('routed-route'), acceptedRoute());
    const running = await serviceIs(cluster, 'routed', 'Running', { RoutingReady: 'RouteReady', Ready: 'Ready' });
    expect(conditionOf(running, 'RoutingReady')).toMatchObject({ status: 'True', message: 'HTTPRoute configured' });
    // Routing is turned off: the route goes.
    await patch('routed', { spec: { routing: { enabled: false } } });
    await cluster.eventually(HTTPRoute, inTeam('routed-route'), (found) => found === undefined);
    const disabled = await cluster.eventually(
      LegacyAIMService,
      inTeam('routed'),
      (found) => found !== undefined && conditionOf(found, 'RoutingReady')?.message === 'Routing disabled',
    );
    expect(disabled?.status?.status).toBe('Running');
    expect(disabled?.status?.routing).toBeUndefined();
  });
});

describe('cache and runtime', () => {
  const cacheName = (name: string) => inTeam(`${name}-t`);

  it('row 15: an image that cannot be pulled', async () => {
    await cluster.apply(serving('pull'));
    await cluster.eventually(InferenceService, inTeam('pull'), (found) => found !== undefined);
    const pod = { ...inTeam('pull-predictor-1'), labels: { 'serving.kserve.io/inferenceservice': 'pull' } };
    const containers = [{ name: 'kserve-container', image: 'i' }];
    await cluster.client.create(Pod, { apiVersion: 'v1', kind: 'Pod', metadata: pod, spec: { containers } });
    const waiting = { reason: 'ImagePullBackOff', message: 'unauthorized' };
    await cluster.setStatus(Pod, pod, {
      phase: 'Pending',
      containerStatuses: [
        { name: 'kserve-container', image: 'i', imageID: '', ready: false, restartCount: 0, state: { waiting } },
      ],
    });
    await serviceIs(cluster, 'pull', 'Degraded', { RuntimeReady: 'ImagePullAuthFailure' });
    await cluster.client.delete(Pod, pod, { gracePeriodSeconds: 0 });
    await serviceIs(cluster, 'pull', 'Starting', { RuntimeReady: 'CreatingRuntime' });
  });

  it('row 16: a cache that is made, warmed, fails and is there', async () => {
    await cluster.apply(serving('warm', ', cacheModel: true, env: [{ name: HF_TOKEN, value: t }]'));
    const made = await cluster.eventually(LegacyAIMTemplateCache, cacheName('warm'), (found) => found !== undefined);
    expect(made?.spec).toMatchObject({ templateRef: 'warm-t', env: [{ name: 'HF_TOKEN', value: 't' }] });
    expect(made?.metadata.labels).toMatchObject({ 'aim.silogen.ai/service-name': 'warm' });
    // It outlives the service: the template owns it.
    expect(made?.metadata.ownerReferences).toMatchObject([{ kind: 'AIMServiceTemplate', name: 'warm-t' }]);
    await cluster.setStatus(LegacyAIMTemplateCache, cacheName('warm'), { status: 'Progressing' });
    await serviceIs(cluster, 'warm', 'Starting', { CacheReady: 'CacheWarming', RuntimeReady: 'CreatingRuntime' });
    expect(await cluster.client.get(InferenceService, inTeam('warm'))).toBeUndefined();
    await cluster.setStatus(LegacyAIMTemplateCache, cacheName('warm'), { status: 'Failed' });
    const failed = await serviceIs(cluster, 'warm', 'Failed', {
      CacheReady: 'CacheFailed',
      CacheFailed: 'CacheFailed',
    });
    expect(told(failed, 'CacheFailed')).toBe('True CacheFailed');
    await cluster.setStatus(LegacyAIMTemplateCache, cacheName('warm'), {
      status: 'Available',
      modelCaches: { c: { name: 'c', model: 'org/warm', status: 'Available', persistentVolumeClaim: 'c-cache' } },
    });
    await serves('warm');
    const running = await serviceIs(cluster, 'warm', 'Running', { CacheReady: 'CacheWarm' });
    expect(running.status?.conditions?.map(({ type }) => type)).not.toContain('CacheFailed');
    expect(running.status).toMatchObject({
      resolvedTemplateCache: { name: 'warm-t', kind: 'aim.silogen.ai/v1alpha1/AIMTemplateCache' },
      modelCaches: { c: { status: 'Available' } },
    });
  });

  it('rows 17 to 19: from the start to running, failing and back', async () => {
    await cluster.apply(serving('runs'));
    await cluster.eventually(InferenceService, inTeam('runs'), (found) => found !== undefined);
    const starting = await serviceIs(cluster, 'runs', 'Starting', { RuntimeReady: 'CreatingRuntime' });
    expect(table(starting)).toEqual({
      ...all('CreatingRuntime', false, true),
      Resolved: 'True Resolved',
      Failure: 'False Resolved',
    });
    await serves('runs');
    const running = await serviceIs(cluster, 'runs', 'Running');
    expect(table(running)).toEqual({
      Resolved: 'True Resolved',
      RuntimeReady: 'True RuntimeReady',
      Ready: 'True Ready',
      Progressing: 'False RuntimeReady',
      Failure: 'False Resolved',
    });
    expect(running.status?.observedGeneration).toBe(running.metadata.generation);
    expect(running.status?.resolvedImage).toMatchObject({ name: 'runs', kind: 'aim.silogen.ai/v1alpha1/AIMModel' });
    await cluster.setStatus(InferenceService, inTeam('runs'), {
      conditions: [{ type: 'Ready', status: 'False' }],
      modelStatus: { lastFailureInfo: { reason: 'ModelLoadFailed', message: 'out of memory' } },
    });
    const broken = await serviceIs(cluster, 'runs', 'Degraded', { RuntimeReady: 'RuntimeFailed' });
    expect(conditionOf(broken, 'RuntimeReady')?.message).toContain('out of memory');
    await cluster.setStatus(InferenceService, inTeam('runs'), { ...readyServing, modelStatus: null });
    await serviceIs(cluster, 'runs', 'Running');
  });
});
