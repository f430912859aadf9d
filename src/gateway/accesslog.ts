/** Access logs in Envoy's formats: what an EnvoyProxy of a Gateway asks for, written to the process's output. */
import { parseCondition, partsOf, type AccessLog, type FormatPart, type WriteLine } from '../routes/accesslog.ts';
import type { GatewayRequest } from './request.ts';
import type { Outcome } from './requestrecord.ts';

type Render = (request: GatewayRequest, outcome: Outcome, durationMs: number) => string;
type Writer = (request: GatewayRequest, outcome: Outcome, durationMs: number, write: WriteLine) => void;

const known = new WeakMap<AccessLog, Writer>();

export function writeAccessLogs(
  logs: readonly AccessLog[],
  request: GatewayRequest,
  outcome: Outcome,
  durationMs: number,
  write: WriteLine,
): void {
  for (const log of logs) {
    let writer = known.get(log);
    if (writer === undefined) known.set(log, (writer = writerOf(log)));
    writer(request, outcome, durationMs, write);
  }
}

function writerOf({ path, format, when }: AccessLog): Writer {
  const conditions = when.map(conditionOf);
  const line = format.type === 'text' ? textOf(format.text) : jsonOf(format.fields);
  return (request, outcome, durationMs, write) => {
    if (conditions.every((holds) => holds(request, outcome))) write(path, line(request, outcome, durationMs));
  };
}

function textOf(format: string): Render {
  // Whoever writes a format ends its lines; here each line has its end.
  const parts = partsOf(format.replace(/\n$/, ''));
  return (request, outcome, durationMs) =>
    parts.map((part) => asLine(valueOf(part, request, outcome, durationMs))).join('');
}

function jsonOf(fields: Readonly<Record<string, string>>): Render {
  const parsed = Object.entries(fields).map(([name, format]) => [name, partsOf(format)] as const);
  return (request, outcome, durationMs) =>
    JSON.stringify(
      Object.fromEntries(
        parsed.map(([name, parts]) => {
          const values = parts.map((part) => valueOf(part, request, outcome, durationMs));
          // A field that is one operator keeps its type, as with Envoy.
          return [name, values.length === 1 ? (values[0] ?? null) : values.map((value) => value ?? '-').join('')];
        }),
      ),
    );
}

/** Clients choose what is in headers: a line stays a line. */
const asLine = (value: string | number | undefined): string => String(value ?? '-').replaceAll(/[\r\n]/g, ' ');

function valueOf(
  part: FormatPart,
  request: GatewayRequest,
  { status, endpoint, attempts }: Outcome,
  durationMs: number,
): string | number | undefined {
  if (typeof part === 'string') return part;
  const { exchange, rule, backend } = request;
  switch (part.operator) {
    case 'START_TIME':
      return new Date(Date.now() - durationMs).toISOString();
    case 'REQ':
      return headerOf(request, part.argument)?.slice(0, part.longest);
    case 'PROTOCOL':
      return 'HTTP/1.1';
    case 'RESPONSE_CODE':
      return status;
    case 'DURATION':
      return Math.round(durationMs);
    case 'UPSTREAM_HOST':
      return endpoint;
    case 'UPSTREAM_CLUSTER':
      return backend?.id;
    case 'ROUTE_NAME':
      return rule?.id;
    case 'DOWNSTREAM_REMOTE_ADDRESS':
    case 'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT':
      return exchange.remoteAddress;
    case 'UPSTREAM_REQUEST_ATTEMPT_COUNT':
      return attempts;
    default:
      return undefined;
  }
}

/** Headers that carry credentials, also those that clients bring for backends (aigateway.md 7.6). */
const secret =
  /^(authorization|proxy-authorization|cookie|api-key|x-api-key|x-goog-api-key|x-amz-security-token|x-aigw-.*)$/;

/** The first that is there of names with `?` between; `:path` and the like are parts of the request line. */
function headerOf(request: GatewayRequest, names: string): string | undefined {
  for (const given of names.toLowerCase().split('?')) {
    const value = oneHeader(request, given);
    if (value !== undefined) return secret.test(given) ? '[REDACTED]' : value;
  }
  return undefined;
}

function oneHeader({ exchange, model, path }: GatewayRequest, name: string): string | undefined {
  switch (name) {
    case ':method':
      return exchange.method;
    case ':path':
    case 'x-envoy-original-path':
    case 'x-ai-eg-original-path':
      // The query may hold keys.
      return path;
    case ':authority':
      return exchange.authority;
    case 'x-ai-eg-model':
      return model;
    default:
      return exchange.header(name);
  }
}

/** An expression that asks for what the request has not is false. */
function conditionOf(text: string): (request: GatewayRequest, outcome: Outcome) => boolean {
  const evaluate = parseCondition(text);
  if (evaluate === undefined) return () => false;
  return (request, { status }) => {
    const { exchange, model, path } = request;
    const headers: Record<string, string> = {};
    for (let at = 0; at + 1 < exchange.rawHeaders.length; at += 2) {
      const name = exchange.rawHeaders[at]?.toLowerCase() ?? '';
      headers[name] = exchange.header(name) ?? '';
    }
    delete headers['x-ai-eg-model'];
    if (model !== undefined) headers['x-ai-eg-model'] = model;
    const { method, host } = exchange;
    try {
      return evaluate({ request: { headers, method, host, path }, response: { code: BigInt(status) } }) === true;
    } catch {
      return false;
    }
  };
}
