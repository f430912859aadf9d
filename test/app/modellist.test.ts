import { expect, test } from 'vitest';
import type { ServedModel } from '../../src/admin/resources.ts';
import { listModels } from '../../src/app/modellist.ts';
import { keyOf } from '../../src/kinds/object.ts';
import { linkTable } from '../../src/routes/index.ts';
import { compile } from '../../src/routing/compile.ts';
import { resourcesOf } from '../routing/resourcefile.ts';

/** What is listed of a Gateway, a Service without endpoints, and the routes. */
function listed(routes: string, open: readonly number[] = [8080]): readonly ServedModel[] {
  const resources = resourcesOf(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: headgate }
spec: { controllerName: headgate.dev/gateway-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: gw }
spec: { gatewayClassName: headgate, listeners: [{ name: http, protocol: HTTP, port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { ports: [{ port: 80 }] }
---
${routes}`);
  const { table } = compile(resources, {
    claimedControllers: ['headgate.dev/gateway-controller'],
    programmed: new Map(),
    now: new Date('2026-02-02T02:02:02Z'),
    generation: 1,
  });
  return listModels({
    table: linkTable(table),
    route: (ref) => resources.httpRoutes.find(({ metadata }) => keyOf(metadata) === keyOf(ref)),
    modelOf: ({ kind, name }) =>
      kind === 'Website' ? undefined : { name: name === 'unknown' ? undefined : `model-of-${name}` },
    originOf: (_, { port }) => (port === 80 && open.length > 0 ? `http://127.0.0.1:${String(open[0])}` : undefined),
  });
}

const httpRoute = (name: string, fields: string, metadata = ''): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: default, creationTimestamp: "2026-01-01T00:00:00Z" ${metadata} }
spec: { parentRefs: [{ name: gw }], ${fields} }
`;
const named = (model: string, match = ''): string =>
  `rules: [{ matches: [{ ${match} headers: [{ name: X-Gateway-Model-Name, value: ${model} }] }], backendRefs: [{ name: web, port: 80 }] }]`;
const behind = (path: string): string =>
  `rules: [{ matches: [{ path: { type: PathPrefix, value: ${path} } }], backendRefs: [{ name: web, port: 80 }] }]`;
const ownedBy = (kind: string, name: string): string =>
  `, ownerReferences: [{ apiVersion: example.com/v1, kind: ${kind}, name: ${name}, uid: u, controller: true }]`;

test('models that routes match on are listed with the route, or with what made it', () => {
  const models = listed(
    [httpRoute('plain', named('b')), httpRoute('made', named('a'), ownedBy('ModelDeployment', 'mine'))].join('---'),
  );
  const common = { backend: 'default/web', endpoints: 0, gateway: 'default/gw', url: 'http://127.0.0.1:8080/v1' };
  expect(models).toEqual([
    {
      ...common,
      model: 'a',
      route: 'default/made',
      source: { apiVersion: 'example.com/v1', kind: 'ModelDeployment', namespace: 'default', name: 'mine' },
    },
    {
      ...common,
      model: 'b',
      route: 'default/plain',
      source: { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', namespace: 'default', name: 'plain' },
    },
  ]);
});

test('a path of a resource that serves a model is listed by the name it gives, other paths are not', () => {
  const models = listed(
    [
      httpRoute('service', behind('/ml-team/qwen-chat'), ownedBy('AIMService', 'qwen')),
      httpRoute('starting', behind('/ml-team/other/'), ownedBy('AIMService', 'unknown')),
      httpRoute('website', behind('/shop')),
      httpRoute('owned-website', behind('/blog'), ownedBy('Website', 'blog')),
    ].join('---'),
  );
  expect(models.map(({ model, url }) => [model, url])).toEqual([
    [undefined, 'http://127.0.0.1:8080/ml-team/other/v1'],
    ['model-of-qwen', 'http://127.0.0.1:8080/ml-team/qwen-chat/v1'],
  ]);
});

test.each([
  ['', '/v1'],
  ['path: { type: PathPrefix, value: / },', '/v1'],
  ['path: { type: PathPrefix, value: /v1 },', '/v1'],
  ['path: { type: Exact, value: /v1/chat/completions },', '/v1'],
  ['path: { type: PathPrefix, value: /team/a },', '/team/a/v1'],
  ['path: { type: PathPrefix, value: /team/v1/chat },', '/team/v1'],
  ['path: { type: RegularExpression, value: "/v.*" },', '/v1'],
])('the base URL of a match with "%s" ends in %s', (match, base) => {
  expect(listed(httpRoute('r', named('m', match))).map(({ url }) => url)).toEqual([`http://127.0.0.1:8080${base}`]);
});

test('a model is listed once for each host that it has, with the Host header that it takes', () => {
  const models = listed(httpRoute('hosts', `hostnames: [models.example.com, "*.example.org"], ${named('m')}`));
  expect(models.map(({ host }) => host)).toEqual(['*.example.org', 'models.example.com']);
});

test('a Gateway without an address has no URL', () => {
  expect(listed(httpRoute('r', named('m')), []).map(({ url }) => url)).toEqual([undefined]);
});
