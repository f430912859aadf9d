import {
  booleanFlag,
  durationFlag,
  FlagError,
  integerFlag,
  listFlag,
  numberFlag,
  oneOfFlag,
  parseFlags,
  stringFlag,
  type FlagValues,
} from '../flags/goflags.ts';
import { failureTypes, troubles, type FailureType, type Trouble } from './failures.ts';
import { parseFakeMetrics, type FakeMetrics } from './fakemetrics.ts';
import { dropWithoutEffect, namedModel } from '../llm/server/vllmflags.ts';
import { notSupported } from './foreignflags.ts';
import { isJsonObject, nonEmpty, type Env } from '../llm/server/http.ts';
import type { KvEventSettings } from './kvevents.ts';
import { metricNames, type MetricNames } from '../llm/server/metricnames.ts';
import type { LatencySettings } from './latency.ts';
import { parseZmqAddress, type ZmqAddress } from './zmqpublisher.ts';

/** The command line of the simulator: that of llm-d-inference-sim (epp.md 9.1), as far as it is supported. */

export interface Lora {
  name: string;
  path: string;
}

/** Durations are Go durations or, as in older versions, whole milliseconds. */
const latencyFlag = durationFlag(0, 1);

export const simulatorFlags = {
  host: stringFlag(''),
  port: integerFlag(8000, { min: 0, max: 65535 }),
  model: stringFlag(''),
  'served-model-name': listFlag((text) => text, words),
  mode: oneOfFlag(['random', 'echo'], 'random'),
  seed: integerFlag(0),
  'max-num-seqs': integerFlag(5, { min: 1, max: 100_000 }),
  'max-waiting-queue-length': integerFlag(1000, { min: 0, max: 1_000_000 }),
  'max-model-len': integerFlag(1024, { min: 1, max: 16_777_216 }),
  'max-request-body-size-mb': integerFlag(4, { min: 1, max: 512 }),
  'lora-modules': listFlag(parseLora, (text) => [text]),
  'max-loras': integerFlag(1, { min: 1, max: 1000 }),
  'max-cpu-loras': integerFlag(0, { min: 0, max: 100_000 }),
  'startup-duration': durationFlag(0, 1000),
  'latency-calculator': oneOfFlag(['', 'constant', 'per-token'], ''),
  'time-to-first-token': latencyFlag,
  'time-to-first-token-std-dev': latencyFlag,
  'inter-token-latency': latencyFlag,
  'inter-token-latency-std-dev': latencyFlag,
  'prefill-overhead': latencyFlag,
  'prefill-time-per-token': latencyFlag,
  'prefill-time-std-dev': latencyFlag,
  'kv-cache-transfer-latency': latencyFlag,
  'kv-cache-transfer-latency-std-dev': latencyFlag,
  'kv-cache-transfer-time-per-token': latencyFlag,
  'kv-cache-transfer-time-std-dev': latencyFlag,
  'time-factor-under-load': numberFlag(1, { min: 1, max: 1000 }),
  'enable-kvcache': booleanFlag(false),
  'kv-cache-size': integerFlag(1024, { min: 1, max: 10_000_000 }),
  'block-size': integerFlag(16, { min: 1, max: 1024 }),
  'hash-seed': stringFlag(''),
  'zmq-endpoint': { default: parseZmqAddress('tcp://127.0.0.1:5557'), parse: zmqAddress },
  'event-batch-size': integerFlag(16, { min: 1, max: 10_000 }),
  'use-vllm-map-event-format': booleanFlag(false),
  'kv-events-replay-endpoint': { default: undefined, parse: zmqAddress },
  'kv-events-replay-queue-size': integerFlag(1024, { min: 1, max: 1_000_000 }),
  // Of vLLM itself: where it binds, and under which topic it publishes.
  'kv-events-config': { default: undefined, parse: parseKvEventsConfig },
  'data-parallel-size': integerFlag(1, { min: 1, max: 8 }),
  'data-parallel-rank': integerFlag(0, { min: 0, max: 1000 }),
  'failure-injection-rate': integerFlag(0, { min: 0, max: 100 }),
  'failure-types': listFlag(parseFailureType),
  'fake-metrics': { default: undefined, parse: parseFakeMetricsText },
  'fake-metrics-refresh-interval': durationFlag(100, 1),
  // Our own: which engines' names /metrics has.
  'metric-names': listFlag(parseMetricNames),
  'default-embedding-dimensions': integerFlag(384, { min: 1, max: 16_384 }),
  'enable-request-id-headers': booleanFlag(false),
} as const;

