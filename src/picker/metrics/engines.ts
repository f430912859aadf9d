/** What a scrape of a model server's metrics tells (epp.md 6.6); a field that was not there is undefined and its last value stays. */
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
