import { gaugesOf, type MetricNames } from './metricnames.ts';

/** The Prometheus metrics of vLLM (epp.md 9.1), and what other engines call the same, in text format. */

export interface EngineMetrics {
  observeRequest(request: FinishedRequest): void;
  observePrefix(queriedTokens: number, hitTokens: number): void;
  observeInterToken(seconds: number, count: number): void;
  /** The set of running and waiting adapters as it is now. */
  observeLoras(load: EngineLoad): void;
  render(load: EngineLoad): string;
  /** Only what depends on the load, with given adapters: counters and distributions are left out. */
  renderState(load: EngineLoad, loras: readonly LoraSeries[]): string;
}

export interface EngineLoad {
  running: number;
  waiting: number;
  runningLoras: readonly string[];
  waitingLoras: readonly string[];
  /** 0..1 */
  kvCacheUsage: number;
}

/** When things happened, in milliseconds on the engine's clock. */
export interface JobTiming {
  queuedAt: number;
  startedAt: number;
  firstTokenAt: number;
  doneAt: number;
  cachedTokens: number;
}

export interface LoraSeries {
  running: string;
  waiting: string;
  /** Unix seconds: the series with the largest value counts. */
  timestamp: number;
}

export interface FinishedRequest {
  timing: JobTiming;
  promptTokens: number;
  outputTokens: number;
  maxTokens: number;
  finishReason: string;
}

export interface MetricsOptions {
  model: string;
  maxLoras: number;
  blockSize: number;
  blocks: number;
  names: readonly MetricNames[];
  /** Unix time in seconds. */
  unixSeconds: () => number;
}

const prefillBuckets = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
];
const tokenBuckets = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80];
const requestBuckets = [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680];
const countBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000];

/** How many combinations of adapters stay in /metrics; readers take the one with the newest timestamp. */
const loraSeriesKept = 8;

