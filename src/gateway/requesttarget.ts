/** The request line and the Host header, taken apart and held against what servers agree on. */
import type { IncomingMessage } from 'node:http';
import { answer, type Answer } from './answers.ts';
import type { NormalizedPath } from './path.ts';
import type { ServerLimits } from './serverlimits.ts';

export interface Target {
  readonly authority: string;
  readonly path: string;
  readonly search: string;
}

/** Splits an origin-form or absolute-form target; the authority of the latter takes the place of the Host header (RFC 9112 3.2.2). */
export function splitTarget(url: string, hostHeader: string): Target {
  let authority = hostHeader;
  let rest = url;
  if (url.charCodeAt(0) !== 0x2f) {
    const scheme = /^https?:\/\//i.exec(url);
    if (scheme !== null) {
      const from = scheme[0].length;
      const end = url.slice(from).search(/[/?]/);
      authority = end < 0 ? url.slice(from) : url.slice(from, from + end);
      rest = end < 0 ? '/' : url.slice(from + end);
      if (rest.startsWith('?')) rest = `/${rest}`;
    }
  }
  const query = rest.indexOf('?');
  return query < 0
    ? { authority, path: rest, search: '' }
    : { authority, path: rest.slice(0, query), search: rest.slice(query) };
}

export function hostOf(authority: string): string {
  if (authority.startsWith('[')) return authority.slice(0, authority.indexOf(']') + 1).toLowerCase();
  const port = authority.indexOf(':');
  return (port < 0 ? authority : authority.slice(0, port)).toLowerCase();
}

/** Host and port (RFC 3986 3.2.2), without user information; empty where HTTP/1.0 has none. */
const authorityShape = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?$/i;

/** What is wrong with the head of a request, before anybody looks at what it asks for. */
export function refuse(
  request: IncomingMessage,
  { path, authority }: Target,
  limits: ServerLimits,
): Answer | undefined {
  const { rawHeaders } = request;
  if (rawHeaders.length > limits.maxHeaders * 2) {
    return answer('too_many_headers', { limit: limits.maxHeaders });
  }
  const { httpVersion } = request;
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return answer('http_version_unsupported');
  if (path.charCodeAt(0) !== 0x2f) return answer('request_target_invalid');
  // Servers differ in whether a fragment is part of the path: no route should be chosen by what a backend may not see.
  if (request.url?.includes('#') === true) return answer('request_target_fragment');
  const absolute = request.url?.charCodeAt(0) !== 0x2f;
  if (!authorityShape.test(authority) || (absolute && authority === '')) return answer('host_invalid');
  const coding = request.headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    return answer('transfer_encoding_unsupported');
  }
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    // Two Host headers are how one request is made to look like two to different servers.
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  if (hosts === 0 && httpVersion === '1.1') return answer('host_missing');
  return hosts > 1 ? answer('host_repeated') : undefined;
}

/** Of the two ways to read the path the client has to choose one (Envoy Gateway: UnescapeAndRedirect). */
export function redirected(normalized: NormalizedPath, { search }: Target): Answer | undefined {
  if ('path' in normalized) return undefined;
  return answer('path_escaped_slashes', {}, ['location', `${normalized.redirect}${search}`]);
}
