/**
 * What one change costs the compiler of routes, among few and among many: `npm run bench:routes`. Each route has one rule, one Service with
 * one EndpointSlice, and a pool with one Pod. Processor time of the process, the median of many changes. Then, with `headgate up` as it
 * is started by users, how long many AIGatewayRoutes take, and a change of one of them; `--scale 0,200` says how many (routescale.ts).
 */
import { parseArgs } from 'node:util';
import type { RouteResources } from '../../src/routing/resources.ts';
import { noResources } from '../../src/routing/resources.ts';
import { compile, newRoutingMemory } from '../../src/routing/compile.ts';
import { scaleOf } from './routescale.ts';

const { values } = parseArgs({ options: { scale: { type: 'string', default: '0,200,2000' } } });
const counts = [20, 200, 2_000];
const changes = 200;
const warmUp = 50;

function resourcesFor(count: number): RouteResources {
  const created = '2026-01-01T00:00:00Z';
  const meta = (name: string, labels?: Record<string, string>) => ({
    name,
    namespace: 'default',
    uid: name,
    generation: 1,
    creationTimestamp: created,
    ...(labels && { labels }),
  });
  const each = <T>(make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
  const lists = {
    gatewayClasses: [{ metadata: { name: 'c' }, spec: { controllerName: 'headgate.dev/gateway-controller' } }],
    gateways: [
      {
        metadata: meta('gw'),
        spec: { gatewayClassName: 'c', listeners: [{ name: 'http', protocol: 'HTTP', port: 80 }] },
      },
    ],
    services: each((i) => ({ metadata: meta(`s${i}`), spec: { ports: [{ port: 80 }] } })),
    endpointSlices: each((i) => ({
      metadata: meta(`s${i}-1`, { 'kubernetes.io/service-name': `s${i}` }),
      addressType: 'IPv4',
      ports: [{ port: 8000 }],
      endpoints: [{ addresses: ['10.0.0.1'] }],
    })),
    pods: each((i) => ({
      metadata: meta(`p${i}`, { app: `a${i}` }),
      spec: { containers: [] },
      status: { podIP: '10.0.1.1', conditions: [{ type: 'Ready', status: 'True' }] },
    })),
    inferencePools: each((i) => ({
      metadata: meta(`pool${i}`),
      spec: { selector: { matchLabels: { app: `a${i}` } }, targetPorts: [{ number: 8000 }] },
    })),
    httpRoutes: each((i) => ({
      metadata: meta(`r${i}`),
      spec: {
        parentRefs: [{ name: 'gw' }],
        rules: [
          {
            matches: [{ headers: [{ name: 'x-gateway-model-name', value: `m${i}` }] }],
            backendRefs: [
              { name: `s${i}`, port: 80 },
              { group: 'inference.networking.k8s.io', kind: 'InferencePool', name: `pool${i}` },
            ],
          },
        ],
      },
    })),
  };
  // Made for this bench with the fields that the compiler reads.
  return { ...noResources, ...lists } as unknown as RouteResources;
}

type Change = (resources: RouteResources, at: number) => RouteResources;

/** The list with one object made anew, as a cache has it after an event. */
function renewed<T extends object>(list: readonly T[], at: number, by: (object: T) => object): T[] {
  const copy = [...list];
  const old = copy[at];
  if (old !== undefined) copy[at] = { ...old, ...by(old) };
  return copy;
}

const kinds: Readonly<Record<string, Change>> = {
  'a Pod turns ready or not': (resources, at) => ({
    ...resources,
    pods: renewed(resources.pods, at, ({ status }) => ({
      status: { ...status, conditions: status?.conditions?.length === 0 ? [{ type: 'Ready', status: 'True' }] : [] },
    })),
  }),
  'an EndpointSlice changes': (resources, at) => ({
    ...resources,
    endpointSlices: renewed(resources.endpointSlices, at, ({ endpoints }) => ({
      endpoints: endpoints.length === 0 ? [{ addresses: ['10.0.0.1'] }] : [],
    })),
  }),
  'a route changes': (resources, at) => ({
    ...resources,
    httpRoutes: renewed(resources.httpRoutes, at, ({ metadata, spec }) => ({
      metadata: { ...metadata, generation: (metadata.generation ?? 0) + 1 },
      spec: { ...spec, hostnames: spec.hostnames === undefined ? ['a.example'] : undefined },
    })),
  }),
};

function medianMicroseconds(change: Change, count: number): number {
  const memory = newRoutingMemory();
  const options = {
    claimedControllers: ['headgate.dev/gateway-controller'],
    programmed: new Map(),
    now: new Date(0),
    generation: 1,
  };
  let resources = resourcesFor(count);
  compile(resources, options, memory);
  const spent: number[] = [];
  for (let i = 0; i < warmUp + changes; i += 1) {
    resources = change(resources, (i * 7) % count);
    const before = process.cpuUsage();
    compile(resources, options, memory);
    const { user, system } = process.cpuUsage(before);
    if (i >= warmUp) spent.push(user + system);
  }
  return spent.sort((a, b) => a - b)[Math.floor(spent.length / 2)] ?? 0;
}

console.log(`Processor time of a compile after one change, in microseconds (median of ${changes})`);
for (const [what, change] of Object.entries(kinds)) {
  const figures = counts.map((count) => `${count} routes: ${medianMicroseconds(change, count)}`);
  console.log(`  ${what.padEnd(26)} ${figures.join('   ')}`);
}

const scales = values.scale.split(',').filter((count) => count !== '');
if (scales.length > 0) console.log('headgate up -f with AIGatewayRoutes, from the start of the process until Ready');
for (const routes of scales.map(Number)) {
  const { readySeconds, cpuSeconds, servedMs } = await scaleOf(routes, routes >= 200 ? 100 : 0);
  const of = (share: number): string => (servedMs[Math.ceil(servedMs.length * share) - 1] ?? 0).toFixed(0);
  const served = servedMs.length === 0 ? '' : `   a change of one is served after ${of(0.5)} ms (p99 ${of(0.99)})`;
  console.log(
    `  ${String(routes).padStart(5)} routes: ${readySeconds.toFixed(1)} s, processor ${cpuSeconds.toFixed(1)} s${served}`,
  );
}
