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
} from '../kube/goflags.ts';
import { failureTypes, type FailureType } from './failures.ts';
import { parseFakeMetrics, type FakeMetrics } from './fakemetrics.ts';
import { isJsonObject, nonEmpty, type Env } from './http.ts';
import type { LatencySettings } from './latency.ts';

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
  'failure-injection-rate': integerFlag(0, { min: 0, max: 100 }),
  'failure-types': listFlag(parseFailureType),
  'fake-metrics': { default: undefined, parse: parseFakeMetricsText },
  'default-embedding-dimensions': integerFlag(384, { min: 1, max: 16_384 }),
  'enable-request-id-headers': booleanFlag(false),
} as const;

/** Flags of the real simulator that this one does not have yet. */
const notSupported = new Set(
  `config hash-seed zmq-endpoint event-batch-size use-vllm-map-event-format kv-events-replay-endpoint
  kv-events-replay-queue-size global-cache-hit-threshold data-parallel-size data-parallel-rank
  fake-metrics-refresh-interval max-tool-call-integer-param min-tool-call-integer-param max-tool-call-number-param
  min-tool-call-number-param max-tool-call-array-param-length min-tool-call-array-param-length
  tool-call-not-required-param-probability object-tool-call-not-required-field-probability skip-tool-validation
  tool-call-extra-call-probability dataset-path dataset-url dataset-in-memory dataset-table-name render-url ssl-certfile
  ssl-keyfile self-signed-certs log-http force-dummy-tokenizer image-emission-rate omni no-omni mm-encoder-only
  no-mm-encoder-only strict enable-sleep-mode no-enable-sleep-mode time-to-generate-image
  time-to-generate-image-std-dev engine mm-processor-kwargs ec-transfer-config`.split(/\s+/),
);

/** Flags of the real vLLM that tune hardware or loading: a simulation has nothing to tune. `true`: takes no value. */
const withoutEffect: Readonly<Record<string, boolean>> = {
  'tensor-parallel-size': false,
  'pipeline-parallel-size': false,
  'gpu-memory-utilization': false,
  'cpu-offload-gb': false,
  'swap-space': false,
  dtype: false,
  quantization: false,
  'kv-cache-dtype': false,
  'load-format': false,
  'download-dir': false,
  'tokenizer-mode': false,
  'max-num-batched-tokens': false,
  'max-lora-rank': false,
  'distributed-executor-backend': false,
  'compilation-config': false,
  'enforce-eager': true,
  'trust-remote-code': true,
  'enable-lora': true,
  'enable-prefix-caching': true,
  'enable-chunked-prefill': true,
  'disable-log-requests': true,
  'disable-log-stats': true,
};

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
  kvCache: { blocks: number; blockSize: number } | undefined;
  blockSize: number;
  failureRate: number;
  failureTypes: readonly FailureType[];
  fakeMetrics: FakeMetrics | undefined;
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
  const cacheWanted = values['enable-kvcache'] || (given.has('kv-cache-size') && !given.has('enable-kvcache'));
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
    kvCache: cacheWanted ? { blocks: values['kv-cache-size'], blockSize: values['block-size'] } : undefined,
    blockSize: values['block-size'],
    failureRate: values['failure-injection-rate'],
    failureTypes: values['failure-types'].length === 0 ? failureTypes : values['failure-types'],
    fakeMetrics: values['fake-metrics'],
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

/** `vllm serve MODEL --flags` names the model first, without a flag. */
function namedModel(argv: readonly string[]): readonly string[] {
  const [first, ...rest] = argv;
  return first === undefined || first.startsWith('-') ? argv : ['--model', first, ...rest];
}

function dropWithoutEffect(argv: readonly string[]): { kept: string[]; ignored: string[] } {
  const kept: string[] = [];
  const ignored: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at] ?? '';
    const name = /^--([\w-]+)(=|$)/.exec(argument)?.[1] ?? '';
    const valueless = Object.hasOwn(withoutEffect, name) ? withoutEffect[name] : undefined;
    if (valueless === undefined) {
      kept.push(argument);
      continue;
    }
    ignored.push(`--${name}`);
    if (!valueless && !argument.includes('=')) at++;
  }
  return { kept, ignored };
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

function parseFailureType(text: string): FailureType {
  const type = failureTypes.find((candidate) => candidate === text);
  if (type === undefined) throw new FlagError(`one of ${failureTypes.join(', ')} expected`);
  return type;
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
