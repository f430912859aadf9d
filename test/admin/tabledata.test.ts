import { expect, it } from 'vitest';
import { tableData } from '../../src/admin/tabledata.ts';
import { compile } from '../../src/routing/compile.ts';
import { resourcesOf } from '../routing/resourcefile.ts';

it('prints what a table says, in the order in which matches are tried', () => {
  const resources = resourcesOf(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: headgate }
spec: { controllerName: headgate.dev/gateway-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: web, namespace: default }
spec: { gatewayClassName: headgate, listeners: [{ name: http, protocol: HTTP, port: 80 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: r, namespace: default }
spec:
  parentRefs: [{ name: web }]
  hostnames: [a.example]
  rules:
    - matches: [{ path: { type: PathPrefix, value: / } }]
      backendRefs: [{ name: s, port: 80 }]
    - matches: [{ path: { type: Exact, value: /x }, headers: [{ type: RegularExpression, name: v, value: 'a+' }] }]
      filters: [{ type: RequestRedirect, requestRedirect: { statusCode: 302 } }]
`);
  const options = {
    claimedControllers: ['headgate.dev/gateway-controller'],
    programmed: new Map(),
    now: new Date('2026-02-02T02:02:02Z'),
    generation: 1,
  };
  const data = tableData(compile(resources, options).table);
  expect(JSON.parse(JSON.stringify(data))).toEqual(data);
  const [listener] = data.gateways[0]?.listeners ?? [];
  expect(data.gateways.map(({ gateway }) => gateway)).toEqual(['default/web']);
  expect(listener).toMatchObject({ name: 'http', port: 80, protocol: 'HTTP', readsModel: false });
  expect(listener?.matches).toMatchObject([
    {
      host: 'a.example',
      path: { type: 'Exact', value: '/x' },
      headers: [{ name: 'v', type: 'RegularExpression', value: 'a+' }],
      rule: 'httproute/default/r/rule/1',
      filters: ['RequestRedirect'],
      backends: [],
    },
    { host: 'a.example', route: 'default/r', backends: [{ priority: 0, weight: 1 }] },
  ]);
});
