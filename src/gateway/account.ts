/** What is written down of a request that has ended: metrics, the access log, and records for whoever watches. */
import { writeAccessLogs } from './accesslog.ts';
import type { GatewayRequest } from './request.ts';
import type { Outcome, RequestRecord } from './requestrecord.ts';

export function account(request: GatewayRequest, outcome: Outcome): void {
  const { context, rule, backend } = request;
  const { metrics, accessLog, requests, log } = context;
  const durationMs = context.now() - request.startedMs;
  metrics.inFlight -= 1;
  metrics.record(rule?.id ?? '', backend?.id ?? '', outcome.status, durationMs);
  const logs = request.served.gateway?.accessLogs;
  if (logs !== undefined && rule !== undefined) writeAccessLogs(logs, request, outcome, durationMs, context.writeLine);
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
