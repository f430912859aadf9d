import type { GatewayRequest } from './request.ts';

/** What served the request, for a client that asks with `x-headgate-debug: true` where the data plane allows it. */
export function debugHeaders(request: GatewayRequest, endpoint: string | undefined, headers: string[]): void {
  if (!request.context.debugHeaders || request.exchange.header('x-headgate-debug') !== 'true') return;
  const { served, rule, backend } = request;
  headers.push('x-headgate-table', String(served.table.table.generation));
  if (rule !== undefined) headers.push('x-headgate-route', rule.id);
  if (backend !== undefined) headers.push('x-headgate-backend', backend.id);
  if (endpoint !== undefined) headers.push('x-headgate-endpoint', endpoint);
}
