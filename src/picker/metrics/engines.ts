/**
 * Under which names model servers report their load (epp.md 6.5, 6.6). A *spec* is `family` or `family{label=value,...}`; a sample has
 * to have all those labels.
 */
import { ConfigError } from '../config/parameters.ts';

/** What a scrape of a model server tells; a field that was not there is undefined and its last value stays. */
export interface EndpointMetrics {
  readonly waiting?: number;
  readonly running?: number;
  /** Share of the KV cache in use, 0..1. */
  readonly kvUsage?: number;
  /** Tokens per block of the KV cache. */
  readonly cacheBlockSize?: number;
  readonly cacheBlocks?: number;
  readonly lora?: LoraMetrics;
}

export interface LoraMetrics {
  /** Adapters that can be active at once. */
  readonly max: number;
  readonly active: readonly string[];
  readonly waiting: readonly string[];
}

/** One engine's specs, by the fields of `engineConfigs` in a configuration; an empty one is not read. */
export interface EngineSpecs {
  readonly name: string;
  /** Several names of one quantity, for renamed metrics: whichever is there. */
  readonly queuedRequests: readonly string[];
  readonly runningRequests: readonly string[];
  readonly kvUsage: readonly string[];
  readonly lora: readonly string[];
  /** A metric whose labels tell block size and count. */
  readonly cacheInfo?: { readonly spec: string; readonly blockSizeLabel: string; readonly blocksLabel: string };
  readonly cacheBlockSize?: string;
  readonly cacheBlocks?: string;
}

const tritonRequests = 'nv_trt_llm_request_metrics';
const tritonCache = 'nv_trt_llm_kv_cache_block_metrics';

export const builtInEngines: readonly EngineSpecs[] = [
  {
    name: 'vllm',
    queuedRequests: ['vllm:num_requests_waiting'],
    runningRequests: ['vllm:num_requests_running'],
    // The second is its name before vLLM 0.10 (trap 18).
    kvUsage: ['vllm:kv_cache_usage_perc', 'vllm:gpu_cache_usage_perc'],
    lora: ['vllm:lora_requests_info'],
    cacheInfo: { spec: 'vllm:cache_config_info', blockSizeLabel: 'block_size', blocksLabel: 'num_gpu_blocks' },
  },
  {
    name: 'sglang',
    queuedRequests: ['sglang:num_queue_reqs'],
    runningRequests: ['sglang:num_running_reqs'],
    kvUsage: ['sglang:token_usage'],
    lora: [],
    cacheInfo: { spec: 'sglang:cache_config_info', blockSizeLabel: 'page_size', blocksLabel: 'num_pages' },
  },
  {
    name: 'trtllm-serve',
    queuedRequests: ['trtllm_num_requests_waiting'],
    runningRequests: ['trtllm_num_requests_running'],
    kvUsage: ['trtllm_kv_cache_utilization'],
    lora: [],
    cacheBlockSize: 'trtllm_kv_cache_tokens_per_block',
    cacheBlocks: 'trtllm_kv_cache_max_blocks',
  },
  {
    name: 'triton-tensorrt-llm',
    queuedRequests: [`${tritonRequests}{request_type=waiting}`],
    runningRequests: [`${tritonRequests}{request_type=scheduled}`],
    kvUsage: [`${tritonCache}{kv_cache_block_type=fraction}`],
    lora: [],
    cacheBlockSize: `${tritonCache}{kv_cache_block_type=tokens_per}`,
    cacheBlocks: `${tritonCache}{kv_cache_block_type=max}`,
  },
];

/** What a sample of a family means. */
export interface Meaning {
  /** Raw `name="value"` texts that must stand among the sample's labels. */
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly field: 'waiting' | 'running' | 'kvUsage' | 'cacheBlockSize' | 'cacheBlocks' | 'lora' | 'cacheInfo';
  readonly blockSizeLabel?: string;
  readonly blocksLabel?: string;
}

/** What to read from a page, by family. */
export type MetricsReader = ReadonlyMap<string, readonly Meaning[]>;

/** A reader of all these engines' names at once: names of different engines never collide. */
export function compileReader(engines: readonly EngineSpecs[]): MetricsReader {
  const reader = new Map<string, Meaning[]>();
  const add = (text: string | undefined, meaning: Omit<Meaning, 'labels'>): void => {
    if (text === undefined || text === '') return;
    const { family, labels } = parseSpec(text);
    const known = reader.get(family);
    if (known === undefined) reader.set(family, [{ ...meaning, labels }]);
    else known.push({ ...meaning, labels });
  };
  for (const engine of engines) {
    for (const spec of engine.queuedRequests) add(spec, { field: 'waiting' });
    for (const spec of engine.runningRequests) add(spec, { field: 'running' });
    for (const spec of engine.kvUsage) add(spec, { field: 'kvUsage' });
    for (const spec of engine.lora) add(spec, { field: 'lora' });
    add(engine.cacheBlockSize, { field: 'cacheBlockSize' });
    add(engine.cacheBlocks, { field: 'cacheBlocks' });
    if (engine.cacheInfo === undefined) continue;
    const { spec, blockSizeLabel, blocksLabel } = engine.cacheInfo;
    add(spec, { field: 'cacheInfo', blockSizeLabel, blocksLabel });
  }
  return reader;
}

/** @throws ConfigError when the text is no spec */
export function parseSpec(text: string): { family: string; labels: readonly (readonly [string, string])[] } {
  const parts = /^(?<family>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?<labels>[^{}]*)\})?$/.exec(text.trim())?.groups;
  if (parts === undefined)
    throw new ConfigError(`not a metric spec: ${JSON.stringify(text)}; family{label=value} expected`);
  const labels = (parts['labels'] ?? '').split(',').map((label) => label.trim());
  return {
    family: parts['family'] ?? '',
    labels: labels
      .filter((label) => label !== '')
      .map((label) => {
        const at = label.indexOf('=');
        const value = label
          .slice(at + 1)
          .trim()
          .replace(/^"(.*)"$/, '$1');
        if (at <= 0) throw new ConfigError(`not a metric spec: ${JSON.stringify(text)}; "${label}" has no value`);
        return [label.slice(0, at).trim(), value] as const;
      }),
  };
}
