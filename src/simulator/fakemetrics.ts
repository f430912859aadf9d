import { isJsonObject } from './http.ts';

/** Metric values that do not depend on load, for tests of scorers (epp.md 9.1, --fake-metrics). */
export interface FakeMetrics {
  runningRequests: number;
  waitingRequests: number;
  /** 0..1 */
  kvCacheUsage: number;
  loras: readonly FakeLora[];
}

export interface FakeLora {
  running: string;
  waiting: string;
  /** Unix seconds: the series with the largest value counts. */
  timestamp: number;
}

const keys = ['running-requests', 'waiting-requests', 'kv-cache-usage', 'loras'];

/** Fields that are absent keep what `previous` says. @throws Error naming the field */
export function parseFakeMetrics(value: unknown, previous?: FakeMetrics): FakeMetrics {
  if (!isJsonObject(value)) throw new Error('a JSON object expected');
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) throw new Error(`${unknown} is not supported; there are ${keys.join(', ')}`);
  const number = (key: string, fallback: number | undefined, max: number): number => {
    const given = value[key] ?? fallback ?? 0;
    if (typeof given === 'string') throw new Error(`${key}: functions of time such as ${given} are not supported yet`);
    if (typeof given !== 'number' || given < 0 || given > max) {
      throw new Error(`${key}: a number from 0 to ${String(max)} expected`);
    }
    return given;
  };
  return {
    runningRequests: number('running-requests', previous?.runningRequests, Number.MAX_SAFE_INTEGER),
    waitingRequests: number('waiting-requests', previous?.waitingRequests, Number.MAX_SAFE_INTEGER),
    kvCacheUsage: number('kv-cache-usage', previous?.kvCacheUsage, 1),
    loras: value['loras'] === undefined ? (previous?.loras ?? []) : parseLoras(value['loras']),
  };
}

function parseLoras(value: unknown): FakeLora[] {
  if (!Array.isArray(value)) throw new Error('loras: a list of {"running", "waiting", "timestamp"} expected');
  return value.map((lora: unknown) => {
    const { running = '', waiting = '', timestamp = 0 } = isJsonObject(lora) ? lora : { running: null };
    if (typeof running !== 'string' || typeof waiting !== 'string' || typeof timestamp !== 'number') {
      throw new Error('loras: a list of {"running", "waiting", "timestamp"} expected');
    }
    return { running, waiting, timestamp };
  });
}
