/**
 * Decision cost: microseconds from a complete, hashed prompt to a decision, including the prefix index's update, by pool size and prompt
 * length; what hashing a body costs as it arrives; and memory by prompts seen. `npm run bench:picker -- [--decisions 3000] [--endpoints
 * 10,100,1000,10000] [--no-ext-proc]`. Then, in a process of its own, `extproc.ts`: the same over ext_proc beside the upstream picker.
 *
 * A decision during which the system gave the processor to somebody else says nothing about us: these are counted, and the percentiles
 * are given with and without them.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseConfig } from '../../src/picker/config/parse.ts';
import { createDirector, type Director } from '../../src/picker/director.ts';
import type { PromptHashes } from '../../src/picker/prefix/prompthasher.ts';
import { realTimers } from '../../src/picker/ports.ts';
import { createRandom } from '../../src/simulator/random.ts';

const { values } = parseArgs({
  options: {
    decisions: { type: 'string', default: '3000' },
    endpoints: { type: 'string', default: '10,100,1000,10000' },
    'ext-proc': { type: 'boolean', default: true },
    help: { type: 'boolean', default: false },
  },
  allowNegative: true,
});
if (values.help) {
  console.log('npm run bench:picker -- [--decisions 3000] [--endpoints 10,100,1000,10000] [--no-ext-proc]');
  process.exit(0);
}
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
  /** Of the decisions that ran without an interruption by the system. */
  readonly undisturbedP99: number;
  /** The others, as a share of all. */
  readonly disturbed: number;
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
  const took: number[] = [];
  const undisturbed: number[] = [];
  let switches = process.resourceUsage().involuntaryContextSwitches;
  for (let at = 0; at < decisions; at += 1) {
    const startedMs = performance.now();
    decide(at);
    const us = (performance.now() - startedMs) * 1_000;
    const now = process.resourceUsage().involuntaryContextSwitches;
    took.push(us);
    if (now === switches) undisturbed.push(us);
    switches = now;
  }
  return {
    p50: percentile(took, 0.5),
    p99: percentile(took, 0.99),
    undisturbedP99: percentile(undisturbed, 0.99),
    disturbed: 1 - undisturbed.length / decisions,
    hashP50: percentile(hashUs, 0.5),
  };
}

const percentile = (numbers: readonly number[], share: number): number =>
  numbers.toSorted((one, other) => one - other)[Math.floor(share * numbers.length)] ?? 0;

/** What prompts that have nothing in common leave behind, 256 blocks each, spread over 100 endpoints. */
function measureMemory(counts: readonly number[]): void {
  const director = createPool(100);
  const keys = director.stats().endpoints.map(({ endpoint }) => endpoint.key);
  console.log('\nMemory by prompts that have nothing in common, 100 endpoints, 4,000 tokens each\n');
  console.log('| Prompts | blocks in them | pairs of block and endpoint held | MiB of arrays |\n|--:|--:|--:|--:|');
  let seen = 0;
  for (const count of counts) {
    for (; seen < count; seen += 1) {
      const words = Uint32Array.from({ length: 512 }, () => random.next() * 2 ** 32);
      const prompt = { words, blocks: 256, blockBytes: 64, promptBytes: 16_384, cacheSalt: '' };
      const request = { id: '', header: () => undefined, incomingModel: 'm', streaming: true, bodyBytes: 16_384 };
      const subset = [keys[seen % keys.length] ?? ''];
      director.schedule({ ...request, prompt, subset }, () => undefined).completed();
    }
    const { arrayBuffers } = process.memoryUsage();
    const held = director.stats().prefixIndexSize;
    console.log(`| ${count} | ${count * 256} | ${held} | ${(arrayBuffers / 2 ** 20).toFixed(0)} |`);
  }
}

for (const everywhere of [false, true]) {
  console.log(
    `\n${everywhere ? 'Half of every prompt is cached by every endpoint' : '100 shared beginnings'}; microseconds per decision\n`,
  );
  console.log(
    '| Endpoints | Prompt tokens | p50 | p99 | p99 undisturbed | disturbed | hashing the body, p50 |\n|--:|--:|--:|--:|--:|--:|--:|',
  );
  for (const endpoints of values.endpoints.split(',').map(Number)) {
    for (const tokens of [100, 4_000, 32_000]) {
      const { p50, p99, undisturbedP99, disturbed, hashP50 } = measure(endpoints, tokens, everywhere);
      const cells = [p50, p99, undisturbedP99].map((us) => us.toFixed(1));
      console.log(
        `| ${endpoints} | ${tokens} | ${cells.join(' | ')} | ${(disturbed * 100).toFixed(1)} % | ${hashP50.toFixed(1)} |`,
      );
    }
  }
}
measureMemory([1_000, 10_000, 30_000, 100_000]);

if (values['ext-proc']) spawnSync(process.execPath, [join(import.meta.dirname, 'extproc.ts')], { stdio: 'inherit' });
