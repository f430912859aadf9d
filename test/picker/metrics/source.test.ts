import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/picker/config/parse.ts';
import { metricsSourceOf } from '../../../src/picker/metrics/source.ts';
import { endpoint } from '../fixture.ts';

const sourceOf = (parameters: object, source: object = {}) =>
  metricsSourceOf(
    parseConfig(
      JSON.stringify({
        apiVersion: 'llm-d.ai/v1alpha1',
        kind: 'EndpointPickerConfig',
        plugins: [
          { type: 'queue-scorer' },
          { type: 'metrics-data-source', parameters: source },
          { type: 'core-metrics-extractor', parameters },
        ],
        schedulingProfiles: [{ name: 'default', plugins: [{ pluginRef: 'queue-scorer' }] }],
      }),
    ),
  );

const triton = `
nv_trt_llm_request_metrics{model="a",request_type="waiting",version="1"} 3
nv_trt_llm_request_metrics{model="a",request_type="context",version="1"} 9
nv_trt_llm_request_metrics{model="a",request_type="scheduled",version="1"} 5
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="fraction",model="a"} 0.25
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="tokens_per",model="a"} 64
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="max",model="a"} 2448
`;
const tritonRead = { waiting: 3, running: 5, kvUsage: 0.25, cacheBlockSize: 64, cacheBlocks: 2448 };
const vllm = `
vllm:num_requests_waiting 1
vllm:num_requests_running 2
vllm:gpu_cache_usage_perc 0.5
vllm:cache_config_info{block_size="16",num_gpu_blocks="1000",name="a, b"} 1
`;
const vllmRead = { waiting: 1, running: 2, kvUsage: 0.5, cacheBlockSize: 16, cacheBlocks: 1000 };
const sglang = 'sglang:num_queue_reqs 7\nsglang:cache_config_info{page_size="8",num_pages="50"} 1';

describe('metric names (epp.md 6.6)', () => {
  it.each([
    ['Triton', triton, tritonRead],
    ['vLLM', vllm, vllmRead],
    ['SGLang', sglang, { waiting: 7, cacheBlockSize: 8, cacheBlocks: 50 }],
    [
      'TensorRT-LLM',
      'trtllm_kv_cache_tokens_per_block 32\ntrtllm_kv_cache_max_blocks 9',
      { cacheBlockSize: 32, cacheBlocks: 9 },
    ],
  ])('%s without being told which engine it is', (_, page, expected) => {
    expect(sourceOf({}).read(endpoint(1), page)).toEqual(expected);
  });

  it.each([
    ['llm-d.ai/engine-type', 'triton-tensorrt-llm', triton, tritonRead],
    ['inference.networking.k8s.io/engine-type', 'vllm', triton, {}],
    ['llm-d.ai/engine-type', 'vllm', vllm, vllmRead],
    ['llm-d.ai/engine-type', 'sglang', vllm, {}],
    // Nobody knows it: as without the label.
    ['llm-d.ai/engine-type', 'unheard-of', vllm, vllmRead],
  ])('of the engine that %s: %s names', (label, engine, page, expected) => {
    expect(sourceOf({}).read(endpoint(1, { [label]: engine }), page)).toEqual(expected);
  });

  it.each([
    [
      'the newest series, by its value',
      `vllm:lora_requests_info{max_lora="2",running_lora_adapters="old",waiting_lora_adapters=""} 100
vllm:lora_requests_info{max_lora="4",running_lora_adapters=" a , b ,,",waiting_lora_adapters="c"} 300.5
vllm:lora_requests_info{max_lora="3",running_lora_adapters="older",waiting_lora_adapters=""} 200`,
      { max: 4, active: ['a', 'b'], waiting: ['c'] },
    ],
    [
      'no adapters',
      'vllm:lora_requests_info{running_lora_adapters="",max_lora="x"} 1',
      { max: 0, active: [], waiting: [] },
    ],
  ])('of LoRA adapters: %s', (_, page, lora) => {
    expect(sourceOf({}).read(endpoint(1), page)).toEqual({ lora });
  });
});

describe('engineConfigs (epp.md 6.5)', () => {
  const own = {
    name: 'own',
    queuedRequestsSpec: 'own_requests{state=queued,tier="gold"}',
    kvUsageSpec: 'own_kv',
    cacheInfoSpec: 'own_cache',
    cacheBlockSizeLabelName: 'size',
    cacheNumBlocksLabelName: 'count',
  };
  const page = `own_requests{state="queued",tier="free"} 9
own_requests{state="queued",tier="gold"} 4
own_kv 0.125
own_cache{count="12",size="256"} 1
vllm:num_requests_running 6`;
  const read = { waiting: 4, kvUsage: 0.125, cacheBlockSize: 256, cacheBlocks: 12 };

  it('add engines, for endpoints that carry the label', () => {
    const source = sourceOf({ engineLabelKey: 'engine', engineConfigs: [own] });
    expect(source.read(endpoint(1, { engine: 'own' }), page)).toEqual(read);
    expect(source.read(endpoint(1, { engine: 'vllm' }), page)).toEqual({ running: 6 });
    expect(source.read(endpoint(1), page)).toEqual({ ...read, running: 6 });
  });

  it('can be the default, and change names of a built-in engine while the others stay', () => {
    const source = sourceOf({
      defaultEngine: 'own',
      engineConfigs: [own, { name: 'vllm', queuedRequestsSpec: 'my_waiting' }],
    });
    expect(source.read(endpoint(1), page)).toEqual(read);
    const labels = { 'llm-d.ai/engine-type': 'vllm' };
    expect(source.read(endpoint(1, labels), `my_waiting 8\n${vllm}`)).toEqual({ ...vllmRead, waiting: 8 });
  });

  it.each([
    [{ engineConfigs: [{ queuedRequestsSpec: 'a' }] }, /name/],
    [{ engineConfigs: [{ name: 'x', kvUsageSpec: 'a{b' }] }, /not a metric spec: "a\{b"/],
    [{ engineConfigs: [{ name: 'x', kvUsageSpec: 'a{b}' }] }, /"b" has no value/],
    [{ engineConfigs: [{ name: 'x', kvUsage: 'a' }] }, /kvUsage/],
    [{ defaultEngine: 'nobody' }, /defaultEngine.*vllm.*nobody/s],
  ])('%j is refused', (parameters, message) => {
    expect(() => sourceOf(parameters)).toThrow(message);
  });

  it('are fetched where metrics-data-source says', () => {
    expect(sourceOf({}).url(endpoint(1))).toBe('http://192.168.1.1:8000/metrics');
    expect(sourceOf({}, { scheme: 'https', path: '/m' }).url(endpoint(1))).toBe('https://192.168.1.1:8000/m');
    expect(() => sourceOf({}, { path: 'm' })).toThrow(/path/);
  });
});