export interface SimulatorConfig {
  host: string | undefined;
  port: number;
  model: string;
  /** Names under which the base model is served; the first is the one that answers carry. */
  servedNames: readonly [string, ...string[]];
  mode: 'random' | 'echo';
  seed: number;
  maxNumSeqs: number;
  maxWaitingQueueLength: number;
  maxModelLen: number;
  maxBodyBytes: number;
  loras: readonly Lora[];
  maxLoras: number;
  /** Adapters that can be loaded at the same time. */
  maxCpuLoras: number;
  startupMs: number;
  latency: LatencySettings;
  /** undefined: the prefix cache is off. */
  kvCache: { blocks: number; blockSize: number; hashSeed: string } | undefined;
  /** undefined: the prefix cache is off, or vLLM is told not to publish. */
  kvEvents: KvEventSettings | undefined;
  /** Each rank is a server of its own, on ports that follow one another. */
  dataParallelSize: number;
  /** Of the first rank. */
  dataParallelRank: number;
  blockSize: number;
  failureRate: number;
  failureTypes: readonly (FailureType | Trouble)[];
  fakeMetrics: FakeMetrics | undefined;
  /** Fake metrics that change with time keep their value for so long. */
  fakeMetricsRefreshMs: number;
  metricNames: readonly MetricNames[];
  embeddingDimensions: number;
  requestIdHeaders: boolean;
}

/**
 * Reads the command line. `env` gives SIM_MODEL where there is no --model.
 *
 * @throws FlagError naming the flag, for unknown, unsupported and contradictory ones
 */
export function readSimulatorConfig(
  argv: readonly string[],
  env: Env,
): { config: SimulatorConfig; ignored: readonly string[] } {
  const { kept, ignored } = dropWithoutEffect(namedModel(argv));
  const { values, given } = parseFlags(kept, simulatorFlags, (name) =>
    notSupported.has(name)
      ? `flag --${name} of llm-d-inference-sim is not supported by this simulator`
      : `unknown flag --${name}`,
  );
  const model = nonEmpty(values.model) ?? nonEmpty(env['SIM_MODEL']);
  if (model === undefined) throw new FlagError('flag --model is required (or the environment variable SIM_MODEL)');
  const [firstName = model, ...otherNames] = values['served-model-name'];
  const published = values['kv-events-config'];
  const impliesCache = published !== undefined || given.has('kv-cache-size');
  const cacheWanted = values['enable-kvcache'] || (impliesCache && !given.has('enable-kvcache'));
  const hashSeed = values['hash-seed'] || (env['PYTHONHASHSEED'] ?? '');
  const config: SimulatorConfig = {
    host: nonEmpty(values.host),
    port: values.port,
    model,
    servedNames: [firstName, ...otherNames],
    mode: values.mode,
    seed: given.has('seed') ? values.seed : Date.now(),
    maxNumSeqs: values['max-num-seqs'],
    maxWaitingQueueLength: values['max-waiting-queue-length'],
    maxModelLen: values['max-model-len'],
    maxBodyBytes: values['max-request-body-size-mb'] * 1024 * 1024,
    loras: values['lora-modules'],
    maxLoras: values['max-loras'],
    maxCpuLoras: values['max-cpu-loras'] === 0 ? values['max-loras'] : values['max-cpu-loras'],
    startupMs: values['startup-duration'],
    latency: readLatency(values),
    kvCache: cacheWanted ? { blocks: values['kv-cache-size'], blockSize: values['block-size'], hashSeed } : undefined,
    kvEvents:
      cacheWanted && published !== 'off'
        ? {
            endpoint: values['zmq-endpoint'],
            replay: values['kv-events-replay-endpoint'],
            replayQueueSize: values['kv-events-replay-queue-size'],
            batchSize: values['event-batch-size'],
            asMaps: values['use-vllm-map-event-format'],
            topic: undefined,
            ...published,
          }
        : undefined,
    dataParallelSize: values['data-parallel-size'],
    dataParallelRank: values['data-parallel-rank'],
    blockSize: values['block-size'],
    failureRate: values['failure-injection-rate'],
    failureTypes: values['failure-types'].length === 0 ? failureTypes : values['failure-types'],
    fakeMetrics: values['fake-metrics'],
    fakeMetricsRefreshMs: Math.max(1, values['fake-metrics-refresh-interval']),
    metricNames: values['metric-names'].length === 0 ? ['vllm', 'vllm-v0'] : values['metric-names'],
    embeddingDimensions: values['default-embedding-dimensions'],
    requestIdHeaders: values['enable-request-id-headers'],
  };
  checkConfig(config);
  return { config, ignored };
}

