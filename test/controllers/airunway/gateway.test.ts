import { afterEach, describe, expect, test } from 'vitest';
import type { ModelDeployment as Deployment } from '../../../src/kinds/airunway/modeldeployment.ts';
import { AirunwayModelDeployment, ModelDeployment } from '../../../src/kinds/airunway/modeldeployment.ts';
import { ConfigMap } from '../../../src/kinds/core/configmap.ts';
import { Namespace } from '../../../src/kinds/core/namespace.ts';
import { Service } from '../../../src/kinds/core/service.ts';
import { Gateway } from '../../../src/kinds/gateway/gateway.ts';
import { HTTPRoute } from '../../../src/kinds/gateway/httproute.ts';
import { InferencePool } from '../../../src/kinds/inference/inferencepool.ts';
import { startAirunwayCluster, type AirunwayCluster } from './cluster.ts';

/** How deployments are offered: the black-box expectations of airunway.md 4.5, the positions of 4.6 and traps 1 to 3. */

const ref = { namespace: 'default', name: 'qwen3' };
let cluster: AirunwayCluster;

afterEach(() => cluster.stop());

async function start(...options: Parameters<typeof startAirunwayCluster>): Promise<AirunwayCluster> {
  cluster = await startAirunwayCluster(...options);
  for (const name of ['infra', 'other']) {
    await cluster.client.create(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
  return cluster;
}

const ready = (object: Deployment | undefined) =>
  object?.status?.conditions?.find(({ type }) => type === 'GatewayReady');

const whenReady = (status: 'True' | 'False', reason?: string) => async (): Promise<Deployment | undefined> =>
  cluster.eventually(ModelDeployment, ref, (object) => {
    const condition = ready(object);
    return condition?.status === status && (reason === undefined || condition.reason === reason);
  });

const configured = whenReady('True');

test('without the kinds nothing is made and nothing is said; when they come it is noticed', async () => {
  await start({ without: ['inferencepools'] });
  await cluster.gateway('gw', { namespace: 'infra' });
  await cluster.deploy({});
  await cluster.run();
  const object = await cluster.eventually(ModelDeployment, ref, (one) => one?.status?.provider?.name === 'foreign');
  expect(ready(object)).toBeUndefined();
  expect(await cluster.client.get(HTTPRoute, ref)).toBeUndefined();
  await cluster.install(InferencePool);
  await configured();
});

test('who asks for the Gateway by name is told that the kinds are missing', async () => {
  await start({ without: ['inferencepools'] });
  await cluster.deploy({ gateway: { enabled: true } });
  await cluster.run();
  expect(ready(await whenReady('False', 'CRDsNotAvailable')())?.message).toContain(
    'Gateway API Inference Extension CRDs are not installed in the cluster',
  );
});

test('without a Gateway it says so, and goes on when there is one', async () => {
  await start();
  await cluster.deploy({});
  await cluster.run();
  expect(ready(await whenReady('False', 'NoGateway')())?.message).toBe('no Gateway resources found in cluster');
  expect(await cluster.client.get(InferencePool, ref)).toBeUndefined();
  await cluster.gateway('gw', { namespace: 'infra' });
  await configured();
});

test('one Gateway without an address: pool and route are made', async () => {
  await start();
  await cluster.gateway('gw', { namespace: 'infra' });
  const { metadata } = await cluster.deploy({});
  await cluster.run();
  const object = await configured();
  expect(object?.status?.gateway).toEqual({ modelName: 'Qwen/Qwen3-0.6B', gatewayNamespace: 'infra', ready: true });
  expect(ready(object)).toMatchObject({
    reason: 'GatewayConfigured',
    message: 'InferencePool and HTTPRoute created',
    observedGeneration: 1,
  });
  const owner = {
    apiVersion: 'kubeairunway.ai/v1alpha1',
    kind: 'ModelDeployment',
    name: 'qwen3',
    uid: metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
  const pool = await cluster.client.get(InferencePool, ref);
  expect(pool?.metadata.ownerReferences).toEqual([owner]);
  expect(pool?.spec).toMatchObject({
    selector: { matchLabels: { 'kubeairunway.ai/model-deployment': 'qwen3' } },
    targetPorts: [{ number: 8080 }],
    endpointPickerRef: { group: '', kind: 'Service', name: 'kubeairunway-epp', port: { number: 9002 } },
  });
  const route = await cluster.client.get(HTTPRoute, ref);
  expect(route?.metadata.ownerReferences).toEqual([owner]);
  expect(route?.spec.parentRefs).toMatchObject([{ name: 'gw', namespace: 'infra' }]);
  expect(route?.spec.rules).toMatchObject([
    {
      matches: [
        {
          path: { type: 'PathPrefix', value: '/' },
          headers: [{ type: 'Exact', name: 'X-Gateway-Model-Name', value: 'Qwen/Qwen3-0.6B' }],
        },
      ],
      backendRefs: [{ group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'qwen3' }],
    },
  ]);
});

test('the address of the Gateway is the endpoint, and is followed', async () => {
  await start();
  await cluster.gateway('gw', { address: '10.0.0.42' });
  await cluster.deploy({});
  await cluster.run();
  const endpoint = async (value: string) =>
    cluster.eventually(ModelDeployment, ref, (object) => object?.status?.gateway?.endpoint === value);
  await endpoint('10.0.0.42');
  const body = { status: { addresses: [{ type: 'Hostname', value: 'models.example.com' }] } };
  const gateway = { namespace: 'default', name: 'gw' };
  await cluster.client.patch(Gateway, gateway, { type: 'merge', subresource: 'status', body });
  await endpoint('models.example.com');
});

describe('several Gateways', () => {
  const label = 'kubeairunway.ai/inference-gateway';

  test.each([{}, { [label]: 'yes' }])('with labels %j: none is taken', async (labels) => {
    await start();
    await cluster.gateway('one');
    await cluster.gateway('two', { labels });
    await cluster.deploy({});
    await cluster.run();
    expect(ready(await whenReady('False', 'NoGateway')())?.message).toBe(
      `multiple Gateways found but none labeled with ${label}=true`,
    );
  });

  test('the one with the label is taken', async () => {
    await start();
    await cluster.gateway('one');
    await cluster.gateway('two', { namespace: 'infra', labels: { [label]: 'true' } });
    await cluster.deploy({});
    await cluster.run();
    await configured();
    expect((await cluster.client.get(HTTPRoute, ref))?.spec.parentRefs).toMatchObject([
      { name: 'two', namespace: 'infra' },
    ]);
  });

  test('of several with the label the first by name is taken, and the others are named', async () => {
    await start();
    for (const name of ['b', 'a']) await cluster.gateway(name, { labels: { [label]: 'true' } });
    await cluster.deploy({});
    await cluster.run();
    const object = await cluster.eventually(ModelDeployment, ref, (one) =>
      (ready(one)?.message ?? '').includes('default/b carry the label'),
    );
    expect(object?.status?.gateway?.gatewayNamespace).toBe('default');
    expect((await cluster.client.get(HTTPRoute, ref))?.spec.parentRefs).toMatchObject([{ name: 'a' }]);
  });

  test('when the choice is lost, what was made stays', async () => {
    await start();
    await cluster.gateway('one');
    await cluster.deploy({});
    await cluster.run();
    await configured();
    await cluster.gateway('two');
    const object = await whenReady('False', 'NoGateway')();
    expect(object?.status?.gateway?.modelName).toBe('Qwen/Qwen3-0.6B');
    expect(await cluster.client.get(HTTPRoute, ref)).toBeDefined();
  });
});

test('the flags name a Gateway, whether it exists or not', async () => {
  await start({ settings: { gateway: { name: 'a', namespace: 'b' } } });
  await cluster.gateway('other');
  await cluster.deploy({});
  await cluster.run();
  const object = await configured();
  expect(object?.status?.gateway?.endpoint).toBeUndefined();
  expect((await cluster.client.get(HTTPRoute, ref))?.spec.parentRefs).toMatchObject([{ name: 'a', namespace: 'b' }]);
});

test.each<[Partial<Deployment['spec']>, string]>([
  [{ model: { id: 'a/b', servedName: 'y' }, gateway: { modelName: 'x' } }, 'x'],
  [{ model: { id: 'a/b', servedName: 'y' } }, 'y'],
  [{ model: { id: 'a/b' } }, 'a/b'],
])('the model of %j is called %s', async (spec, name) => {
  await start();
  await cluster.gateway('gw');
  await cluster.deploy(spec);
  await cluster.run();
  expect((await configured())?.status?.gateway?.modelName).toBe(name);
  const [rule] = (await cluster.client.get(HTTPRoute, ref))?.spec.rules ?? [];
  expect(rule?.matches?.[0]?.headers?.[0]?.value).toBe(name);
});

test('renaming the model renames it in the route', async () => {
  await start();
  await cluster.gateway('gw');
  await cluster.deploy({});
  await cluster.run();
  await configured();
  const body = { spec: { gateway: { modelName: 'renamed' } } };
  await cluster.client.patch(ModelDeployment, ref, { type: 'merge', body });
  await cluster.eventually(
    HTTPRoute,
    ref,
    (route) => route?.spec.rules?.[0]?.matches?.[0]?.headers?.[0]?.value === 'renamed',
  );
});

test('disabling removes what was made and says so; enabling makes it again', async () => {
  await start();
  await cluster.gateway('gw');
  await cluster.deploy({});
  await cluster.run();
  await configured();
  const enable = (enabled: boolean | null) =>
    cluster.client.patch(ModelDeployment, ref, { type: 'merge', body: { spec: { gateway: { enabled } } } });
  await enable(false);
  const object = await whenReady('False', 'GatewayDisabled')();
  expect(object?.status?.gateway).toBeUndefined();
  await cluster.eventually(InferencePool, ref, (pool) => pool === undefined);
  await cluster.eventually(HTTPRoute, ref, (route) => route === undefined);
  await enable(null);
  await configured();
  await cluster.eventually(HTTPRoute, ref, (route) => route !== undefined);
});

test('a route of the user’s that has the same name is neither overwritten nor deleted', async () => {
  await start();
  await cluster.gateway('gw');
  const { metadata } = await cluster.client.create(ConfigMap, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'default', name: 'mine' },
  });
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'mine', uid: metadata.uid ?? '', controller: true };
  await cluster.client.create(HTTPRoute, {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { ...ref, ownerReferences: [owner] },
    spec: { parentRefs: [{ name: 'gw' }] },
  });
  await cluster.deploy({});
  await cluster.run();
  expect(ready(await whenReady('False', 'HTTPRouteFailed')())?.message).toBe(
    'HTTPRoute qwen3 is controlled by ConfigMap mine: delete or rename one of them',
  );
});

