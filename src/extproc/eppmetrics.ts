/** The endpoint picker's metrics, by the names, labels and buckets of epp.md 7.1. Times are given in ms and shown in seconds. */
import { Counter, Gauge, Histogram, Registry } from '../telemetry/prometheus.ts';
import type { Decision } from '../picker/decision.ts';
import type { DirectorStats } from '../picker/director.ts';
import type { DirectorObserver, FlowLabels } from '../picker/observer.ts';
import { boundedNames } from './boundednames.ts';
import * as buckets from './buckets.ts';
import { labelsOfModels, legacyMetrics, models, objectiveMetrics, type MetricMaker } from './requestmetrics.ts';

export interface EppMetrics {
  readonly registry: Registry;
  readonly observer: DirectorObserver;
  /** A request that never came to the director: its body was refused. */
  readonly refused: (code: string) => void;
  readonly pollFailed: () => void;
  /** A metrics page without what it should say. */
  readonly extractFailed: () => void;
  /** Where the gauges of the pool come from. */
  readonly showStats: (stats: () => DirectorStats) => void;
}

/** Of models and of flows each. */
const mostNames = 1_000;

/** @param legacy also the names of v1.0.1 (feature gate enableLegacyMetrics) */
export function createEppMetrics(pool: { name: string; namespace: string }, legacy = false): EppMetrics {
  let stats: (() => DirectorStats) | undefined;
  const registry = new Registry();
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name, help, labelNames, registers: [registry] });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge<L>({ name, help, labelNames, registers: [registry] });
  const histogram = <L extends string>(name: string, help: string, bounds: number[], labelNames: readonly L[] = []) =>
    new Histogram<L>({ name, help, labelNames, buckets: bounds, registers: [registry] });

  const make: MetricMaker = { counter, gauge, histogram };
  const requests = [objectiveMetrics(make), ...(legacy ? [legacyMetrics(make)] : [])];
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
  const extractErrors = counter(
    'llm_d_inference_scheduler_datalayer_extract_errors_total',
    'Scrapes that did not tell the queue, the running requests or the KV cache usage.',
    ['source_type', 'extractor_type'],
  );
  gauge('inference_extension_info', 'The build of this picker.', ['commit', 'build_ref']).set(
    { commit: '', build_ref: 'headgate' },
    1,
  );
  poolGauges(registry, pool.name, () => stats?.());
  const flow = flowMetrics(make, pool.name);
  const model = boundedNames(mostNames);
  const fairness = boundedNames(mostNames);
  const bounded = (labels: FlowLabels): FlowLabels => ({
    fairnessId: fairness(labels.fairnessId),
    priority: labels.priority,
    incomingModel: model(labels.incomingModel),
    targetModel: model(labels.targetModel),
  });

  return {
    registry,
    refused: (code) => {
      for (const metrics of requests) metrics.failed('', '', code);
    },
    showStats: (show) => {
      stats = show;
    },
    pollFailed: () => {
      pollErrors.inc({ source_type: 'metrics-data-source' });
    },
    extractFailed: () => {
      extractErrors.inc({ source_type: 'metrics-data-source', extractor_type: 'core-metrics-extractor' });
    },
    observer: {
      received: (incomingModel, targetModel, priority) => {
        for (const metrics of requests) metrics.received(model(incomingModel), model(targetModel), priority);
      },
      decided: ({ incomingModel }, decision) => {
        countAttempt(attempts, pool.namespace, decision, model);
        if (decision.type !== 'drop') return;
        for (const metrics of requests) metrics.failed(model(incomingModel), model(incomingModel), decision.code);
      },
      running: (incomingModel, change) => {
        for (const metrics of requests) metrics.running(model(incomingModel), change);
      },
      completed: (request) => {
        const [incomingModel, targetModel] = [model(request.incomingModel), model(request.targetModel)];
        for (const metrics of requests) metrics.completed({ ...request, incomingModel, targetModel });
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
        rewrites.inc({ model_rewrite_name, model_name: model(model_name), target_model: model(target_model) });
      },
      disaggregated: (incomingModel, decision_type) => {
        const model_name = model(incomingModel);
        disaggregation.inc({ model_name, decision_type });
        if (decision_type === 'decode-only' || decision_type === 'prefill-decode')
          pdDecisions.inc({ model_name, decision_type });
      },
      flowEnqueued: (labels, bytes, ms) => {
        flow.flowEnqueued(bounded(labels), bytes, ms);
      },
      flowSettled: (labels, bytes, outcome, ms) => {
        flow.flowSettled(bounded(labels), bytes, outcome, ms);
      },
      flowCycle: flow.flowCycle,
    },
  };
}

function countAttempt(
  attempts: Counter<'status' | 'target_model_name' | 'pod_name' | 'namespace' | 'port'>,
  namespace: string,
  decision: Decision,
  model: (name: string) => string,
): void {
  if (decision.type === 'drop') {
    attempts.inc({ status: 'failure', target_model_name: '', pod_name: '', namespace, port: '' });
    return;
  }
  const [{ podName, key, port }] = decision.targets;
  attempts.inc({
    status: 'success',
    target_model_name: model(decision.targetModel),
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
  { gauge, histogram }: MetricMaker,
  inference_pool: string,
): Required<Pick<DirectorObserver, 'flowEnqueued' | 'flowSettled' | 'flowCycle'>> {
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
  const labelsOf = (labels: FlowLabels) => ({
    ...flowLabels(labels),
    inference_pool,
    ...labelsOfModels(labels.incomingModel, labels.targetModel),
  });
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
