/** What the filters of a rule or backend do to a request (gatewayapi.md 8). */
import type { PathRewrite, RouteFilter } from '../routes/table.ts';
import { answer, declared, type Answer } from './answers.ts';
import type { Exchange } from './exchange.ts';
import { modifyHeaders } from './headers.ts';
import type { OutgoingRequest } from './request.ts';

/** Applies filters of requests in order; those of answers are another step. A returned answer ends the request here. `port` is the listener's declared one. */
export function applyFilters(
  filters: readonly RouteFilter[],
  request: OutgoingRequest,
  exchange: Exchange,
  port: number,
): Answer | undefined {
  for (const filter of filters) {
    switch (filter.type) {
      case 'RequestHeaderModifier':
        modifyHeaders(request.headers, filter);
        break;
      case 'ResponseHeaderModifier':
        break;
      case 'URLRewrite':
        if (filter.hostname !== undefined) request.host = filter.hostname;
        if (filter.path !== undefined) request.path = rewritePath(request.path, filter.path);
        break;
      case 'BackendHostRewrite':
        request.backendHost = true;
        break;
      case 'RequestRedirect':
        return declared(filter.statusCode, ['location', redirectLocation(filter, exchange, port)], '');
      case 'DirectResponse':
        return declared(filter.statusCode, ['content-type', filter.contentType ?? 'text/plain'], filter.body);
      case 'Invalid':
        return answer('filter_unusable', { problem: filter.message });
    }
  }
  return undefined;
}

/** gatewayapi.md 8.3. The path is raw and has no query. */
export function rewritePath(path: string, rewrite: PathRewrite): string {
  if (rewrite.type === 'ReplaceFullPath') return rewrite.value.startsWith('/') ? rewrite.value : `/${rewrite.value}`;
  const rest = path.slice(withoutTrailingSlash(rewrite.prefix).length);
  const rewritten = withoutTrailingSlash(rewrite.value) + rest;
  return rewritten.startsWith('/') ? rewritten : `/${rewritten}`;
}

function withoutTrailingSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

/** gatewayapi.md 8.2. */
export function redirectLocation(
  filter: Extract<RouteFilter, { type: 'RequestRedirect' }>,
  exchange: Pick<Exchange, 'scheme' | 'host' | 'path' | 'search'>,
  listenerPort: number,
): string {
  const scheme = filter.scheme ?? exchange.scheme;
  const wellKnown = scheme === 'https' ? 443 : 80;
  const port = filter.port ?? (filter.scheme === undefined ? listenerPort : wellKnown);
  const host = filter.hostname ?? exchange.host;
  const path = filter.path === undefined ? exchange.path : rewritePath(exchange.path, filter.path);
  return `${scheme}://${host}${port === wellKnown ? '' : `:${port}`}${path}${exchange.search}`;
}