test('with a route of the user’s own, only the pool is made', async () => {
  await start();
  await cluster.gateway('gw');
  await cluster.deploy({ gateway: { httpRouteRef: 'mine' } });
  await cluster.run();
  expect(ready(await configured())?.message).toBe('InferencePool created');
  expect(await cluster.client.get(HTTPRoute, ref)).toBeUndefined();
});

test('routes without matches are a setting', async () => {
  await start({ settings: { matchModel: false } });
  await cluster.gateway('gw');
  await cluster.deploy({});
  await cluster.run();
  await configured();
  const [rule] = (await cluster.client.get(HTTPRoute, ref))?.spec.rules ?? [];
  // The definition of HTTPRoute fills in the match of everything.
  expect(rule?.matches).toEqual([{ path: { type: 'PathPrefix', value: '/' } }]);
});

test.each<[string, { service?: string; port?: number }, number, number | string | undefined]>([
  ['no port', {}, 8000, undefined],
  ['the port of the status', { service: 'nowhere', port: 8080 }, 8080, undefined],
  ['the target of the Service', { service: 'qwen3-svc', port: 80 }, 5000, 5000],
  ['the Service’s own port where its target has a name', { service: 'qwen3-svc', port: 80 }, 80, 'http'],
])('the pool’s port: %s', async (_name, endpoint, expected, targetPort) => {
  await start();
  await cluster.gateway('gw');
  if (targetPort !== undefined) {
    await cluster.client.create(Service, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: 'default', name: 'qwen3-svc' },
      spec: {
        ports: [
          { name: 'metrics', port: 9000 },
          { name: 'http', port: 80, targetPort },
        ],
      },
    });
  }
  await cluster.deploy({});
  await cluster.run(endpoint);
  await configured();
  await cluster.eventually(InferencePool, ref, (pool) => pool?.spec.targetPorts[0]?.number === expected);
});

