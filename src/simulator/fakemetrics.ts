import { parseGoDuration } from '../kinds/durations.ts';
import { isJsonObject, type JsonObject } from '../llm/server/http.ts';
import type { EngineLoad, LoraSeries } from '../llm/server/metrics.ts';

/** Metric values that do not depend on load, for tests of scorers (epp.md 9.1, --fake-metrics). */
export interface FakeMetrics {
  runningRequests: FakeValue;
  waitingRequests: FakeValue;
  /** 0..1 */
  kvCacheUsage: FakeValue;
  loras: readonly LoraSeries[];
}

export type FakeValue = number | FakeFunction;

/** A value that changes with time: `shape:start:end:period`. */
export interface FakeFunction {
  shape: (typeof shapes)[number];
  start: number;
  end: number;
  periodMs: number;
  text: string;
}

const shapes = ['oscillate', 'ramp', 'rampreset', 'squarewave'] as const;

const keys = ['running-requests', 'waiting-requests', 'kv-cache-usage', 'loras'];

/** Fields that are absent keep what `previous` says. @throws Error naming the field */
export function parseFakeMetrics(value: unknown, previous?: FakeMetrics): FakeMetrics {
  if (!isJsonObject(value)) throw new Error('a JSON object expected');
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) throw new Error(`${unknown} is not supported; there are ${keys.join(', ')}`);
  const read = (key: string, fallback: FakeValue | undefined, max: number): FakeValue => {
    const given = value[key];
    if (given === undefined || given === null) return fallback ?? 0;
    const changing = typeof given === 'string' ? parseFunction(given) : undefined;
    const fits = (number: unknown): number is number => typeof number === 'number' && number >= 0 && number <= max;
    if (changing !== undefined && fits(changing.start) && fits(changing.end)) return changing;
    if (fits(given)) return given;
    throw new Error(`${key}: numbers from 0 to ${String(max)} expected`);
  };
  return {
    runningRequests: read('running-requests', previous?.runningRequests, Number.MAX_SAFE_INTEGER),
    waitingRequests: read('waiting-requests', previous?.waitingRequests, Number.MAX_SAFE_INTEGER),
    kvCacheUsage: read('kv-cache-usage', previous?.kvCacheUsage, 1),
    loras: value['loras'] === undefined ? (previous?.loras ?? []) : parseLoras(value['loras']),
  };
}

/** As it was given. */
export function showFakeMetrics({ runningRequests, waitingRequests, kvCacheUsage, loras }: FakeMetrics): JsonObject {
  const show = (value: FakeValue): number | string => (typeof value === 'number' ? value : value.text);
  return {
    'running-requests': show(runningRequests),
    'waiting-requests': show(waitingRequests),
    'kv-cache-usage': show(kvCacheUsage),
    loras,
  };
}

/** What is reported in place of the load, `elapsedMs` after it was set. */
export function fakeLoad(fake: FakeMetrics, elapsedMs: number): EngineLoad {
  return {
    running: Math.round(fakeValue(fake.runningRequests, elapsedMs)),
    waiting: Math.round(fakeValue(fake.waitingRequests, elapsedMs)),
    kvCacheUsage: fakeValue(fake.kvCacheUsage, elapsedMs),
    runningLoras: [],
    waitingLoras: [],
  };
}

/** The value `elapsedMs` after it was set. */
export function fakeValue(value: FakeValue, elapsedMs: number): number {
  if (typeof value === 'number') return value;
  const { shape, start, end, periodMs } = value;
  const phase = (elapsedMs % periodMs) / periodMs;
  const between = (fraction: number): number => start + (end - start) * fraction;
  switch (shape) {
    case 'oscillate':
      return between((1 - Math.cos(2 * Math.PI * phase)) / 2);
    case 'ramp':
      return between(Math.min(1, elapsedMs / periodMs));
    case 'rampreset':
      return between(phase);
    case 'squarewave':
      return phase < 0.5 ? start : end;
  }
}

function parseFunction(text: string): FakeFunction {
  const [name, start = '', end = '', period = ''] = text.split(':');
  const shape = shapes.find((candidate) => candidate === name);
  const periodMs = parseGoDuration(period);
  const isNumber = (part: string): boolean => part.trim() !== '' && Number.isFinite(Number(part));
  if (shape === undefined || !isNumber(start) || !isNumber(end) || periodMs === undefined || periodMs <= 0) {
    throw new Error(`a function such as ramp:10:0:5s expected, of ${shapes.join(', ')}, got ${text}`);
  }
  return { shape, start: Number(start), end: Number(end), periodMs, text };
}

function parseLoras(value: unknown): LoraSeries[] {
  if (!Array.isArray(value)) throw new Error('loras: a list of {"running", "waiting", "timestamp"} expected');
  return value.map((lora: unknown) => {
    const { running = '', waiting = '', timestamp = 0 } = isJsonObject(lora) ? lora : { running: null };
    if (typeof running !== 'string' || typeof waiting !== 'string' || typeof timestamp !== 'number') {
      throw new Error('loras: a list of {"running", "waiting", "timestamp"} expected');
    }
    return { running, waiting, timestamp };
  });
}
