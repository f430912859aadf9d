import { FlagError } from '../flags/goflags.ts';
import { failureTypes, type FailureType, type Trouble } from './failures.ts';
import { parseFakeMetrics, showFakeMetrics, type FakeMetrics } from './fakemetrics.ts';
import { checkLatency, simulatorFlags } from './flags.ts';
import { HttpError, type JsonObject } from '../llm/server/http.ts';
import type { LatencySettings } from './latency.ts';

/** What GET and POST /admin/config read and change while the simulator runs; keys are the names of the flags. */
export interface RuntimeConfig {
  latency: LatencySettings;
  failureRate: number;
  failureTypes: readonly (FailureType | Trouble)[];
  fakeMetrics: FakeMetrics | undefined;
  /** False: GET /health/ready answers 503, whatever else is answered. */
  ready: boolean;
}

const latencyKeys = {
  'time-to-first-token': 'timeToFirstToken',
  'time-to-first-token-std-dev': 'timeToFirstTokenStdDev',
  'inter-token-latency': 'interTokenLatency',
  'inter-token-latency-std-dev': 'interTokenLatencyStdDev',
  'prefill-overhead': 'prefillOverhead',
  'prefill-time-per-token': 'prefillTimePerToken',
  'prefill-time-std-dev': 'prefillTimeStdDev',
  'kv-cache-transfer-latency': 'kvCacheTransferLatency',
  'kv-cache-transfer-latency-std-dev': 'kvCacheTransferLatencyStdDev',
  'kv-cache-transfer-time-per-token': 'kvCacheTransferTimePerToken',
  'kv-cache-transfer-time-std-dev': 'kvCacheTransferTimeStdDev',
} as const;

type LatencyKey = keyof typeof latencyKeys;
const isLatencyKey = (key: string): key is LatencyKey => Object.hasOwn(latencyKeys, key);

/** Durations as Go durations, everything else as it is given. */
export function showRuntimeConfig(config: RuntimeConfig): JsonObject {
  const shown: JsonObject = { 'latency-calculator': config.latency.calculator };
  for (const [key, field] of Object.entries(latencyKeys)) shown[key] = `${String(config.latency[field])}ms`;
  shown['time-factor-under-load'] = config.latency.timeFactorUnderLoad;
  shown['failure-injection-rate'] = config.failureRate;
  shown['failure-types'] = config.failureTypes;
  shown['ready'] = config.ready;
  if (config.fakeMetrics !== undefined) shown['fake-metrics'] = showFakeMetrics(config.fakeMetrics);
  return shown;
}

/** The configuration with `changes` made; fields that are absent stay. @throws HttpError 400 naming the key */
export function changeRuntimeConfig(config: RuntimeConfig, changes: JsonObject): RuntimeConfig {
  let next: RuntimeConfig = { ...config, latency: { ...config.latency } };
  for (const [key, value] of Object.entries(changes)) {
    try {
      next = changeOne(next, key, value);
    } catch (error) {
      if (error instanceof HttpError || !(error instanceof Error)) throw error;
      throw new HttpError(400, `${key}: ${error.message}, got ${JSON.stringify(value)}`);
    }
  }
  try {
    checkLatency(next.latency);
  } catch (error) {
    if (error instanceof FlagError) throw new HttpError(400, error.message);
    throw error;
  }
  return next;
}

function changeOne(config: RuntimeConfig, key: string, value: unknown): RuntimeConfig {
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  if (isLatencyKey(key)) {
    return { ...config, latency: { ...config.latency, [latencyKeys[key]]: simulatorFlags[key].parse(text) } };
  }
  switch (key) {
    case 'latency-calculator':
      return { ...config, latency: { ...config.latency, calculator: simulatorFlags[key].parse(text) } };
    case 'time-factor-under-load':
      return { ...config, latency: { ...config.latency, timeFactorUnderLoad: simulatorFlags[key].parse(text) } };
    case 'failure-injection-rate':
      return { ...config, failureRate: simulatorFlags[key].parse(text) };
    case 'failure-types': {
      const names = Array.isArray(value) ? value.map(String).join(',') : text;
      const types = simulatorFlags[key].parse(names);
      return { ...config, failureTypes: types.length === 0 ? failureTypes : types };
    }
    case 'ready':
      return { ...config, ready: simulatorFlags['enable-kvcache'].parse(String(value)) };
    case 'fake-metrics':
      return { ...config, fakeMetrics: value === null ? undefined : parseFakeMetrics(value, config.fakeMetrics) };
    default:
      throw new HttpError(400, `${key}: unknown, or it cannot be changed at run time`);
  }
}