export function createMetrics(options: MetricsOptions): EngineMetrics {
  const { model } = options;
  const histograms = new Map<string, Histogram>();
  const histogram = (name: string, help: string, buckets: readonly number[]): Histogram => {
    const created = createHistogram(name, help, buckets);
    histograms.set(name, created);
    return created;
  };
  const timeToFirst = histogram('vllm:time_to_first_token_seconds', 'Time to first token in seconds.', prefillBuckets);
  const interToken = histogram('vllm:inter_token_latency_seconds', 'Time between tokens in seconds.', tokenBuckets);
  const perToken = histogram('vllm:time_per_output_token_seconds', 'Time per output token in seconds.', tokenBuckets);
  const perTokenMean = histogram(
    'vllm:request_time_per_output_token_seconds',
    'Mean time per output token of a request in seconds.',
    tokenBuckets,
  );
  const endToEnd = histogram('vllm:e2e_request_latency_seconds', 'End to end latency in seconds.', requestBuckets);
  const queueTime = histogram(
    'vllm:request_queue_time_seconds',
    'Time in the WAITING phase in seconds.',
    requestBuckets,
  );
  const inference = histogram(
    'vllm:request_inference_time_seconds',
    'Time in the RUNNING phase in seconds.',
    requestBuckets,
  );
  const prefill = histogram(
    'vllm:request_prefill_time_seconds',
    'Time in the PREFILL phase in seconds.',
    requestBuckets,
  );
  const decode = histogram('vllm:request_decode_time_seconds', 'Time in the DECODE phase in seconds.', requestBuckets);
  const promptTokens = histogram('vllm:request_prompt_tokens', 'Prefill tokens of a request.', countBuckets);
  const outputTokens = histogram('vllm:request_generation_tokens', 'Generation tokens of a request.', countBuckets);
  const maxOutput = histogram('vllm:max_num_generation_tokens', 'Largest number of generation tokens.', countBuckets);
  const maxParameter = histogram('vllm:request_params_max_tokens', 'The max_tokens of requests.', countBuckets);
  const counters = { prompt: 0, generation: 0, queries: 0, hits: 0 };
  const successes = new Map([
    ['stop', 0],
    ['length', 0],
  ]);
  const loraSeries = new Map<string, number>();
  const labels = { model_name: model };

  const observeLoras = (load: EngineLoad): void => {
    const key = JSON.stringify([load.runningLoras.join(','), load.waitingLoras.join(',')]);
    loraSeries.delete(key);
    loraSeries.set(key, options.unixSeconds());
    const [oldest] = loraSeries.keys();
    if (loraSeries.size > loraSeriesKept && oldest !== undefined) loraSeries.delete(oldest);
  };
  observeLoras({ running: 0, waiting: 0, runningLoras: [], waitingLoras: [], kvCacheUsage: 0 });

  const knownLoras = (): LoraSeries[] =>
    [...loraSeries].map(([key, timestamp]) => {
      const [running, waiting] = JSON.parse(key) as [string, string]; // Written by observeLoras.
      return { running, waiting, timestamp };
    });
  const loraLines = (series: readonly LoraSeries[]): string[] =>
    series.map(({ running, waiting, timestamp }) =>
      sample(
        'vllm:lora_requests_info',
        { max_lora: String(options.maxLoras), running_lora_adapters: running, waiting_lora_adapters: waiting },
        timestamp,
      ),
    );
  const one = (name: string, type: string, help: string, value: number): string[] =>
    family(name, type, help, [sample(name, labels, value)]);
  const isVllm = options.names.includes('vllm') || options.names.includes('vllm-v0');

  const stateLines = (load: EngineLoad, loras: readonly LoraSeries[]): string[] => {
    const { running, waiting, kvCacheUsage } = load;
    const { blockSize, blocks, names } = options;
    const others = names.flatMap((engine) =>
      engine === 'vllm' || engine === 'vllm-v0'
        ? []
        : gaugesOf(engine, { running, waiting, kvCacheUsage, blockSize, blocks }).flatMap(({ name, help, samples }) =>
            family(
              name,
              'gauge',
              help,
              samples.map((each) => sample(name, { ...each.labels, ...labels }, each.value)),
            ),
          ),
    );
    if (!isVllm) return others;
    const cache = { block_size: String(blockSize), num_gpu_blocks: String(blocks), ...labels };
    return [
      ...others,
      ...one('vllm:num_requests_running', 'gauge', 'Number of requests in a slot.', running),
      ...one('vllm:num_requests_waiting', 'gauge', 'Number of requests waiting for a slot.', waiting),
      ...(names.includes('vllm')
        ? one('vllm:kv_cache_usage_perc', 'gauge', 'Fraction of KV cache blocks in use, 0 to 1.', kvCacheUsage)
        : []),
      ...(names.includes('vllm-v0')
        ? one('vllm:gpu_cache_usage_perc', 'gauge', 'Old name of vllm:kv_cache_usage_perc.', kvCacheUsage)
        : []),
      ...family(
        'vllm:lora_requests_info',
        'gauge',
        'Running and waiting LoRA adapters; the newest counts.',
        loraLines(loras),
      ),
      ...family('vllm:cache_config_info', 'gauge', 'Configuration of the KV cache.', [
        sample('vllm:cache_config_info', cache, 1),
      ]),
    ];
  };

  return {
    observeRequest({ timing, finishReason, ...request }) {
      const { queuedAt, startedAt, firstTokenAt, doneAt } = timing;
      timeToFirst.observe((firstTokenAt - queuedAt) / 1000);
      endToEnd.observe((doneAt - queuedAt) / 1000);
      queueTime.observe((startedAt - queuedAt) / 1000);
      inference.observe((doneAt - startedAt) / 1000);
      prefill.observe((firstTokenAt - startedAt) / 1000);
      decode.observe((doneAt - firstTokenAt) / 1000);
      if (request.outputTokens > 1) perTokenMean.observe((doneAt - firstTokenAt) / 1000 / (request.outputTokens - 1));
      promptTokens.observe(request.promptTokens);
      outputTokens.observe(request.outputTokens);
      maxOutput.observe(request.outputTokens);
      maxParameter.observe(request.maxTokens);
      counters.prompt += request.promptTokens;
      counters.generation += request.outputTokens;
      successes.set(finishReason, (successes.get(finishReason) ?? 0) + 1);
    },
    observePrefix(queriedTokens, hitTokens) {
      counters.queries += queriedTokens;
      counters.hits += hitTokens;
    },
    observeInterToken(seconds, count) {
      interToken.observe(seconds, count);
      perToken.observe(seconds, count);
    },
    observeLoras,
    renderState: (load, loras) => `${stateLines(load, loras).join('\n')}\n`,
    render(load) {
      const state = stateLines(load, knownLoras());
      if (!isVllm) return `${state.join('\n')}\n`;
      const successLines = [...successes].map(([reason, count]) =>
        sample('vllm:request_success_total', { finish_reason: reason, ...labels }, count),
      );
      const totals = [
        ...one('vllm:prompt_tokens_total', 'counter', 'Prefill tokens processed.', counters.prompt),
        ...one('vllm:generation_tokens_total', 'counter', 'Tokens generated.', counters.generation),
        ...one('vllm:prefix_cache_queries_total', 'counter', 'Prompt tokens looked up.', counters.queries),
        ...one('vllm:prefix_cache_hits_total', 'counter', 'Prompt tokens found in the cache.', counters.hits),
        ...family('vllm:request_success_total', 'counter', 'Requests answered.', successLines),
      ];
      const distributions = [...histograms.values()].flatMap((each) => each.render(labels));
      return `${[...state, ...totals, ...distributions].join('\n')}\n`;
    },
  };
}

interface Histogram {
  observe(value: number, count?: number): void;
  render(labels: Readonly<Record<string, string>>): string[];
}

function createHistogram(name: string, help: string, buckets: readonly number[]): Histogram {
  const counts = buckets.map(() => 0);
  let sum = 0;
  let total = 0;
  return {
    observe(value, count = 1) {
      sum += value * count;
      total += count;
      const at = buckets.findIndex((bound) => value <= bound);
      if (at >= 0) counts[at] = (counts[at] ?? 0) + count;
    },
    render(labels) {
      let cumulative = 0;
      const lines = buckets.map((bound, at) => {
        cumulative += counts[at] ?? 0;
        return sample(`${name}_bucket`, { ...labels, le: String(bound) }, cumulative);
      });
      return family(name, 'histogram', help, [
        ...lines,
        sample(`${name}_bucket`, { ...labels, le: '+Inf' }, total),
        sample(`${name}_sum`, labels, sum),
        sample(`${name}_count`, labels, total),
      ]);
    },
  };
}

function family(name: string, type: string, help: string, samples: readonly string[]): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples];
}

function sample(name: string, labels: Readonly<Record<string, string>>, value: number): string {
  const text = Object.entries(labels).map(([label, content]) => `${label}="${escapeLabel(content)}"`);
  return `${name}{${text.join(',')}} ${String(value)}`;
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