test('a Gateway that admits its own namespace only is opened for the deployment’s, and keeps its own', async () => {
  await start();
  await cluster.gateway('gw', { namespace: 'infra' });
  await cluster.deploy({});
  await cluster.run();
  await configured();
  const gateway = await cluster.client.get(Gateway, { namespace: 'infra', name: 'gw' });
  expect(gateway?.spec.listeners[0]?.allowedRoutes?.namespaces).toEqual({
    from: 'Selector',
    selector: {
      matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: ['default', 'infra'] }],
    },
  });
});

test('the Gateway is left alone where the flag says so', async () => {
  await start({ settings: { patchAllowedRoutes: false } });
  await cluster.gateway('gw', { namespace: 'infra' });
  await cluster.deploy({});
  await cluster.run();
  await configured();
  const gateway = await cluster.client.get(Gateway, { namespace: 'infra', name: 'gw' });
  expect(gateway?.spec.listeners[0]?.allowedRoutes?.namespaces?.from ?? 'Same').toBe('Same');
});

test('the group’s later name has its own labels', async () => {
  await start();
  await cluster.gateway('gw');
  await cluster.deploy({ resources: { gpu: { count: 1 } } }, 'qwen3', AirunwayModelDeployment);
  await cluster.run(undefined, 'qwen3', AirunwayModelDeployment);
  const pool = await cluster.eventually(InferencePool, ref, (one) => one !== undefined);
  expect(pool?.spec.selector.matchLabels).toEqual({ 'airunway.ai/model-deployment': 'qwen3' });
});

