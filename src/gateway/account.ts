/** What is written down of a request that has ended: metrics, the access log, and records for whoever watches. */
import type { GatewayRequest } from './request.ts';
import type { RequestRecord } from './requestrecord.ts';

/** How it ended. */
export interface Outcome {
  /** 499: the client went away. */
  readonly status: number;
  /** Key of the endpoint that was tried last. */
  readonly endpoint: string | undefined;
  /** Places it was sent to. */
  readonly attempts: number;
}

export function account(request: GatewayRequest, outcome: Outcome): void {
  const { context, rule, backend } = request;
  const { metrics, accessLog, requests, log } = context;
  const durationMs = context.now() - request.startedMs;
  metrics.inFlight -= 1;
  metrics.record(rule?.id ?? '', backend?.id ?? '', outcome.status, durationMs);
  if (accessLog) log.debug(recordOf(request, outcome, durationMs), 'request');
  if (requests?.watched === true) requests.finished(recordOf(request, outcome, durationMs));
}

function recordOf(request: GatewayRequest, outcome: Outcome, durationMs: number): RequestRecord {
  const { method, host, path, model, served, rule, backend } = request;
  return {
    time: new Date(Date.now() - durationMs).toISOString(),
    gateway: served.gateway?.key,
    method,
    host,
    path,
    model,
    rule: rule?.id,
    backend: backend?.id,
    endpoint: outcome.endpoint,
    status: outcome.status,
    attempts: outcome.attempts,
    durationMs: Math.round(durationMs * 1000) / 1000,
  };
}
