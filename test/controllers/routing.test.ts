import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AIGatewayRoute } from '../../src/kinds/aigateway/aigatewayroute.ts';
import { AIServiceBackend } from '../../src/kinds/aigateway/aiservicebackend.ts';
import { Namespace } from '../../src/kinds/core/namespace.ts';
import { Backend } from '../../src/kinds/envoygateway/backend.ts';
import { HTTPRouteFilter } from '../../src/kinds/envoygateway/httproutefilter.ts';
import { Gateway } from '../../src/kinds/gateway/gateway.ts';
import { GatewayClass } from '../../src/kinds/gateway/gatewayclass.ts';
import { HTTPRoute } from '../../src/kinds/gateway/httproute.ts';
import { ReferenceGrant } from '../../src/kinds/gateway/referencegrant.ts';
import { InferencePool } from '../../src/kinds/inference/inferencepool.ts';
import { XInferencePool } from '../../src/kinds/inference/xinferencepool.ts';
import type { Kind } from '../../src/kinds/kind.ts';
import type { Condition } from '../../src/kinds/object.ts';
import { heredoc, seedSteps } from '../e2e/seed.ts';
import { startTestCluster, type TestCluster } from './cluster.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster();
});
afterAll(async () => {
  await cluster.stop();
});

const inDefault = (name: string) => ({ namespace: 'default', name });
const says = (conditions: readonly Condition[] | undefined, type: string, status = 'True'): boolean =>
  conditions?.some((condition) => condition.type === type && condition.status === status) === true;
const accepted = (object: AIGatewayRoute | AIServiceBackend | undefined): boolean =>
  says(object?.status?.conditions, 'Accepted');
const refused = (object: AIGatewayRoute | undefined): string | undefined =>
  object?.status?.conditions?.find(({ type }) => type === 'NotAccepted')?.message;

const gatewayYaml = (name: string) => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: ${name} }
spec: { gatewayClassName: eg, listeners: [{ name: http, protocol: HTTP, port: 80 }] }
`;
const backendYaml = (name: string) => `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: { name: ${name} }
spec: { endpoints: [{ ip: { address: 127.0.0.1, port: 9001 } }] }
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: { name: ${name} }
spec: { schema: { name: OpenAI }, backendRef: { name: ${name}, kind: Backend, group: gateway.envoyproxy.io } }
`;
const routeYaml = (name: string, gateway: string, backend: string) => `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: { name: ${name}, labels: { team: a } }
spec:
  parentRefs: [{ name: ${gateway} }]
  rules:
    - matches: [{ headers: [{ name: x-ai-eg-model, value: ${name} }] }]
      backendRefs: [${backend}]
