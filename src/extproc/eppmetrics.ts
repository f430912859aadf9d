/** The endpoint picker's metrics, by the names, labels and buckets of epp.md 7.1. Times are given in ms and shown in seconds. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Decision } from '../picker/decision.ts';
import type { DirectorStats } from '../picker/director.ts';
import type { CompletedRequest, DirectorObserver, FlowLabels } from '../picker/observer.ts';
import type { InferenceRequest } from '../picker/request.ts';
import * as buckets from './buckets.ts';

export interface EppMetrics {
  readonly registry: Registry;
  readonly observer: DirectorObserver;
  /** A request that never came to the director: its body was refused. */
  readonly refused: (code: string) => void;
  readonly pollFailed: () => void;
  /** Where the gauges of the pool come from. */
  readonly showStats: (stats: () => DirectorStats) => void;
}

const models = ['model_name', 'target_model_name'] as const;

export function createEppMetrics(pool: { name: string; namespace: string }): EppMetrics {
  let stats: (() => DirectorStats) | undefined;
  const registry = new Registry();
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name, help, labelNames, registers: [registry] });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge<L>({ name, help, labelNames, registers: [registry] });
  const histogram = <L extends string>(name: string, help: string, bounds: number[], labelNames: readonly L[] = []) =>
    new Histogram<L>({ name, help, labelNames, buckets: bounds, registers: [registry] });

  const total = counter('inference_objective_request_total', 'Requests by model and priority.', [
    ...models,
    'priority',
  ]);
  const errors = counter('inference_objective_request_error_total', 'Requests that failed.', [...models, 'error_code']);
  const completion = completionMetrics(histogram);
  const running = gauge('inference_objective_running_requests', 'Requests in progress.', ['model_name']);
  const scheduling = histogram(
    'inference_extension_scheduler_e2e_duration_seconds',
    'Time to choose endpoints for a request.',
    buckets.overhead,
  );
  const attempts = counter('inference_extension_scheduler_attempts_total', 'Attempts to choose an endpoint.', [
    'status',
    'target_model_name',
    'pod_name',
    'namespace',
    'port',
  ]);
  const plugins = histogram(
    'inference_extension_plugin_duration_seconds',
    'Time spent in a plugin.',
    buckets.overhead,
    ['extension_point', 'plugin_type', 'plugin_name'],
  );
  const hitRatio = histogram(
    'inference_extension_prefix_indexer_hit_ratio',
    'Share of the prompt that the chosen endpoint has in its cache.',
    buckets.ratio,
  );
  const hitBytes = histogram(
    'inference_extension_prefix_indexer_hit_bytes',
    'Bytes of the prompt that the chosen endpoint has in its cache.',
    buckets.hitBytes,
  );
  const rewrites = counter('inference_extension_model_rewrite_decisions_total', 'Models replaced by a rewrite.', [
    'model_rewrite_name',
    'model_name',
    'target_model',
  ]);
  const disaggregation = counter(
    'llm_d_inference_scheduler_disagg_decision_total',
    'How requests were spread over prefill, decode and encode workers.',
    ['model_name', 'decision_type'],
  );
  const pdDecisions = counter(
    'llm_d_inference_scheduler_pd_decision_total',
    'Whether prefill was done by a worker of its own.',
    ['model_name', 'decision_type'],
  );
  const pollErrors = counter('llm_d_inference_scheduler_datalayer_poll_errors_total', 'Scrapes that failed.', [
    'source_type',
  ]);
  gauge('inference_extension_info', 'The build of this picker.', ['commit', 'build_ref']).set(
    { commit: '', build_ref: 'headgate' },
    1,
  );
  poolGauges(registry, pool.name, () => stats?.());
  const flow = flowMetrics({ gauge, histogram }, pool.name);

  return {
    registry,
    refused: (code) => {
      errors.inc({ model_name: '', target_model_name: '', error_code: code });
    },
    showStats: (show) => {
      stats = show;
    },
    pollFailed: () => {
      pollErrors.inc({ source_type: 'metrics-data-source' });
    },
    observer: {
      received: (model_name, target_model_name, priority) => {
        total.inc({ model_name, target_model_name, priority: String(priority) });
      },
      decided: (request, decision) => {
        countAttempt(attempts, pool.namespace, decision);
        if (decision.type === 'drop') errors.inc(errorLabels(request, decision.code));
      },
      running: (model_name, change) => {
        running.inc({ model_name }, change);
      },
      completed: (request) => {
        completion(request);
        if (request.status === undefined || request.status < 400) return;
        errors.inc({ ...modelLabels(request), error_code: 'ModelServerError' });
      },
      scheduled: (ms) => {
        scheduling.observe(ms / 1000);
      },
      plugin: (extension_point, plugin_type, plugin_name, ms) => {
        plugins.observe({ extension_point, plugin_type, plugin_name }, ms / 1000);
      },
      prefix: (matched, totalBlocks, blockBytes) => {
        hitRatio.observe(totalBlocks === 0 ? 0 : matched / totalBlocks);
        hitBytes.observe(matched * blockBytes);
      },
      rewrote: (model_rewrite_name, model_name, target_model) => {
        rewrites.inc({ model_rewrite_name, model_name, target_model });
      },
      disaggregated: (model_name, decision_type) => {
        disaggregation.inc({ model_name, decision_type });
        if (decision_type === 'decode-only' || decision_type === 'prefill-decode')
          pdDecisions.inc({ model_name, decision_type });
      },
      ...flow,
    },
  };
}

