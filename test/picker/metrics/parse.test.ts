import { describe, expect, it } from 'vitest';
import { parseMetrics } from '../../../src/picker/metrics/parse.ts';

describe('parseMetrics', () => {
  it.each([
    ['vllm:num_requests_waiting{engine="0",model_name="a b} c"} 3.0', { waiting: 3 }],
    [
      'sglang:num_queue_reqs 1\nsglang:num_running_reqs 2\nsglang:token_usage 0.25',
      { waiting: 1, running: 2, kvUsage: 0.25 },
    ],
    ['trtllm_kv_cache_utilization 5e-1\r\n', { kvUsage: 0.5 }],
    ['# HELP vllm:num_requests_waiting x\nvllm:num_requests_waiting_total 9', {}],
    ['vllm:num_requests_waiting{e="0"} 1\nvllm:num_requests_waiting{e="1"} 2', { waiting: 1 }],
    [
      'vllm:num_requests_waiting 1 1000\nvllm:num_requests_waiting 2 2000\nvllm:num_requests_waiting 3 1500',
      { waiting: 2 },
    ],
    ['vllm:num_requests_waiting NaN\nvllm:num_requests_running -1\nvllm:kv_cache_usage_perc', {}],
    ['vllm:num_requests_waiting 1e308\nvllm:num_requests_running +Inf', {}],
    ['vllm:num_requests_waiting{unclosed 4', {}],
    ['', {}],
  ])('%j', (text, expected) => {
    expect(parseMetrics(text)).toEqual(expected);
  });
});