function readLatency(values: FlagValues<typeof simulatorFlags>): LatencySettings {
  return {
    calculator: values['latency-calculator'],
    timeToFirstToken: values['time-to-first-token'],
    timeToFirstTokenStdDev: values['time-to-first-token-std-dev'],
    interTokenLatency: values['inter-token-latency'],
    interTokenLatencyStdDev: values['inter-token-latency-std-dev'],
    prefillOverhead: values['prefill-overhead'],
    prefillTimePerToken: values['prefill-time-per-token'],
    prefillTimeStdDev: values['prefill-time-std-dev'],
    kvCacheTransferLatency: values['kv-cache-transfer-latency'],
    kvCacheTransferLatencyStdDev: values['kv-cache-transfer-latency-std-dev'],
    kvCacheTransferTimePerToken: values['kv-cache-transfer-time-per-token'],
    kvCacheTransferTimeStdDev: values['kv-cache-transfer-time-std-dev'],
    timeFactorUnderLoad: values['time-factor-under-load'],
  };
}

/** A deviation of more than 30 % of its mean is refused, as the real simulator does. */
export function checkLatency(latency: LatencySettings): void {
  const limits = [
    ['time-to-first-token', latency.timeToFirstToken, latency.timeToFirstTokenStdDev],
    ['inter-token-latency', latency.interTokenLatency, latency.interTokenLatencyStdDev],
    ['kv-cache-transfer-latency', latency.kvCacheTransferLatency, latency.kvCacheTransferLatencyStdDev],
  ] as const;
  for (const [name, mean, deviation] of limits) {
    if (deviation <= 0.3 * mean) continue;
    throw new FlagError(
      `flag --${name}-std-dev: at most 30 % of --${name} (${String(mean)} ms) expected, got ${String(deviation)} ms`,
    );
  }
}

function checkConfig(config: SimulatorConfig): void {
  checkLatency(config.latency);
  if (config.maxCpuLoras < config.maxLoras) {
    throw new FlagError(
      `flag --max-cpu-loras: at least --max-loras (${String(config.maxLoras)}) expected, got ${String(config.maxCpuLoras)}`,
    );
  }
  const names = [...config.servedNames, ...config.loras.map(({ name }) => name)];
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new FlagError(`model name ${JSON.stringify(twice)} is served twice`);
}

function parseLora(text: string): Lora {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new FlagError('a JSON object such as {"name":"adapter"} expected');
  }
  const name = isJsonObject(value) ? value['name'] : undefined;
  if (!isJsonObject(value) || typeof name !== 'string' || name === '') {
    throw new FlagError('a JSON object with a "name" expected');
  }
  return { name, path: typeof value['path'] === 'string' ? value['path'] : '' };
}

function parseFailureType(text: string): FailureType | Trouble {
  const all = [...failureTypes, ...troubles];
  const type = all.find((candidate) => candidate === text);
  if (type === undefined) throw new FlagError(`one of ${all.join(', ')} expected`);
  return type;
}

function parseMetricNames(text: string): MetricNames {
  const names = metricNames.find((candidate) => candidate === text);
  if (names === undefined) throw new FlagError(`one of ${metricNames.join(', ')} expected`);
  return names;
}

function zmqAddress(text: string): ZmqAddress {
  try {
    return parseZmqAddress(text);
  } catch (error) {
    throw new FlagError(error instanceof Error ? error.message : String(error));
  }
}

/** vLLM's --kv-events-config; 'off' where it says so. */
function parseKvEventsConfig(text: string): 'off' | Partial<KvEventSettings> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (!isJsonObject(value)) throw new FlagError('a JSON object such as {"enable_kv_cache_events":true} expected');
  const known = ['enable_kv_cache_events', 'publisher', 'endpoint', 'replay_endpoint', 'buffer_steps', 'hwm', 'topic'];
  const unknown = Object.keys(value).find((key) => !known.includes(key) && key !== 'max_queue_size');
  if (unknown !== undefined) throw new FlagError(`${unknown} is not known; there are ${known.join(', ')}`);
  if (value['enable_kv_cache_events'] !== true || value['publisher'] === 'null') return 'off';
  const { endpoint = 'tcp://*:5557', replay_endpoint: replay, topic, buffer_steps: steps } = value;
  if (typeof endpoint !== 'string' || (topic !== undefined && typeof topic !== 'string')) {
    throw new FlagError('endpoint and topic: text expected');
  }
  return {
    endpoint: zmqAddress(endpoint),
    ...(typeof replay === 'string' ? { replay: zmqAddress(replay) } : {}),
    ...(typeof steps === 'number' && Number.isInteger(steps) && steps > 0 ? { replayQueueSize: steps } : {}),
    ...(topic === undefined || topic === '' ? {} : { topic }),
  };
}

function parseFakeMetricsText(text: string): FakeMetrics | undefined {
  try {
    return parseFakeMetrics(JSON.parse(text));
  } catch (error) {
    throw new FlagError(`fake metrics as a JSON object expected (${error instanceof Error ? error.message : ''})`);
  }
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
