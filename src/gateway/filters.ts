/** What the filters of a rule or backend do to a request (gatewayapi.md 8). */
import type { PathRewrite, RouteFilter } from '../routes/table.ts';
import type { Exchange } from './exchange.ts';
import { modifyHeaders, type HeaderModifier } from './headers.ts';

/** A request on its way upstream; filters change it. */
export interface OutgoingRequest {
  headers: string[];
  path: string;
  /** With its leading `?`, or empty. */
  search: string;
  /** The Host header. */
  host: string;
  /** The chosen backend's own host takes the place of `host`. */
  backendHost: boolean;
  responseModifiers: HeaderModifier[] | undefined;
}

export interface LocalReply {
  readonly status: number;
  readonly contentType?: string;
  readonly location?: string;
  readonly body: string;
}

/** Applies filters in order. A returned reply ends the request here. `port` is the listener's declared one. */
export function applyFilters(
  filters: readonly RouteFilter[],
  request: OutgoingRequest,
  exchange: Exchange,
  port: number,
): LocalReply | undefined {
  for (const filter of filters) {
    switch (filter.type) {
      case 'RequestHeaderModifier':
        modifyHeaders(request.headers, filter);
        break;
      case 'ResponseHeaderModifier':
        request.responseModifiers = [...(request.responseModifiers ?? []), filter];
        break;
      case 'URLRewrite':
        if (filter.hostname !== undefined) request.host = filter.hostname;
        if (filter.path !== undefined) request.path = rewritePath(request.path, filter.path);
        break;
      case 'BackendHostRewrite':
        request.backendHost = true;
        break;
      case 'RequestRedirect':
        return { status: filter.statusCode, location: redirectLocation(filter, exchange, port), body: '' };
      case 'DirectResponse':
        return { status: filter.statusCode, contentType: filter.contentType ?? 'text/plain', body: filter.body };
      case 'Invalid':
        return {
          status: 500,
          contentType: 'text/plain',
          body: `a filter of this route is not usable: ${filter.message}`,
        };
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
