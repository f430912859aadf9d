/** Names under which engines report the same quantities (epp.md 6.6). vLLM's are in metrics.ts, with all the rest it reports. */

/** `vllm`: the current names; `vllm-v0`: the name that KV cache usage had before. */
export const metricNames = ['vllm', 'vllm-v0', 'sglang', 'trtllm', 'triton'] as const;
export type MetricNames = (typeof metricNames)[number];

export interface EngineState {
  running: number;
  waiting: number;
  /** 0..1 */
  kvCacheUsage: number;
  blockSize: number;
  blocks: number;
}

export interface Gauge {
  name: string;
  help: string;
  samples: readonly { labels: Readonly<Record<string, string>>; value: number }[];
}

/** The gauges of an engine that is not vLLM. */
export function gaugesOf(engine: 'sglang' | 'trtllm' | 'triton', state: EngineState): readonly Gauge[] {
  const { running, waiting, kvCacheUsage, blockSize, blocks } = state;
  const one = (name: string, help: string, value: number, labels = {}): Gauge => ({
    name,
    help,
    samples: [{ labels, value }],
  });
  switch (engine) {
    case 'sglang':
      return [
        one('sglang:num_running_reqs', 'The number of running requests.', running),
        one('sglang:num_queue_reqs', 'The number of requests in the waiting queue.', waiting),
        one('sglang:token_usage', 'The token usage, 0 to 1.', kvCacheUsage),
        one('sglang:cache_config_info', 'Configuration of the KV cache.', 1, {
          page_size: String(blockSize),
          num_pages: String(blocks),
        }),
      ];
    case 'trtllm':
      return [
        one('trtllm_num_requests_running', 'Number of requests running.', running),
        one('trtllm_num_requests_waiting', 'Number of requests waiting.', waiting),
        one('trtllm_kv_cache_utilization', 'KV cache utilization, 0 to 1.', kvCacheUsage),
        one('trtllm_kv_cache_tokens_per_block', 'Tokens in a block of the KV cache.', blockSize),
        one('trtllm_kv_cache_max_blocks', 'Blocks of the KV cache.', blocks),
      ];
    case 'triton':
      return [
        {
          name: 'nv_trt_llm_request_metrics',
          help: 'TRT LLM request metrics',
          samples: [
            { labels: { request_type: 'waiting' }, value: waiting },
            { labels: { request_type: 'scheduled' }, value: running },
          ],
        },
        {
          name: 'nv_trt_llm_kv_cache_block_metrics',
          help: 'TRT LLM KV cache block metrics',
          samples: [
            { labels: { kv_cache_block_type: 'fraction' }, value: kvCacheUsage },
            { labels: { kv_cache_block_type: 'tokens_per' }, value: blockSize },
            { labels: { kv_cache_block_type: 'max' }, value: blocks },
          ],
        },
      ];
  }
}
