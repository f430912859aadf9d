/** Metrics of requests and their answers (epp.md 7.1), under the name of one generation. Times are given in ms and shown in seconds. */
import type { Counter, Gauge, Histogram } from 'prom-client';
import type { CompletedRequest } from '../picker/observer.ts';
import * as buckets from './buckets.ts';

/** What makes metrics of one registry. */
export interface MetricMaker {
  readonly counter: <L extends string>(name: string, help: string, labels?: readonly L[]) => Counter<L>;
  readonly gauge: <L extends string>(name: string, help: string, labels?: readonly L[]) => Gauge<L>;
  readonly histogram: <L extends string>(
    name: string,
    help: string,
    bounds: number[],
    labels?: readonly L[],
  ) => Histogram<L>;
}

/** What both generations of names have. */
export interface RequestMetrics {
  readonly received: (incomingModel: string, targetModel: string, priority: number) => void;
  readonly failed: (incomingModel: string, targetModel: string, code: string) => void;
  readonly running: (incomingModel: string, change: 1 | -1) => void;
  readonly completed: (request: CompletedRequest) => void;
}

export const models = ['model_name', 'target_model_name'] as const;

export const labelsOfModels = (model_name: string, target_model_name: string) => ({ model_name, target_model_name });

/** The names since v1.1: `inference_objective_...`. */
export function objectiveMetrics(make: MetricMaker): RequestMetrics {
  const prefix = 'inference_objective';
  const total = make.counter(`${prefix}_request_total`, 'Requests by model and priority.', [...models, 'priority']);
  const shared = sharedMetrics(make, prefix);
  const histogram = (name: string, help: string, bounds: number[]) =>
    make.histogram(`${prefix}_${name}`, help, bounds, models);
  const cached = histogram('prompt_cached_tokens', 'Tokens of prompts found in a cache.', buckets.inputTokens);
  const ttft = histogram('request_ttft_seconds', 'Time to the first token of a streamed answer.', buckets.latency);
  const tpot = histogram(
    'request_tpot_seconds',
    'Time per token after the first of a streamed answer.',
    buckets.perToken,
  );
  const observeLatency = latencyMetrics(make, prefix);
  return {
    ...shared,
    received: (incomingModel, targetModel, priority) => {
      total.inc({ ...labelsOfModels(incomingModel, targetModel), priority: String(priority) });
    },
    completed: (request) => {
      shared.completed(request);
      const { usage, streaming, ttftMs, slo } = request;
      const labels = labelsOfModels(request.incomingModel, request.targetModel);
      if (usage.cachedTokens !== undefined) cached.observe(labels, usage.cachedTokens);
      if (!streaming || ttftMs === undefined) return;
      ttft.observe(labels, ttftMs / 1000);
      observeLatency(request, 'ttft', ttftMs, slo.ttftMs);
      if (usage.completionTokens === undefined || usage.completionTokens < 2) return;
      const perTokenMs = (request.durationMs - ttftMs) / (usage.completionTokens - 1);
      tpot.observe(labels, perTokenMs / 1000);
      observeLatency(request, 'tpot', perTokenMs, slo.tpotMs);
    },
  };
}

/** Those of v1.0.1, `inference_model_...`, which the feature gate enableLegacyMetrics keeps. */
export function legacyMetrics(make: MetricMaker): RequestMetrics {
  const prefix = 'inference_model';
  const total = make.counter(`${prefix}_request_total`, 'Requests by model.', models);
  return {
    ...sharedMetrics(make, prefix),
    received: (incomingModel, targetModel) => {
      total.inc(labelsOfModels(incomingModel, targetModel));
    },
  };
}

function sharedMetrics(make: MetricMaker, prefix: string): Omit<RequestMetrics, 'received'> {
  const histogram = (name: string, help: string, bounds: number[]) =>
    make.histogram(`${prefix}_${name}`, help, bounds, models);
  const errors = make.counter(`${prefix}_request_error_total`, 'Requests that failed.', [...models, 'error_code']);
  const running = make.gauge(`${prefix}_running_requests`, 'Requests in progress.', ['model_name']);
  const duration = histogram(
    'request_duration_seconds',
    'Time from request to the end of its response.',
    buckets.latency,
  );
  const perToken = histogram(
    'normalized_time_per_output_token_seconds',
    'Duration divided by the number of output tokens.',
    buckets.normalized,
  );
  const requestSizes = histogram('request_sizes', 'Bytes of request bodies.', buckets.requestBytes);
  const responseSizes = histogram('response_sizes', 'Bytes of response bodies.', buckets.responseBytes);
  const input = histogram('input_tokens', 'Tokens of prompts.', buckets.inputTokens);
  const output = histogram('output_tokens', 'Tokens of answers.', buckets.outputTokens);
  return {
    failed: (incomingModel, targetModel, error_code) => {
      errors.inc({ ...labelsOfModels(incomingModel, targetModel), error_code });
    },
    running: (model_name, change) => {
      running.inc({ model_name }, change);
    },
    completed: ({ incomingModel, targetModel, durationMs, requestBytes, responseBytes, status, usage }) => {
      const labels = labelsOfModels(incomingModel, targetModel);
      const { promptTokens, completionTokens } = usage;
      const seconds = durationMs / 1000;
      duration.observe(labels, seconds);
      requestSizes.observe(labels, requestBytes);
      responseSizes.observe(labels, responseBytes);
      if (promptTokens !== undefined) input.observe(labels, promptTokens);
      if (completionTokens !== undefined) {
        output.observe(labels, completionTokens);
        if (completionTokens > 0) perToken.observe(labels, seconds / completionTokens);
      }
      if (status !== undefined && status >= 400) errors.inc({ ...labels, error_code: 'ModelServerError' });
    },
  };
}

/** The latest latencies, and how they stand to what the client asked for by header (x-slo-ttft-ms, x-slo-tpot-ms). */
function latencyMetrics(
  make: MetricMaker,
  prefix: string,
): (request: CompletedRequest, type: 'ttft' | 'tpot', ms: number, limitMs: number) => void {
  const typed = [...models, 'type'] as const;
  const latest = make.gauge(`${prefix}_inference_request_metric`, 'Latencies of the latest request by type.', typed);
  const violations = make.counter(
    `${prefix}_request_slo_violation_total`,
    'Requests slower than their latency objective.',
    typed,
  );
  return ({ incomingModel, targetModel }, type, ms, limitMs) => {
    const labels = labelsOfModels(incomingModel, targetModel);
    latest.set({ ...labels, type }, ms / 1000);
    if (limitMs === 0) return;
    const violates = ms > limitMs;
    latest.set({ ...labels, type: `${type}_slo_threshold` }, limitMs / 1000);
    latest.set({ ...labels, type: `${type}_slo_violation` }, violates ? 1 : 0);
    if (violates) violations.inc({ ...labels, type });
  };
}
