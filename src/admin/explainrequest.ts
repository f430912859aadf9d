/** Says where a request would go and why: the route, its backends, and for pools the scores of every endpoint (design rule 9). */
import { isIP } from 'node:net';
import { readLlmBody } from '../llm/body.ts';
import { findLlmEndpoint, type LlmEndpoint } from '../llm/endpoints.ts';
import { JsonScan } from '../llm/scan.ts';
import type { Picker, PickRequest } from '../picker/picker.ts';
import { resolveTarget, type LinkedGateway, type LinkedListener, type LinkedTable } from '../routes/index.ts';
import { explainRoute, hostOf, selectListener } from '../routes/match.ts';
import type { RouteRule, Tier, WeightedBackend } from '../routes/table.ts';
import type { BackendExplanation, ListenerExplanation, RequestExplanation } from './explanations.ts';
import type { AskedRequest } from './resources.ts';

export interface ExplainSources {
  readonly table: () => LinkedTable;
  readonly picker: Pick<Picker, 'explain'>;
  /** `http://address:port` where a listener is really open; undefined: nowhere. */
  readonly originOf: (gateway: string, listener: LinkedListener) => string | undefined;
}

/** The request as it comes in, taken apart. */
interface Incoming {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** Of the Host header or the URL; undefined: each listener is asked for a name of its own. */
  readonly host: string | undefined;
  /** Of an absolute URL. */
  readonly origin: string | undefined;
  readonly body: Buffer;
  readonly scan: JsonScan;
  readonly header: (name: string) => string | undefined;
}

/** @throws Error for a URL that is none */
export function explainRequest(sources: ExplainSources, asked: AskedRequest): RequestExplanation {
  const incoming = readRequest(asked);
  const api = findLlmEndpoint(incoming.method, incoming.path);
  const read = modelOf(incoming, api);
  const listeners = [...sources.table().gateways.values()].flatMap((gateway) =>
    listenersOf(gateway, incoming, sources).map(({ listener, host }) => {
      const place = { gateway: gateway.key, listener: listener.name, port: listener.port, host };
      const answer = listener.readsModel ? ownAnswer(gateway, api, read) : undefined;
      if (answer !== undefined) return { ...place, answer, answered: !answer.startsWith('4'), tried: [], backends: [] };
      const model = listener.readsModel && 'model' in read ? read.model : undefined;
      return { ...place, ...explainListener(listener, host, incoming, model, sources) };
    }),
  );
  const { method, path } = incoming;
  return { method, path, ...('model' in read && read.model !== undefined ? { model: read.model } : {}), listeners };
}