`;

describe('the mixed-route guide, steps 4 to 6', () => {
  it('ends with every object in its good condition', async () => {
    const steps = seedSteps('003-aigatewayroute-inferencepool.txt');
    for (const step of [4, 5, 6]) await cluster.apply(heredoc(steps.get(step)?.blocks[0] ?? ''));
    const name = 'inference-pool-with-aigwroute';
    await cluster.eventually(GatewayClass, { name }, (object) => says(object?.status?.conditions, 'Accepted'));
    const gateway = await cluster.eventually(Gateway, inDefault(name), (object) =>
      says(object?.status?.conditions, 'Programmed'),
    );
    expect(gateway?.status?.addresses).toEqual([{ type: 'IPAddress', value: '127.10.200.1' }]);
    await cluster.eventually(AIGatewayRoute, inDefault(name), accepted);
    await cluster.eventually(AIServiceBackend, inDefault('envoy-ai-gateway-basic-testupstream'), accepted);
    await cluster.eventually(Backend, inDefault('envoy-ai-gateway-basic-testupstream'), (object) =>
      says(object?.status?.conditions, 'Accepted'),
    );
    // The guide's step 3 makes the third backend; until then the route says that it is missing.
    await cluster.eventually(
      HTTPRoute,
      inDefault(name),
      (object) => object?.status?.parents[0]?.conditions.some(({ reason }) => reason === 'BackendNotFound') === true,
    );
    const pool = await cluster.eventually(InferencePool, inDefault('mistral'), (object) =>
      says(object?.status?.parents?.[0]?.conditions, 'ResolvedRefs'),
    );
    expect(pool?.status?.parents?.[0]).toMatchObject({ parentRef: { name, namespace: 'default', kind: 'Gateway' } });
  });

  it('really creates the HTTPRoute and its filters, owned by the AIGatewayRoute', async () => {
    const name = 'inference-pool-with-aigwroute';
    const ai = await cluster.client.get(AIGatewayRoute, inDefault(name));
    const owner = {
      apiVersion: 'aigateway.envoyproxy.io/v1beta1',
      kind: 'AIGatewayRoute',
      name,
      uid: ai?.metadata.uid,
      controller: true,
      blockOwnerDeletion: true,
    };
    const route = await cluster.client.get(HTTPRoute, inDefault(name));
    expect(route?.metadata.ownerReferences).toEqual([owner]);
    expect(route?.metadata.annotations).toMatchObject({
      'gateway.envoyproxy.io/ai-gateway-generated': 'true',
      'gateway.envoyproxy.io/backend-ref-priority':
        '0:vllm-llama3-8b-instruct:0,1:mistral:0,2:envoy-ai-gateway-basic-testupstream:0',
    });
    expect(route?.spec.rules).toHaveLength(4);
    expect(route?.spec.rules?.[2]).toMatchObject({
      timeouts: { request: '60s' },
      filters: [{ type: 'ExtensionRef', extensionRef: { name: `ai-eg-host-rewrite-${name}` } }],
      backendRefs: [
        { group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'envoy-ai-gateway-basic-testupstream', weight: 1 },
      ],
    });
    expect(route?.spec.rules?.[3]).toMatchObject({
      name: 'route-not-found',
      matches: [{ path: { type: 'PathPrefix', value: '/' } }],
    });
    const filter = await cluster.client.get(HTTPRouteFilter, inDefault(`ai-eg-route-not-found-response-${name}`));
    expect(filter?.metadata.ownerReferences).toEqual([owner]);
    expect(filter?.spec.directResponse?.statusCode).toBe(404);
  });
});

describe('an AIGatewayRoute', () => {
  it('waits for its AIServiceBackend and Gateway and follows changes', async () => {
    await cluster.apply(routeYaml('late', 'late-gw', '{ name: late }'));
    const text = 'failed to get AIServiceBackend late.default: AIServiceBackend late.default not found';
    await cluster.eventually(AIGatewayRoute, inDefault('late'), (route) => refused(route) === text);
    await cluster.apply(backendYaml('late'));
    await cluster.eventually(
      AIGatewayRoute,
      inDefault('late'),
      (route) => refused(route)?.includes('Gateway late-gw.default not found') === true,
    );
    await cluster.apply(gatewayYaml('late-gw'));
    const route = await cluster.eventually(AIGatewayRoute, inDefault('late'), accepted);
    expect(route?.status?.conditions).toHaveLength(1);
    expect(route?.metadata.finalizers).toEqual(['aigateway.envoyproxy.io/finalizer']);
    await cluster.table((table) => table.routes.some(({ models }) => models[0]?.id === 'late'));

    const body = {
      spec: {
        rules: [
          { matches: [{ headers: [{ name: 'x-ai-eg-model', value: 'renamed' }] }], backendRefs: [{ name: 'late' }] },
        ],
      },
    };
    await cluster.client.patch(AIGatewayRoute, inDefault('late'), { type: 'merge', body });
    await cluster.table((table) => table.routes.some(({ models }) => models[0]?.id === 'renamed'));
    await cluster.eventually(
      HTTPRoute,
      inDefault('late'),
      (object) => object?.spec.rules?.[0]?.matches?.[0]?.headers?.[0]?.value === 'renamed',
    );
  });

  it('takes its generated objects with it', async () => {
    await cluster.apply(
      gatewayYaml('short-gw') +
        '---' +
        backendYaml('short') +
        '---' +
        routeYaml('short', 'short-gw', '{ name: short }'),
    );
    await cluster.eventually(AIGatewayRoute, inDefault('short'), accepted);
    await cluster.eventually(HTTPRoute, inDefault('short'), (object) => object !== undefined);
    await cluster.client.delete(AIGatewayRoute, inDefault('short'));
    await cluster.eventually(AIGatewayRoute, inDefault('short'), (object) => object === undefined);
    await cluster.eventually(HTTPRoute, inDefault('short'), (object) => object === undefined);
    await cluster.eventually(HTTPRouteFilter, inDefault('ai-eg-host-rewrite-short'), (object) => object === undefined);
    await cluster.table((table) => !table.routes.some(({ key }) => key === 'default/short'));
  });

  it('never overwrites an HTTPRoute that somebody else made', async () => {
    await cluster.apply(
      `apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: mine }\nspec: { hostnames: [mine.example.com] }\n---${gatewayYaml('mine-gw')}---${backendYaml('mine')}---${routeYaml('mine', 'mine-gw', '{ name: mine }')}`,
    );
    await cluster.eventually(
      AIGatewayRoute,
      inDefault('mine'),
      (route) => refused(route)?.startsWith('HTTPRoute default/mine exists and is not managed') === true,
    );
    expect((await cluster.client.get(HTTPRoute, inDefault('mine')))?.spec.hostnames).toEqual(['mine.example.com']);
  });

  it('needs a ReferenceGrant to cross namespaces, and loses it with the grant', async () => {
    await cluster.apply('apiVersion: v1\nkind: Namespace\nmetadata: { name: other }');
    await cluster.apply(`apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: { name: remote, namespace: other }
spec: { selector: { matchLabels: { a: b } }, targetPorts: [{ number: 80 }] }
---${gatewayYaml('cross-gw')}---${routeYaml('cross', 'cross-gw', '{ name: remote, namespace: other, group: inference.networking.k8s.io, kind: InferencePool }')}`);
    const isRefused = (route: AIGatewayRoute | undefined): boolean =>
      refused(route)?.startsWith('cross-namespace reference from AIGatewayRoute in namespace default') === true &&
      refused(route)?.endsWith('is not permitted: no valid ReferenceGrant found') === true;
    await cluster.eventually(AIGatewayRoute, inDefault('cross'), isRefused);
    await cluster.apply(`apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: { name: grant, namespace: other }
