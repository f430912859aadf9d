/**
 * `node test/bench/lookup.ts`: what it costs to find the route of a request among 1, 30, 300 and 3,000 models on one Gateway, by itself: routes as
 * ModelDeployments get them (prefix `/`, the header of the model), models at random. The fastest of 30 rounds counts, which other work on the
 * machine disturbs least.
 */
import { linkTable } from '../../src/routes/index.ts';
import { matchRoute, type RouteRequest } from '../../src/routes/match.ts';
import { table } from '../gateway/fixture.ts';

const rounds = 30;
const lookups = 100_000;

console.log('| Models | ns per lookup |\n|--:|--:|');
for (const count of [1, 30, 300, 3_000])
  console.log(`| ${count.toLocaleString('en')} | ${measure(count).toFixed(0)} |`);

function measure(count: number): number {
  const models = Array.from({ length: count }, (_, i) => `org-${i % 7}/model-${i}`);
  const rules = models.map((value) => ({
    match: { path: { type: 'PathPrefix' as const, value: '/' }, headers: [{ name: 'x-gateway-model-name', value }] },
  }));
  const listeners = [...linkTable(table(rules)).gateways.values()].flatMap((gateway) => gateway.listeners);
  // The same number of requests and of strings whatever the count, so that only the table differs.
  const requests = Array.from({ length: 4_096 }, (_, i): RouteRequest => ({
    host: '127.0.0.1',
    path: '/v1/chat/completions',
    query: '',
    method: 'POST',
    model: models[(i * 7_919) % count],
    header: () => undefined,
  }));
  let best = Infinity;
  for (let round = 0; round < rounds; round += 1) {
    let found = 0;
    const started = performance.now();
    for (let i = 0; i < lookups; i += 1) {
      const request = requests[i & 4_095];
      if (request !== undefined && matchRoute(listeners, request)?.match !== undefined) found += 1;
    }
    const ms = performance.now() - started;
    if (found !== lookups) throw new Error(`${found} of ${lookups} lookups found a route`);
    best = Math.min(best, ms);
  }
  return (best * 1e6) / lookups;
}