const modelLabels = (request: { incomingModel: string; targetModel: string }) => ({
  model_name: request.incomingModel,
  target_model_name: request.targetModel,
});

const errorLabels = ({ incomingModel }: InferenceRequest, error_code: string) => ({
  model_name: incomingModel,
  target_model_name: incomingModel,
  error_code,
});

type MakeHistogram = <L extends string>(
  name: string,
  help: string,
  bounds: number[],
  labels?: readonly L[],
) => Histogram<L>;
type MakeGauge = <L extends string>(name: string, help: string, labels?: readonly L[]) => Gauge<L>;

function completionMetrics(histogram: MakeHistogram): (request: CompletedRequest) => void {
  const objective = (suffix: string, help: string, bounds: number[]) =>
    histogram(`inference_objective_${suffix}`, help, bounds, models);
  const duration = objective(
    'request_duration_seconds',
    'Time from request to the end of its response.',
    buckets.latency,
  );
  const ttft = objective('request_ttft_seconds', 'Time to the first token of a streamed answer.', buckets.latency);
  const tpot = objective(
    'request_tpot_seconds',
    'Time per token after the first of a streamed answer.',
    buckets.perToken,
  );
  const perToken = objective(
    'normalized_time_per_output_token_seconds',
    'Duration divided by the number of output tokens.',
    buckets.normalized,
  );
  const requestSizes = objective('request_sizes', 'Bytes of request bodies.', buckets.requestBytes);
  const responseSizes = objective('response_sizes', 'Bytes of response bodies.', buckets.responseBytes);
  const input = objective('input_tokens', 'Tokens of prompts.', buckets.inputTokens);
  const cached = objective('prompt_cached_tokens', 'Tokens of prompts found in a cache.', buckets.inputTokens);
  const output = objective('output_tokens', 'Tokens of answers.', buckets.outputTokens);

  return (request) => {
    const labels = modelLabels(request);
    const { promptTokens, completionTokens, cachedTokens } = request.usage;
    const seconds = request.durationMs / 1000;
    duration.observe(labels, seconds);
    requestSizes.observe(labels, request.requestBytes);
    responseSizes.observe(labels, request.responseBytes);
    if (promptTokens !== undefined) input.observe(labels, promptTokens);
    if (cachedTokens !== undefined) cached.observe(labels, cachedTokens);
    if (completionTokens !== undefined) {
      output.observe(labels, completionTokens);
      if (completionTokens > 0) perToken.observe(labels, seconds / completionTokens);
    }
    if (!request.streaming || request.ttftMs === undefined) return;
    const first = request.ttftMs / 1000;
    ttft.observe(labels, first);
    if (completionTokens !== undefined && completionTokens > 1) {
      tpot.observe(labels, (seconds - first) / (completionTokens - 1));
    }
  };
}

function countAttempt(
  attempts: Counter<'status' | 'target_model_name' | 'pod_name' | 'namespace' | 'port'>,
  namespace: string,
  decision: Decision,
): void {
  if (decision.type === 'drop') {
    attempts.inc({ status: 'failure', target_model_name: '', pod_name: '', namespace, port: '' });
    return;
  }
  const [{ podName, key, port }] = decision.targets;
  attempts.inc({
    status: 'success',
    target_model_name: decision.targetModel,
    pod_name: podName ?? key,
    namespace,
    port: String(port),
  });
}