spec:
  from: [{ group: aigateway.envoyproxy.io, kind: AIGatewayRoute, namespace: default }]
  to: [{ group: inference.networking.k8s.io, kind: InferencePool, name: remote }]`);
    await cluster.eventually(AIGatewayRoute, inDefault('cross'), accepted);
    const remote = { namespace: 'other', name: 'remote' };
    await cluster.eventually(InferencePool, remote, (pool) => says(pool?.status?.parents?.[0]?.conditions, 'Accepted'));
    await cluster.client.delete(ReferenceGrant, { namespace: 'other', name: 'grant' });
    await cluster.eventually(AIGatewayRoute, inDefault('cross'), isRefused);
    await cluster.eventually(InferencePool, remote, (pool) => pool?.status?.parents?.length === 0);
  });

  it('reaches a pool of before v1, whose status is in its own shape', async () => {
    const ref = '{ name: before, group: inference.networking.x-k8s.io, kind: InferencePool }';
    await cluster.apply(`apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferencePool
metadata: { name: before }
spec: { selector: { app: before }, targetPortNumber: 8000, extensionRef: { name: missing } }
---${gatewayYaml('before-gw')}---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: before }
spec:
  parentRefs: [{ name: before-gw }]
  rules: [{ backendRefs: [${ref}] }]`);
    const pool = await cluster.eventually(XInferencePool, inDefault('before'), (object) =>
      says(object?.status?.parent?.[0]?.conditions, 'Accepted'),
    );
    expect(pool?.status?.parent).toMatchObject([
      {
        parentRef: { kind: 'Gateway', name: 'before-gw', namespace: 'default' },
        conditions: [
          { type: 'Accepted' },
          { type: 'ResolvedRefs', status: 'False', reason: 'InvalidExtensionRef' },
          {},
        ],
      },
    ]);
    await cluster.client.delete(HTTPRoute, inDefault('before'));
    const unused = await cluster.eventually(
      XInferencePool,
      inDefault('before'),
      (object) => object?.status?.parent?.[0]?.parentRef.kind === 'Status',
    );
    expect(unused?.status?.parent).toHaveLength(1);
  });

  it('may have 15 rules and no more', async () => {
    const many = (count: number, name: string) => ({
      apiVersion: 'aigateway.envoyproxy.io/v1beta1',
      kind: 'AIGatewayRoute',
      metadata: { name, namespace: 'default' },
      spec: { rules: Array.from({ length: count }, () => ({ backendRefs: [{ name: 'late' }] })) },
    });
    await expect(cluster.client.create(AIGatewayRoute, many(16, 'too-many'))).rejects.toThrow(/15/);
    await cluster.client.create(AIGatewayRoute, many(15, 'just-enough'));
    await cluster.eventually(HTTPRoute, inDefault('just-enough'), (object) => object?.spec.rules?.length === 16);
  });
});

describe('an idle system', () => {
  it('writes nothing when everything is compiled again', async () => {
    const kinds: readonly Kind[] = [
      GatewayClass,
      Gateway,
      HTTPRoute,
      InferencePool,
      Backend,
      AIGatewayRoute,
      AIServiceBackend,
    ];
    const versions = async () =>
      Promise.all(
        kinds.map(async (kind) =>
          (await cluster.client.list(kind)).items.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`),
        ),
      );
    const recompiled = async (value: string): Promise<void> => {
      const published = cluster.tables.length;
      await cluster.client.patch(
        Namespace,
        { name: 'default' },
        { type: 'merge', body: { metadata: { labels: { touched: value } } } },
      );
      await cluster.table(() => cluster.tables.length > published);
    };
    await recompiled('1');
    await recompiled('2');
    const before = await versions();
    await recompiled('3');
    await recompiled('4');
    expect(await versions()).toEqual(before);
  });
});

it('says of a Gateway whose class is deleted that nobody serves it, and serves it again when the class is back', async () => {
  const name = 'classless';
  const gatewayClass = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: ${name} }
spec: { controllerName: gateway.envoyproxy.io/gatewayclass-controller }
`;
  const gateway = gatewayYaml(name).replace('eg,', `${name},`);
  await cluster.apply(`${gatewayClass}---${gateway}`);
  await cluster.eventually(Gateway, inDefault(name), (found) => says(found?.status?.conditions, 'Programmed'));
  await cluster.client.delete(GatewayClass, { name });
  const left = await cluster.eventually(Gateway, inDefault(name), (found) =>
    says(found?.status?.conditions, 'Programmed', 'Unknown'),
  );
  expect(left?.status?.addresses).toEqual([]);
  await cluster.apply(gatewayClass);
  await cluster.eventually(Gateway, inDefault(name), (found) => says(found?.status?.conditions, 'Programmed'));
});
