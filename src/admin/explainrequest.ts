/** Says where a request would go and why: the route, its backends, and for pools the scores of every endpoint (design rule 9). */
import { isIP } from 'node:net';
import { readLlmBody } from '../llm/body.ts';
import { findLlmEndpoint, type LlmEndpoint } from '../llm/endpoints.ts';
import { boundaryOf, FormScan } from '../llm/form.ts';
import { JsonScan } from '../llm/scan.ts';
import type { Picker, PickRequest } from '../picker/picker.ts';
import { takesEverything } from '../routes/everything.ts';
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
      const model = listener.readsModel && 'model' in read ? read.model : undefined;
      const { method, path, query, header } = incoming;
      const { candidates, matched } = explainRoute([listener], { host, path, query, method, model, header });
      const answer = ownAnswer(
        gateway,
        { api, read: listener.readsModel ? read : { model }, rule: matched?.rule },
        sources,
      );
      if (answer !== undefined) {
        return { ...place, answer, answered: !answer.startsWith('4'), tried: candidates, backends: [] };
      }
      return { ...place, ...explainRule(matched?.rule, candidates, pickRequest(incoming, model), sources) };
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

/** The model as the gateway reads it; undefined for requests that have none. */
function modelOf({ body, scan, header }: Incoming, api: LlmEndpoint | undefined): ModelRead {
  if (api?.model === 'none') return { model: undefined };
  const type = header('content-type');
  if (api?.model === 'form') return formModel(body, type);
  if (api === undefined && !/^[^;]*[/+]json\b/i.test(type ?? '')) return { model: undefined };
  if (boundaryOf(type) !== undefined) return { error: 'multipart body not supported for this endpoint' };
  const read =
    scan.error === undefined ? readLlmBody(body, scan) : { error: `the body is no JSON object: ${scan.error}` };
  if (api === undefined) return { model: 'error' in read || read.model === '' ? undefined : read.model };
  if ('error' in read) return read;
  if (read.model === '' && api.model === 'required') return { error: 'model field is required' };
  return { model: read.model };
}

function formModel(body: Buffer, type: string | undefined): ModelRead {
  const boundary = boundaryOf(type);
  if (boundary === undefined) return { error: 'expected multipart/form-data content type with a boundary' };
  const form = new FormScan(boundary);
  form.push(body);
  form.finish();
  const model = form.fields.get('model')?.value ?? '';
  if (form.error !== undefined) return { error: form.error };
  return model === '' ? { error: "missing required field 'model'" } : { model };
}

interface Found {
  readonly api: LlmEndpoint | undefined;
  readonly read: ModelRead;
  readonly rule: RouteRule | undefined;
}

/** What the gateway says instead of following a rule: the models there are, or that a rule wants a model and there is none to be had. */
function ownAnswer(gateway: LinkedGateway, { api, read, rule }: Found, { table }: ExplainSources): string | undefined {
  if (api?.model === 'none') {
    const route = rule && table().routes.get(`${rule.route.namespace}/${rule.route.name}`);
    const own = rule === undefined || rule.kind === 'llm' || takesEverything(rule, route);
    return own && (rule?.kind === 'llm' || gateway.models.all.length > 0) ? '200, the models there are' : undefined;
  }
  const wanted = rule === undefined || rule.kind === 'llm';
  return wanted && 'error' in read ? `400, ${read.error}` : undefined;
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

function explainRule(
  rule: RouteRule | undefined,
  candidates: ListenerExplanation['tried'],
  request: PickRequest,
  sources: ExplainSources,
): Pick<ListenerExplanation, 'rule' | 'answer' | 'answered' | 'tried' | 'backends'> {
  if (rule === undefined) {
    const answer = '404, no route of this listener takes it';
    return { answer, answered: false, tried: candidates, backends: [] };
  }
  const answer = ruleAnswer(rule);
  const backends = rule.tiers.flatMap((tier) =>
    tier.backends.map((backend) => explainBackend(backend, tier, request, sources)),
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