/** Gauges of the pool, computed when somebody looks. */
function poolGauges(registry: Registry, name: string, stats: () => DirectorStats | undefined): void {
  const of = (suffix: string, help: string, value: (found: DirectorStats) => number): void => {
    const gauge: Gauge<'name'> = new Gauge({
      name: `inference_pool_${suffix}`,
      help,
      labelNames: ['name'],
      registers: [registry],
      collect: () => {
        const found = stats();
        if (found !== undefined) gauge.set({ name }, value(found));
      },
    });
  };
  of('average_kv_cache_utilization', 'KV cache in use, 0 to 1.', (found) => found.averageKvCacheUtilization);
  of('average_queue_size', 'Requests waiting per endpoint.', (found) => found.averageQueueSize);
  of('average_running_requests', 'Requests running per endpoint.', (found) => found.averageRunningRequests);
  of('ready_pods', 'Ready endpoints.', (found) => found.readyEndpoints);
  const perPod: Gauge<'name' | 'model_server_pod'> = new Gauge({
    name: 'inference_pool_per_pod_queue_size',
    help: 'Requests waiting, by endpoint.',
    labelNames: ['name', 'model_server_pod'],
    registers: [registry],
    collect: () => {
      perPod.reset();
      for (const { endpoint, queueSize } of stats()?.endpoints ?? []) {
        perPod.set({ name, model_server_pod: endpoint.podName ?? endpoint.key }, queueSize);
      }
    },
  });
  const index: Gauge = new Gauge({
    name: 'inference_extension_prefix_indexer_size',
    help: 'Pairs of prompt block and endpoint that are remembered.',
    registers: [registry],
    collect: () => {
      index.set(stats()?.prefixIndexSize ?? 0);
    },
  });
  const saturation: Gauge<'inference_pool'> = new Gauge({
    name: 'inference_extension_flow_control_pool_saturation',
    help: 'Load of the pool; 1 and above is saturated.',
    labelNames: ['inference_pool'],
    registers: [registry],
    collect: () => {
      saturation.set({ inference_pool: name }, stats()?.saturation ?? 0);
    },
  });
}

function flowMetrics(
  { gauge, histogram }: { gauge: MakeGauge; histogram: MakeHistogram },
  inference_pool: string,
): Pick<DirectorObserver, 'flowEnqueued' | 'flowSettled' | 'flowCycle'> {
  const flow = ['fairness_id', 'priority'] as const;
  const queued = [...flow, 'inference_pool', ...models] as const;
  const prefix = 'inference_extension_flow_control';
  const waited = histogram(`${prefix}_request_queue_duration_seconds`, 'Time in the queue.', buckets.queue, [
    ...queued,
    'outcome',
  ]);
  const enqueueing = histogram(
    `${prefix}_request_enqueue_duration_seconds`,
    'Time to enter the queue.',
    buckets.overhead,
    [...flow, 'outcome'],
  );
  const cycles = histogram(`${prefix}_dispatch_cycle_duration_seconds`, 'Time of a dispatch cycle.', buckets.overhead);
  const size = gauge(`${prefix}_queue_size`, 'Requests in the queue.', queued);
  const bytes = gauge(`${prefix}_queue_bytes`, 'Bytes of the requests in the queue.', queued);
  const flowLabels = ({ fairnessId, priority }: FlowLabels) => ({
    fairness_id: fairnessId,
    priority: String(priority),
  });
  const labelsOf = (labels: FlowLabels) => ({ ...flowLabels(labels), inference_pool, ...modelLabels(labels) });
  return {
    flowEnqueued: (labels, count, ms) => {
      size.inc(labelsOf(labels), 1);
      bytes.inc(labelsOf(labels), count);
      enqueueing.observe({ ...flowLabels(labels), outcome: 'NotYetFinalized' }, ms / 1000);
    },
    flowSettled: (labels, count, outcome, ms) => {
      size.dec(labelsOf(labels), 1);
      bytes.dec(labelsOf(labels), count);
      waited.observe({ ...labelsOf(labels), outcome }, ms / 1000);
    },
    flowCycle: (ms) => {
      cycles.observe(ms / 1000);
    },
  };
}
