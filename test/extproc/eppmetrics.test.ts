import { afterEach, describe, expect, it } from 'vitest';
import { createEppMetrics } from '../../src/extproc/eppmetrics.ts';
import { startModelServer } from './modelservers.ts';
import { poolText, startPicker, type RunningPicker } from './running.ts';

const doubling = (from: number, to: number): number[] => (from > to ? [] : [from, ...doubling(from * 2, to)]);

// The letters of epp.md 7.1.
const bounds: Readonly<Record<string, readonly number[]>> = {
  A: [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60, 120, 180, 240,
    300, 360, 480, 600, 900, 1200, 1800, 2700, 3600,
  ],
  B: [
    0.0005, 0.00205, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.125, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.5, 2, 3,
    4.5, 6, 12, 18, 24, 30, 36, 48, 60, 90, 120, 180, 270, 360,
  ],
  D: doubling(64, 1_073_741_824),
  E: [1, ...doubling(8, 16_384), 32_778, 65_536],
  F: [1, ...doubling(8, 16_384), 32_778, 65_536, ...doubling(131_072, 1_048_576)],
  G: [1, ...doubling(8, 8192)],
  H: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
  I: [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1],
  J: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  ratio: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1],
  bytes: [0, ...doubling(16, 65_536)],
};

/** Name, type, labels, and for histograms the letter of their bounds. Those of predicted latencies are not among them. */
const families = `
inference_objective_request_total counter L1,priority
inference_objective_request_error_total counter L1,error_code
inference_objective_inference_request_metric gauge L1,type
inference_objective_request_ttft_seconds histogram L1 A
inference_objective_request_tpot_seconds histogram L1 B
inference_objective_request_slo_violation_total counter L1,type
inference_objective_request_duration_seconds histogram L1 A
inference_objective_request_sizes histogram L1 D
inference_objective_response_sizes histogram L1 E
inference_objective_input_tokens histogram L1 F
inference_objective_prompt_cached_tokens histogram L1 F
inference_objective_output_tokens histogram L1 G
inference_objective_running_requests gauge model_name
inference_objective_normalized_time_per_output_token_seconds histogram L1 H
inference_pool_average_kv_cache_utilization gauge name
inference_pool_average_queue_size gauge name
inference_pool_average_running_requests gauge name
inference_pool_ready_pods gauge name
inference_pool_per_pod_queue_size gauge name,model_server_pod
inference_extension_scheduler_e2e_duration_seconds histogram - I
inference_extension_scheduler_attempts_total counter status,target_model_name,pod_name,namespace,port
inference_extension_plugin_duration_seconds histogram extension_point,plugin_type,plugin_name I
inference_extension_prefix_indexer_size gauge -
inference_extension_prefix_indexer_hit_ratio histogram - ratio
inference_extension_prefix_indexer_hit_bytes histogram - bytes
inference_extension_info gauge commit,build_ref
inference_extension_flow_control_request_queue_duration_seconds histogram fairness_id,priority,outcome,inference_pool,L1 J
inference_extension_flow_control_dispatch_cycle_duration_seconds histogram - I
inference_extension_flow_control_request_enqueue_duration_seconds histogram fairness_id,priority,outcome I
inference_extension_flow_control_queue_size gauge fairness_id,priority,inference_pool,L1
inference_extension_flow_control_queue_bytes gauge fairness_id,priority,inference_pool,L1
inference_extension_flow_control_pool_saturation gauge inference_pool
inference_extension_model_rewrite_decisions_total counter model_rewrite_name,model_name,target_model
llm_d_inference_scheduler_pd_decision_total counter model_name,decision_type
llm_d_inference_scheduler_disagg_decision_total counter model_name,decision_type
llm_d_inference_scheduler_datalayer_poll_errors_total counter source_type
llm_d_inference_scheduler_datalayer_extract_errors_total counter source_type,extractor_type`;

const expected = families
  .trim()
  .split('\n')
  .map((line) => {
    const [name = '', type = '', labels = '', letter = ''] = line.split(' ');
    const names = labels === '-' ? [] : labels.replace('L1', 'model_name,target_model_name').split(',');
    return { name, type, labels: names.toSorted(), bounds: bounds[letter] };
  });

const byName = (one: { name: string }, other: { name: string }): number => (one.name < other.name ? -1 : 1);

/** What prom-client does not declare of its metrics. */
type Declared = { name: string; labelNames?: string[]; upperBounds?: number[]; constructor: { name: string } };

