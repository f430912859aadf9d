import { describe, expect, it } from 'vitest';
import { compile } from '../../src/routing/compile.ts';
import { resourcesOf } from './resourcefile.ts';

const route = (name: string, group: string, pool = 'p'): string => `
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name} }
spec:
  parentRefs: [{ name: gw }]
  hostnames: [${name}.example.com]
  rules: [{ backendRefs: [{ group: ${group}, kind: InferencePool, name: ${pool} }] }]
`;
const newGroup = 'inference.networking.k8s.io';
const oldGroup = 'inference.networking.x-k8s.io';
const base = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: headgate }
spec: { controllerName: headgate.dev/gateway-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: gw }
spec: { gatewayClassName: headgate, listeners: [{ name: http, protocol: HTTP, port: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: epp }
spec: { ports: [{ port: 9002, targetPort: 9002, appProtocol: http2 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: epp-1, labels: { kubernetes.io/service-name: epp } }
addressType: IPv4
ports: [{ port: 9002 }]
endpoints: [{ addresses: [127.0.0.9], conditions: { ready: true } }]
`;
const pod = (name: string, app: string, ip: string): string => `
---
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: ${app} } }
spec: { containers: [{ name: c, image: i }] }
status: { podIP: ${ip}, conditions: [{ type: Ready, status: 'True' }] }
`;
const newPool = `
---
apiVersion: ${newGroup}/v1
kind: InferencePool
metadata: { name: p }
spec: { selector: { matchLabels: { app: new } }, targetPorts: [{ number: 8001 }] }
`;
const oldPool = (status = '{}'): string => `
---
apiVersion: ${oldGroup}/v1alpha2
kind: InferencePool
metadata: { name: p }
spec: { selector: { app: old }, targetPortNumber: 8000, extensionRef: { name: epp, failureMode: FailOpen } }
status: ${status}
`;
const placeholder =
  "{ parent: [{ parentRef: { kind: Status, name: default }, conditions: [{ type: Accepted, status: Unknown, reason: Pending, message: m, lastTransitionTime: '1970-01-01T00:00:00Z' }] }] }";

function compiled(...parts: string[]) {
  const result = compile(resourcesOf(parts.join('')), {
    claimedControllers: ['headgate.dev/gateway-controller'],
    programmed: new Map(),
    now: new Date('2026-01-02T00:00:00Z'),
    generation: 1,
  });
  const statusOf = (apiVersion: string): unknown =>
    result.statuses.find(({ object }) => object.kind === 'InferencePool' && object.apiVersion === apiVersion)?.status;
  return { ...result, statusOf };
}

const pods = pod('a', 'old', '127.0.0.2') + pod('b', 'new', '127.0.0.3');

describe('an InferencePool of before v1', () => {
  it('is routed to, with its port, picker and failureMode', () => {
    const { table } = compiled(base, pods, oldPool(), route('r', oldGroup));
    const key = `default/p/${oldGroup}`;
    expect(table.pools.find((pool) => pool.key === key)).toMatchObject({
      failureMode: 'FailOpen',
      endpoints: [{ key: '127.0.0.2:8000' }],
      picker: { type: 'extProc', endpoints: [{ key: '127.0.0.9:9002' }] },
    });
  });

  it('is another pool than the one of v1 with its name', () => {
    const { table, statusOf } = compiled(base, pods, newPool, oldPool(), route('r', newGroup), route('s', oldGroup));
    expect(table.pools.map(({ key, endpoints }) => [key, endpoints.map((endpoint) => endpoint.key)])).toEqual([
      ['default/p', ['127.0.0.3:8001']],
      [`default/p/${oldGroup}`, ['127.0.0.2:8000']],
    ]);
    expect(statusOf(`${newGroup}/v1`)).toMatchObject({
      parents: [{ controllerName: 'headgate.dev/gateway-controller' }],
    });
    expect(statusOf(`${oldGroup}/v1alpha2`)).toMatchObject({ parent: [{ parentRef: { name: 'gw' } }] });
  });

  it('gets its status in its own shape, in the place of the placeholder', () => {
    const { statusOf } = compiled(base, pods, oldPool(placeholder), route('r', oldGroup));
    const at = { observedGeneration: 1, lastTransitionTime: '2026-01-02T00:00:00Z' };
    expect(statusOf(`${oldGroup}/v1alpha2`)).toEqual({
      parent: [
        {
          parentRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gw', namespace: 'default' },
          conditions: [
            expect.objectContaining({ type: 'Accepted', status: 'True', reason: 'Accepted', ...at }),
            expect.objectContaining({ type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', ...at }),
            expect.objectContaining({ type: 'PickerReady', status: 'True', reason: 'ExtProc', ...at }),
          ],
        },
      ],
    });
  });

  it('keeps its placeholder as long as no route leads to it', () => {
    expect(compiled(base, pods, oldPool(placeholder)).statusOf(`${oldGroup}/v1alpha2`)).toBeUndefined();
  });

  it('loses the entries of our Gateways when no route leads to it, and keeps those of others', () => {
    const others =
      '\n---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: { name: other }\nspec: { gatewayClassName: theirs, listeners: [] }\n';
    const entry = (name: string): string =>
      `{ parentRef: { kind: Gateway, name: ${name}, namespace: default }, conditions: [] }`;
    const status = `{ parent: [${entry('gw')}, ${entry('gone')}, ${entry('other')}] }`;
    expect(compiled(base, others, oldPool(status)).statusOf(`${oldGroup}/v1alpha2`)).toEqual({
      parent: [{ parentRef: { kind: 'Gateway', name: 'other', namespace: 'default' }, conditions: [] }],
    });
  });

  it('is not found under the other group', () => {
    const { statuses, table } = compiled(
      base,
      pods,
      oldPool(),
      route('r', newGroup),
      newPool.replaceAll('name: p', 'name: q'),
      route('s', oldGroup, 'q'),
    );
    const text = JSON.stringify(statuses);
    expect(text).toContain('InferencePool default/p not found');
    expect(text).toContain(`InferencePool default/q of ${oldGroup} not found`);
    expect(table.pools).toEqual([]);
  });
});