function readRequest({ method, url, headers, body }: AskedRequest): Incoming {
  const [, scheme, authority, target = ''] = /^(?:(https?):\/\/([^/?#]+))?([/?#].*)?$/i.exec(url) ?? [];
  if (authority === undefined && !url.startsWith('/')) {
    throw new Error(`"${url}" is no URL: use http://host/path, or a path that begins with /`);
  }
  const [path = '/', query = ''] = (target.startsWith('/') ? target : `/${target}`)
    .split('#', 1)
    .join('')
    .split('?', 2);
  const header = (name: string): string | undefined => {
    const values = headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
    return values.length === 0 ? undefined : values.join(',');
  };
  const bytes = Buffer.from(body);
  const scan = new JsonScan();
  scan.push(bytes);
  scan.finish();
  return {
    method: method.toUpperCase(),
    path,
    query,
    host: header('host') ?? authority,
    origin: scheme === undefined || authority === undefined ? undefined : new URL(`${scheme}://${authority}`).origin,
    body: bytes,
    scan,
    header,
  };
}

type ModelRead = { readonly model: string | undefined } | { readonly error: string };

/** The model as the gateway reads it; undefined for requests that it does not look into. */
function modelOf({ body, scan, header }: Incoming, api: LlmEndpoint | undefined): ModelRead {
  if (api === undefined || api.model === 'none' || api.model === 'form') return { model: undefined };
  if (header('content-type')?.startsWith('multipart/') === true) return { model: undefined };
  if (scan.error !== undefined) return { error: `the body is no JSON object: ${scan.error}` };
  const read = readLlmBody(body, scan);
  if ('error' in read) return read;
  if (read.model === '' && api.model === 'required') return { error: 'model field is required' };
  return { model: read.model };
}

/** What the gateway says before it looks for a route. */
function ownAnswer(gateway: LinkedGateway, api: LlmEndpoint | undefined, read: ModelRead): string | undefined {
  if ('error' in read) return `400, ${read.error}`;
  return api?.model === 'none' && gateway.models.all.length > 0 ? '200, the models there are' : undefined;
}

/** The listeners that would be asked, each with the host that it is asked for. */
function listenersOf(
  gateway: LinkedGateway,
  { host, origin }: Incoming,
  { originOf }: ExplainSources,
): { listener: LinkedListener; host: string }[] {
  if (host === undefined) {
    return gateway.listeners.map((listener) => ({
      listener,
      host: listener.hostname?.replace('*', 'any') ?? 'localhost',
    }));
  }
  const ports = [...new Set(gateway.listeners.map(({ port }) => port))];
  return ports.flatMap((port) => {
    const socket = gateway.listeners.filter((listener) => listener.port === port);
    // A name may lead to any Gateway; an address is that of one.
    const address = origin !== undefined && isIP(new URL(origin).hostname.replace(/^\[|\]$/g, '')) !== 0;
    if (address && !socket.some((listener) => originOf(gateway.key, listener) === origin)) return [];
    const name = hostOf(host);
    const listener = selectListener(socket, name);
    return listener === undefined ? [] : [{ listener, host: name }];
  });
}

function explainListener(
  listener: LinkedListener,
  host: string,
  incoming: Incoming,
  model: string | undefined,
  sources: ExplainSources,
): Pick<ListenerExplanation, 'rule' | 'answer' | 'answered' | 'tried' | 'backends'> {
  const { method, path, query, header } = incoming;
  const { candidates, matched } = explainRoute([listener], { host, path, query, method, model, header });
  if (matched === undefined) {
    const answer = '404, no route of this listener takes it';
    return { answer, answered: false, tried: candidates, backends: [] };
  }
  const { rule } = matched;
  const answer = ruleAnswer(rule);
  const backends = rule.tiers.flatMap((tier) =>
    tier.backends.map((backend) => explainBackend(backend, tier, pickRequest(incoming, model), sources)),
  );
  return {
    rule: rule.id,
    ...(answer === undefined ? {} : { answer: answer.text }),
    answered: answer?.good ?? backends.some(({ usable, share }) => usable && share > 0),
    tried: candidates,
    backends,
  };
}

/** What a rule answers without asking a backend; undefined when one is asked. */
function ruleAnswer({ filters, tiers }: RouteRule): { readonly text: string; readonly good: boolean } | undefined {
  for (const filter of filters) {
    if (filter.type === 'DirectResponse') {
      // Generated routes answer what no rule takes with 404.
      return { text: `${filter.statusCode} ${filter.body}`.trim(), good: filter.statusCode < 400 };
    }
    if (filter.type === 'RequestRedirect') return { text: `${filter.statusCode}, a redirect`, good: true };
    if (filter.type === 'Invalid') return { text: `500 ${filter.message}`, good: false };
  }
  const some = tiers.some(({ totalWeight }) => totalWeight > 0);
  return some ? undefined : { text: '500, there is no backend to choose', good: false };
}

function explainBackend(
  { id, weight, target: declared }: WeightedBackend,
  { priority, totalWeight }: Tier,
  request: PickRequest,
  { table, picker }: ExplainSources,
): BackendExplanation {
  const target = resolveTarget(table(), declared);
  const share = totalWeight === 0 ? 0 : weight / totalWeight;
  const facts = { id, priority, share };
  if (target.type === 'invalid') return { ...facts, target: id, endpoints: [], usable: false, note: target.message };
  const endpoints = target.endpoints.map(({ key, pod }) => (pod === undefined ? { key } : { key, pod }));
  const some = endpoints.length > 0;
  if (target.type === 'endpoints') return { ...facts, target: target.key, endpoints, usable: some };
  const pool = { ...facts, target: `InferencePool ${target.key}`, endpoints };
  const decides = target.picker?.type ?? 'inProcess';
  if (decides === 'extProc') {
    const note = 'an endpoint picker outside of Headgate decides, asked over ext_proc';
    return { ...pool, usable: some, note };
  }
  if (target.picker?.type === 'none') {
    const note = `no endpoint picker (${target.picker.reason}): ${target.failureMode}`;
    return { ...pool, usable: some && target.failureMode === 'FailOpen', note };
  }
  const pick = picker.explain(target.key, request);
  if (pick === undefined) return { ...pool, usable: false, note: 'the endpoint picker does not know this pool yet' };
  return { ...pool, usable: pick.obstacle === undefined && pick.picked.length > 0, pick };
}

/** Prompts are known by the bytes of the body. */
function pickRequest({ path, body, scan, header }: Incoming, model: string | undefined): PickRequest {
  return {
    model,
    header,
    scannedBody: () => (scan.complete ? { path, bytes: body, scan } : undefined),
  };
}