describe('the metrics of the endpoint picker (epp.md 7.1)', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
  });
  const start = async (...args: Parameters<typeof startPicker>): Promise<RunningPicker> => {
    const picker = await startPicker(...args);
    closers.push(picker.close);
    return picker;
  };

  it('have the names, types, labels and bounds of the upstream picker', () => {
    const { registry } = createEppMetrics({ name: 'pool', namespace: 'default' });
    const declared = (registry.getMetricsAsArray() as unknown as Declared[]).map((metric) => ({
      name: metric.name,
      type: metric.constructor.name.toLowerCase(),
      labels: (metric.labelNames ?? []).toSorted(),
      bounds: metric.upperBounds,
    }));
    expect(declared.toSorted(byName)).toEqual(expected.toSorted(byName));
  });

  it('are bounded however many names clients make up', async () => {
    const { registry, observer } = createEppMetrics({ name: 'pool', namespace: 'default' });
    for (let at = 0; at < 3_000; at += 1) {
      observer.received?.(`m${String(at)}`, `m${String(at)}`, 0);
      observer.running?.(`m${String(at)}`, 1);
    }
    observer.received?.('x'.repeat(10_000), '', 0);
    for (let at = 0; at < 3_000; at += 1) observer.running?.(`m${String(at)}`, -1);
    const page = await registry.metrics();
    const running = page.match(/^inference_objective_running_requests\{.*$/gm) ?? [];
    expect(running).toHaveLength(1_001);
    expect(running.every((line) => line.endsWith(' 0'))).toBe(true);
    expect(page).toContain(
      'inference_objective_request_total{model_name="m999",target_model_name="m999",priority="0"} 1',
    );
    expect(page).toMatch(/request_total\{model_name="other",target_model_name="other",priority="0"\} 2001\n/);
    expect(page).not.toContain('xxx');
  });

  /** One streamed exchange of model m: first chunk, two tokens, end. */
  async function stream({ proxy }: RunningPicker, headers: Record<string, string>): Promise<void> {
    const exchange = proxy.exchange();
    exchange.headers('request', { ':method': 'POST', ':path': '/v1/completions', ...headers });
    exchange.body('request', '{"model":"m","prompt":"x","stream":true}', true);
    await exchange.next();
    await exchange.next();
    exchange.headers('response', { ':status': '200', 'content-type': 'text/event-stream' });
    await exchange.next();
    exchange.body('response', 'data: {"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\ndata: [DONE]\n\n', true);
    await exchange.next();
    expect(await exchange.finish()).toMatchObject({ error: undefined });
  }
  const labels = 'model_name="m",target_model_name="m"';

  it('tell whether requests met the latencies that they asked for', async () => {
    const picker = await start([{ waiting: 0, kv: 0 }]);
    const violations = `inference_objective_request_slo_violation_total{${labels},type="ttft"}`;
    const latest = (type: string) =>
      picker.metric(`inference_objective_inference_request_metric{${labels},type="${type}"}`);
    await stream(picker, {});
    expect(await latest('ttft')).toBeGreaterThan(0);
    expect(await latest('ttft_slo_threshold')).toBeUndefined();
    await stream(picker, { 'x-slo-ttft-ms': '3600000' });
    expect(await latest('ttft_slo_threshold')).toBe(3600);
    expect(await latest('ttft_slo_violation')).toBe(0);
    expect(await picker.metric(violations)).toBeUndefined();
    await stream(picker, { 'x-slo-ttft-ms': '0.000001' });
    expect(await latest('ttft_slo_violation')).toBe(1);
    expect(await picker.metric(violations)).toBe(1);
  });

  it('have the names of v1.0.1 too where the configuration asks for them', async () => {
    const config = (gates: string) =>
      `apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\nfeatureGates: ${gates}\nplugins: [{type: queue-scorer}]`;
    const picker = await start([{ waiting: 0, kv: 0 }], { config: config('[enableLegacyMetrics]') });
    await stream(picker, {});
    expect(await picker.metric(`inference_model_request_total{${labels}}`)).toBe(1);
    expect(await picker.metric(`inference_objective_request_total{${labels},priority="0"}`)).toBe(1);
    expect(await picker.metric(`inference_model_output_tokens_sum{${labels}}`)).toBe(2);
    expect(await picker.metric('inference_model_running_requests{model_name="m"}')).toBe(0);
    const other = await start([{ waiting: 0, kv: 0 }], { config: config('[]') });
    expect(await other.metrics()).not.toContain('inference_model_');
  });

  it('count pages that do not say how busy a model server is', async () => {
    const picker = await start([{ waiting: 0, kv: 0 }], {
      argv: ['--total-queued-requests-metric', 'vllm:num_requests_waiting{model_name=nobody}'],
    });
    const source = 'source_type="metrics-data-source"';
    const errors = (what: string, more = '') =>
      picker.metric(`llm_d_inference_scheduler_datalayer_${what}_errors_total{${source}${more}}`);
    await expect
      .poll(() => errors('extract', ',extractor_type="core-metrics-extractor"'), { timeout: 30_000 })
      .toBeGreaterThan(0);
    expect(await errors('poll')).toBeUndefined();
  });

  it('are read where the flags of v1.0.1 say, by the names that they say', async () => {
    const server = await startModelServer(
      { waiting: 0, kv: 0 },
      { '/stats': 'my:waiting{kind="all"} 9\nmy:waiting{kind="none"} 1\nvllm:gpu_cache_usage_perc 0.25\n' },
    );
    closers.push(() => server.close());
    const named = ['--total-queued-requests-metric', 'my:waiting{kind=all}'];
    const renamed = ['-kv-cache-usage-percentage-metric=vllm:kv_cache_usage_perc'];
    const picker = await start([], { argv: ['--model-server-metrics-path', '/stats', ...named, ...renamed] });
    await picker.writePool(poolText([server]));
    const queue = 'inference_pool_per_pod_queue_size{name="pool",model_server_pod="pod1"}';
    await expect.poll(() => picker.metric(queue), { timeout: 30_000 }).toBe(9);
    expect(await picker.metric('inference_pool_average_kv_cache_utilization{name="pool"}')).toBe(0.25);
  });
});
