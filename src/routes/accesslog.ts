import { Environment, type ParseResult } from '@marcbachmann/cel-js';

/** An access log of a Gateway, in the words of Envoy's format strings (EnvoyProxy telemetry.accessLog). */
export interface AccessLog {
  readonly path: '/dev/stdout' | '/dev/stderr';
  /** A line, or fields of a JSON object; `%...%` stands for what is known of the request. */
  readonly format: AccessLogFormat;
  /** CEL expressions; a request is written when all of them are true. */
  readonly when: readonly string[];
}

/** Takes a line, without its end. */
export type WriteLine = (path: AccessLog['path'], line: string) => void;

export type AccessLogFormat =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'json'; readonly fields: Readonly<Record<string, string>> };

/** One part of a format: text as it is, or an operator with what stands in its parentheses. */
export type FormatPart = string | { readonly operator: string; readonly argument: string; readonly longest?: number };

const operators = /%(?<operator>[A-Z_]+)(?:\((?<argument>[^)]*)\))?(?::(?<longest>\d+))?%/g;

/** `%REQ(X-A?X-B):8%` is the first of the two headers that is there, cut to 8 characters. */
export function partsOf(format: string): FormatPart[] {
  const parts: FormatPart[] = [];
  let at = 0;
  for (const match of format.matchAll(operators)) {
    if (match.index > at) parts.push(format.slice(at, match.index));
    const { operator = '', argument = '', longest } = match.groups ?? {};
    parts.push({ operator, argument, ...(longest === undefined ? {} : { longest: Number(longest) }) });
    at = match.index + match[0].length;
  }
  if (at < format.length) parts.push(format.slice(at));
  return parts;
}

/** The operators that say something here; of others only a `-` is written. */
export const knownOperators: ReadonlySet<string> = new Set([
  'START_TIME',
  'REQ',
  'PROTOCOL',
  'RESPONSE_CODE',
  'DURATION',
  'UPSTREAM_HOST',
  'UPSTREAM_CLUSTER',
  'ROUTE_NAME',
  'DOWNSTREAM_REMOTE_ADDRESS',
  'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT',
  'UPSTREAM_REQUEST_ATTEMPT_COUNT',
]);

const environment = new Environment().registerVariable('request', 'dyn').registerVariable('response', 'dyn');

/** A CEL expression over `request` (headers, method, host, path) and `response` (code); undefined: it is none. */
export function parseCondition(text: string): ParseResult | undefined {
  try {
    return environment.parse(text);
  } catch {
    return undefined;
  }
}
