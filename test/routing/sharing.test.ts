import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile, newRoutingMemory, type Compiled, type RoutingMemory } from '../../src/routing/compile.ts';
import { noResources, type RouteResources } from '../../src/routing/resources.ts';
import type { Part, RouteTable } from '../../src/routes/table.ts';
import { resourcesOf } from './resourcefile.ts';

const testdata = new URL('testdata/', import.meta.url);
const now = new Date('2026-02-02T02:02:02Z');

function compiled(resources: RouteResources, memory?: RoutingMemory): Compiled {
  const claimedControllers = ['headgate.dev/gateway-controller', 'gateway.envoyproxy.io/gatewayclass-controller'];
  const options = { claimedControllers, programmed: new Map(), now, generation: 1 };
  return memory === undefined ? compile(resources, options) : compile(resources, options, memory);
}

const count = 40;
const many = resourcesOf(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: headgate }
spec: { controllerName: headgate.dev/gateway-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: gw }
spec: { gatewayClassName: headgate, listeners: [{ name: http, protocol: HTTP, port: 8080 }] }
${Array.from(
  { length: count },
  (_, i) => `---
apiVersion: v1
kind: Service
metadata: { name: s${i} }
spec: { ports: [{ port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: s${i}-1, labels: { kubernetes.io/service-name: s${i} } }
addressType: IPv4
ports: [{ port: 8000 }]
endpoints: [{ addresses: [10.0.0.${i}] }]
---
apiVersion: v1
kind: Pod
metadata: { name: p${i}, labels: { app: a${i} } }
spec: { containers: [] }
status: { podIP: 10.0.1.${i}, conditions: [{ type: Ready, status: 'True' }] }
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: { name: pool${i} }
spec: { selector: { matchLabels: { app: a${i} } }, targetPorts: [{ number: 8000 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: r${i} }
spec:
  parentRefs: [{ name: gw }]
  rules:
    - matches: [{ path: { value: /s${i} } }]
      backendRefs: [{ name: s${i}, port: 80 }]
    - matches: [{ path: { value: /p${i} } }]
      backendRefs: [{ group: inference.networking.k8s.io, kind: InferencePool, name: pool${i} }]
`,
).join('')}`);

/** The parts of two tables that are not the same objects. */
function changedParts(before: RouteTable, after: RouteTable): string[] {
  const changed = (what: string, a: readonly Part[], b: readonly Part[]): string[] =>
    b.filter((part) => !a.includes(part)).map(({ key }) => `${what} ${key}`);
  return [
    ...changed('gateway', before.gateways, after.gateways),
    ...changed('route', before.routes, after.routes),
    ...changed('endpoints', before.endpointSets, after.endpointSets),
    ...changed('pool', before.pools, after.pools),
  ];
}

/** A copy of the list with one object replaced. */
const replaced = <T extends { metadata: { name: string } }>(
  list: readonly T[],
  name: string,
  by: (object: T) => T,
): T[] => list.map((object) => (object.metadata.name === name ? by(object) : object));

describe('compiling again with the memory of the compile before', () => {
  it('shares every rule and every list of endpoints when nothing has changed', () => {
    const memory = newRoutingMemory();
    const first = compiled(many, memory);
    const again = Object.fromEntries(
      Object.entries(many).map(([kind, list]: [string, readonly unknown[]]) => [kind, [...list]]),
    );
    const second = compiled({ ...noResources, ...again }, memory);
    expect(changedParts(first.table, second.table)).toEqual([]);
    expect(second.table).toEqual(first.table);
    expect(second.table.endpointSets).toBe(first.table.endpointSets);
    expect(second.table.routes).toBe(first.table.routes);
    expect(second.table.gateways).toBe(first.table.gateways);
  });

  it('makes one set of endpoints anew when a Pod or a slice changes', () => {
    const memory = newRoutingMemory();
    const first = compiled(many, memory);
    const pods = replaced(many.pods, 'p7', (pod) => ({ ...pod, status: { ...pod.status, conditions: [] } }));
    const second = compiled({ ...many, pods }, memory);
    expect(changedParts(first.table, second.table)).toEqual(['pool default/pool7']);
    expect(second.table.pools.find(({ key }) => key === 'default/pool7')?.endpoints).toEqual([]);
    const endpointSlices = replaced(many.endpointSlices, 's3-1', (slice) => ({ ...slice, endpoints: [] }));
    const third = compiled({ ...many, pods, endpointSlices }, memory);
    expect(changedParts(second.table, third.table)).toEqual(['endpoints service/default/s3:80']);
  });

  it('keeps all rules when only statuses change', () => {
    const memory = newRoutingMemory();
    const first = compiled(many, memory);
    const httpRoutes = replaced(many.httpRoutes, 'r1', (route) => ({ ...route, status: { parents: [] } }));
    expect(changedParts(first.table, compiled({ ...many, httpRoutes }, memory).table)).toEqual([]);
  });

  it.each(readdirSync(testdata).filter((file) => file.endsWith('.in.yaml')))(
    'gives the same as compiling anew, whatever comes and goes of %s',
    (file) => {
      const all = resourcesOf(readFileSync(new URL(file, testdata), 'utf8'));
      const kinds = Object.keys(all) as (keyof RouteResources)[];
      const total = kinds.reduce((sum, kind) => sum + all[kind].length, 0);
      const present = fc.array(fc.boolean(), { minLength: total, maxLength: total });
      fc.assert(
        fc.property(fc.array(present, { minLength: 2, maxLength: 6 }), (steps) => {
          const memory = newRoutingMemory();
          for (const step of steps) {
            let at = 0;
            const some = Object.fromEntries(
              kinds.map((kind) => [kind, all[kind].filter(() => step[(at += 1) - 1] === true)]),
            );
            // A selection of each list holds what that list holds.
            const resources = { ...noResources, ...some };
            const { asked, ...again } = compiled(resources, memory);
            const { asked: needed, ...anew } = compiled(resources);
            expect(plain(again)).toEqual(plain(anew));
            for (const family of ['configMaps', 'secrets'] as const)
              expect([...asked[family]]).toEqual(expect.arrayContaining([...needed[family]]));
          }
        }),
        { numRuns: 25 },
      );
    },
  );
});

it('gives the same as compiling anew among many, of which a few come and go at a time', () => {
  const kinds = ['gateways', 'services', 'endpointSlices', 'pods', 'inferencePools', 'httpRoutes'] as const;
  const few = 25;
  const all = { ...many, ...Object.fromEntries(kinds.map((kind) => [kind, many[kind].slice(0, few)])) };
  const change = fc.record({ kind: fc.constantFrom(...kinds), at: fc.nat(few - 1) });
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 4 }), { minLength: 3, maxLength: 8 }), (steps) => {
      const memory = newRoutingMemory();
      const absent = new Set<string>();
      let resources = all;
      for (const step of steps) {
        for (const { kind, at } of step) {
          const name = `${kind} ${at}`;
          if (!absent.delete(name)) absent.add(name);
          resources = { ...resources, [kind]: all[kind].filter((_, index) => !absent.has(`${kind} ${index}`)) };
        }
        const { asked: _again, ...again } = compiled(resources, memory);
        const { asked: _anew, ...anew } = compiled(resources);
        expect(plain(again)).toEqual(plain(anew));
      }
    }),
    { numRuns: 3 },
  );
});

it('notices what changes after a compile in which it has looked for what nobody needs any more', () => {
  const memory = newRoutingMemory();
  for (let i = 0; i < 3; i += 1) compiled(many, memory);
  const without = { ...many, services: many.services.slice(1) };
  expect(plain(compiled(without, memory).table)).toEqual(plain(compiled(without).table));
});

it('counts the routes of a Gateway that went with them and came back', () => {
  const memory = newRoutingMemory();
  const attached = (resources: RouteResources): unknown[] =>
    compiled(resources, memory).statuses.flatMap(({ kind, status }) => (kind.kind === 'Gateway' ? [status] : []));
  const listeners = [expect.objectContaining({ attachedRoutes: count })];
  // The second compile forgets what it did not ask for, those after it nothing.
  expect(attached(many)).toEqual([expect.objectContaining({ listeners })]);
  expect(attached({ ...many, httpRoutes: [...many.httpRoutes] })).toEqual([expect.objectContaining({ listeners })]);
  expect(attached(noResources)).toEqual([]);
  expect(attached(many)).toEqual([expect.objectContaining({ listeners })]);
});

const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, part: unknown) =>
      part instanceof Set ? [...part].map(String).sort((a, b) => (a < b ? -1 : 1)) : part,
    ),
  );
