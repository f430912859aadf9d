/**
 * Decision cost: microseconds from a complete, hashed prompt to a decision, including the prefix index's update, by pool size and prompt
 * length; and what hashing a body costs as it arrives. `npm run bench:picker -- [--decisions 3000]`
 */
import { parseArgs } from 'node:util';
import { parseConfig } from '../../src/picker/config/parse.ts';
import { createDirector, type Director } from '../../src/picker/director.ts';
import type { PromptHashes } from '../../src/picker/prefix/prompthasher.ts';
import { realTimers } from '../../src/picker/ports.ts';
import { createRandom } from '../../src/simulator/random.ts';

const { values } = parseArgs({ options: { decisions: { type: 'string', default: '3000' } } });
const decisions = Number(values.decisions);
const random = createRandom(1);
const chunkBytes = 16 * 1024;

/** Half of the prompt is one of 100 shared beginnings, or, in the worst case, one that every endpoint has cached. */
function body(tokens: number, beginning: number): Buffer {
  const text = (length: number, source: { next(): number }): string =>
    Array.from({ length }, () => source.next().toString(36).slice(2, 5)).join(' ');
  const half = Math.floor(tokens / 2);
  const content = `${text(half, createRandom(beginning))} ${text(half, random)}`;
  return Buffer.from(JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] }));
}

function hash(director: Director, bytes: Buffer): PromptHashes | undefined {
  const hasher = director.promptHasher('chat-completions');
  for (let at = 0; at < bytes.length; at += chunkBytes) hasher?.push(bytes.subarray(at, at + chunkBytes));
  return hasher?.finish();
}

function createPool(endpoints: number): Director {
  const director = createDirector({
    config: parseConfig(),
    pool: { namespace: 'default', name: 'bench' },
    clock: () => performance.now(),
    random: () => random.next(),
    timers: realTimers,
    observer: {},
  });
  const pool = Array.from({ length: endpoints }, (_, at) => ({
    key: `10.0.${at >> 8}.${at & 255}:8000`,
    address: '',
    port: 8000,
  }));
  director.update(pool);
  for (const { key } of pool) {
    director.recordMetrics(key, { waiting: Math.floor(random.next() * 5), running: 3, kvUsage: random.next() });
  }
  return director;
}

interface Measured {
  readonly p50: number;
  readonly p99: number;
  readonly hashP50: number;
}

/** Every request ends at once; what is measured is deciding. `shared`: how many endpoints a beginning was sent to before. */
function measure(endpoints: number, tokens: number, everywhere: boolean): Measured {
  const director = createPool(endpoints);
  const bodies = Array.from({ length: 200 }, (_, at) => body(tokens, everywhere ? 0 : at % 100));
  const hashUs: number[] = [];
  const prompts = bodies.map((bytes) => {
    for (let warm = 0; warm < 3; warm += 1) hash(director, bytes);
    const startedMs = performance.now();
    const hashed = hash(director, bytes);
    hashUs.push((performance.now() - startedMs) * 1_000);
    return hashed;
  });
  const decide = (at: number, subset?: readonly string[]): void => {
    const prompt = prompts[at % prompts.length];
    const request = { id: '', header: () => undefined, incomingModel: 'm', streaming: true, bodyBytes: tokens * 4 };
    director.schedule({ ...request, prompt, subset }, () => undefined).completed();
  };
  if (everywhere) {
    for (const { endpoint } of director.stats().endpoints) decide(0, [endpoint.key]);
  }
  for (let at = 0; at < Math.min(decisions, 1_000); at += 1) decide(at);
  const took = new Float64Array(decisions);
  for (let at = 0; at < decisions; at += 1) {
    const startedMs = performance.now();
    decide(at);
    took[at] = (performance.now() - startedMs) * 1_000;
  }
  took.sort();
  hashUs.sort((one, other) => one - other);
  const percentile = (share: number): number => took[Math.floor(share * decisions)] ?? 0;
  return { p50: percentile(0.5), p99: percentile(0.99), hashP50: hashUs[hashUs.length >> 1] ?? 0 };
}

for (const everywhere of [false, true]) {
  console.log(
    `\n${everywhere ? 'Half of every prompt is cached by every endpoint' : '100 shared beginnings'}; microseconds per decision\n`,
  );
  console.log('| Endpoints | Prompt tokens | p50 | p99 | hashing the body, p50 |\n|--:|--:|--:|--:|--:|');
  for (const endpoints of [10, 100, 1_000, 10_000]) {
    for (const tokens of [100, 4_000, 32_000]) {
      const { p50, p99, hashP50 } = measure(endpoints, tokens, everywhere);
      console.log(`| ${endpoints} | ${tokens} | ${p50.toFixed(1)} | ${p99.toFixed(1)} | ${hashP50.toFixed(1)} |`);
    }
  }
}
