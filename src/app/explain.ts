/** Says where a request would go and why: the route, its backends, and for pools the scores of every endpoint (design rule 9). */
import { JsonScan } from '../llm/scan.ts';
import type { Picker, PickRequest } from '../picker/picker.ts';
import type { PickExplanation } from '../picker/trace.ts';
import { explainRoute, type ExplainedMatch } from '../routing/match.ts';
import type { GatewayTable, ListenerTable, RouteRule, RouteTable, Tier, WeightedBackend } from '../routing/table.ts';

export interface ExplainedRequest {
  readonly model: string;
  readonly prompt: string;
}

export interface RequestExplanation {
  readonly model: string;
  /** As the request would be sent. */
  readonly path: string;
  readonly listeners: readonly ListenerExplanation[];
}

export interface ListenerExplanation {
  /** `namespace/name` */
  readonly gateway: string;
  readonly listener: string;
  readonly port: number;
  readonly host: string;
  /** RouteRule.id; absent: no rule takes the request, the answer is 404. */
  readonly rule?: string;
  /** What the rule answers itself, without a backend. */
  readonly answer?: string;
  /** Matches in order of precedence, up to the one that fits. */
  readonly tried: readonly ExplainedMatch[];
  readonly backends: readonly BackendExplanation[];
}

export interface BackendExplanation {
  readonly id: string;
  readonly target: string;
  readonly priority: number;
  /** Of the requests that reach this priority, 0..1. */
  readonly share: number;
  readonly endpoints: readonly { readonly key: string; readonly pod?: string }[];
  /** Why it cannot be used, or who decides. */
  readonly note?: string;
  readonly pick?: PickExplanation;
}

const path = '/v1/chat/completions';

export function explainRequest(
  table: RouteTable,
  picker: Pick<Picker, 'explain'>,
  request: ExplainedRequest,
): RequestExplanation {
  const { model } = request;
  const asked = chatRequest(request);
  const listeners = [...table.gateways.values()].flatMap((gateway) =>
    gateway.listeners.map((listener) => explainListener(gateway, listener, asked, picker)),
  );
  return { model, path, listeners };
}

function explainListener(
  { key }: GatewayTable,
  listener: ListenerTable,
  request: PickRequest,
  picker: Pick<Picker, 'explain'>,
): ListenerExplanation {
  const host = listener.hostname?.replace('*', 'any') ?? 'localhost';
  const { candidates, matched } = explainRoute([listener], {
    host,
    path,
    query: '',
    method: 'POST',
    model: listener.readsModel ? request.model : undefined,
    header: (name) => request.header(name),
  });
  const place = { gateway: key, listener: listener.name, port: listener.port, host };
  if (matched === undefined) return { ...place, tried: candidates, backends: [] };
  const { id, tiers } = matched.rule;
  const backends = tiers.flatMap((tier) =>
    tier.backends.map((backend) => explainBackend(backend, tier, request, picker)),
  );
  const answer = ownAnswer(matched.rule);
  return { ...place, rule: id, ...(answer === undefined ? {} : { answer }), tried: candidates, backends };
}

/** What a rule answers without asking a backend; undefined when one is asked. */
function ownAnswer({ filters, tiers }: RouteRule): string | undefined {
  for (const filter of filters) {
    if (filter.type === 'DirectResponse') return `${filter.statusCode} ${filter.body}`.trim();
    if (filter.type === 'RequestRedirect') return `${filter.statusCode}, a redirect`;
    if (filter.type === 'Invalid') return `500 ${filter.message}`;
  }
  return tiers.some(({ totalWeight }) => totalWeight > 0) ? undefined : '500, there is no backend to choose';
}

function explainBackend(
  { id, weight, target }: WeightedBackend,
  { priority, totalWeight }: Tier,
  request: PickRequest,
  picker: Pick<Picker, 'explain'>,
): BackendExplanation {
  const share = totalWeight === 0 ? 0 : weight / totalWeight;
  const facts = { id, priority, share };
  if (target.type === 'invalid') return { ...facts, target: id, endpoints: [], note: target.message };
  const endpoints = target.endpoints.map(({ key, pod }) => (pod === undefined ? { key } : { key, pod }));
  if (target.type === 'endpoints') return { ...facts, target: target.key, endpoints };
  const pool = { ...facts, target: `InferencePool ${target.key}`, endpoints };
  const decides = target.picker?.type ?? 'inProcess';
  if (decides === 'extProc') {
    return { ...pool, note: 'an endpoint picker outside of Headgate decides, asked over ext_proc' };
  }
  if (target.picker?.type === 'none') {
    return { ...pool, note: `no endpoint picker (${target.picker.reason}): ${target.failureMode}` };
  }
  const pick = picker.explain(target.key, request);
  return pick === undefined ? { ...pool, note: 'the endpoint picker does not know this pool yet' } : { ...pool, pick };
}

/** The request as common clients send it: prompts are known by the bytes of `messages`. */
function chatRequest({ model, prompt }: ExplainedRequest): PickRequest {
  const bytes = Buffer.from(JSON.stringify({ model, messages: [{ role: 'user', content: prompt }] }));
  const scan = new JsonScan();
  scan.push(bytes);
  scan.finish();
  return { model, header: () => undefined, scannedBody: () => ({ path, bytes, scan }) };
}