test('a deployment that is paused is left alone', async () => {
  await start();
  await cluster.gateway('gw');
  await cluster.deploy({});
  await cluster.run();
  await configured();
  const pause = (value: string | null) =>
    cluster.client.patch(ModelDeployment, ref, {
      type: 'merge',
      body: { metadata: { annotations: { 'kubeairunway.ai/reconcile-paused': value } } },
    });
  await pause('true');
  await cluster.client.patch(ModelDeployment, ref, { type: 'merge', body: { spec: { gateway: { modelName: 'x' } } } });
  await cluster.deploy({ gateway: { modelName: 'witness' } }, 'witness');
  await cluster.run(undefined, 'witness');
  await cluster.eventually(HTTPRoute, { namespace: 'default', name: 'witness' }, (route) => route !== undefined);
  expect((await cluster.client.get(ModelDeployment, ref))?.status?.gateway?.modelName).toBe('Qwen/Qwen3-0.6B');
  await pause(null);
  await cluster.eventually(ModelDeployment, ref, (object) => object?.status?.gateway?.modelName === 'x');
});

test('a picker of its own for each deployment, with the rights it needs', async () => {
  await start({
    settings: {
      picker: { serviceName: 'x', servicePort: 9002, perDeployment: { image: 'registry.k8s.io/epp:v1' } },
    },
  });
  await cluster.gateway('gw');
  await cluster.deploy({});
  await cluster.run();
  await configured();
  const pool = await cluster.client.get(InferencePool, ref);
  expect(pool?.spec.endpointPickerRef?.name).toBe('qwen3-epp');
  const service = await cluster.client.get(Service, { namespace: 'default', name: 'qwen3-epp' });
  expect(service?.spec.ports?.[0]).toMatchObject({ port: 9002, appProtocol: 'kubernetes.io/h2c' });
});
