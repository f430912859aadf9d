/** Builds what one attempt sends to one endpoint: the upstream phase of aigateway.md 3.3, always from the client's own request. */
import { openAiUpstreamPath, type LlmEndpoint } from '../llm/endpoints.ts';
import { mutateFields, replaceModel } from '../llm/splice.ts';
import type { HeaderMutation, LlmBackend } from '../routes/table.ts';
import type { Log } from '../telemetry/log.ts';
import type { UpstreamRequest } from './attempt.ts';
import type { Exchange } from './exchange.ts';
import { applyFilters, type LocalReply, type OutgoingRequest } from './filters.ts';
import { modifyHeaders } from './headers.ts';
import type { PickChanges } from './poolchoice.ts';
import type { Place } from './failover.ts';
import { BufferedBody, type StreamedBody } from './requestbody.ts';

export interface ClientRequest {
  readonly exchange: Exchange;
  /** Declared port of the listener. */
  readonly port: number;
  readonly api: LlmEndpoint | undefined;
  readonly body: BufferedBody | StreamedBody | undefined;
}

/** The backend cannot be asked this. */
export type Unsendable = { readonly reply: LocalReply } | { readonly error: string };

export function isUnsendable(result: UpstreamRequest | Unsendable): result is Unsendable {
  return 'reply' in result || 'error' in result;
}

/** `prepared` is the request after the rule's filters; it is not changed, as another attempt may begin from it. */
export function buildUpstreamRequest(
  client: ClientRequest,
  prepared: OutgoingRequest,
  { backend, target, endpoint, changes }: Place,
  log: Log,
): UpstreamRequest | Unsendable {
  const { llm } = backend;
  const request: OutgoingRequest = { ...prepared, headers: prepared.headers.slice() };
  if (backend.filters.length > 0) {
    const reply = applyFilters(backend.filters, request, client.exchange, client.port);
    if (reply !== undefined) return { reply };
  }
  const targetHost = target.type === 'endpoints' ? target.host : undefined;
  if (request.backendHost && targetHost !== undefined) request.host = targetHost;
  if (changes !== undefined) modifyHeaders(request.headers, changes.headers);
  if (target.type === 'pool') request.headers.push('x-gateway-destination-endpoint', endpoint.key);
  let body = client.body instanceof BufferedBody ? client.body.bytes() : client.body;
  if (llm !== undefined) {
    const path = translatePath(client.api, llm);
    if (path === undefined) {
      const { name } = llm.schema;
      return { error: `backend ${backend.id}: schema ${name} is not supported for ${client.exchange.path}` };
    }
    request.path = path;
    request.search = '';
    if (llm.headerMutation !== undefined) mutateHeaders(request.headers, llm.headerMutation);
    if (client.body instanceof BufferedBody) body = translateBody(client.body, llm, backend.id, log);
  } else if (body !== undefined && !Buffer.isBuffer(body) && client.exchange.contentLength !== undefined) {
    request.headers.push('content-length', String(client.exchange.contentLength));
  }
  if (changes !== undefined) body = pickedBody(client.body, body, changes);
  return {
    responseModifiers: request.responseModifiers,
    method: client.exchange.method,
    path: request.path + request.search,
    host: request.host,
    headers: request.headers,
    body,
    serverName:
      target.type === 'endpoints' && target.protocol === 'https' ? hostName(targetHost ?? endpoint.address) : undefined,
  };
}

/** The body as the picker of a pool wants it; mutations of the route do not apply to pools (aigateway.md 2.7). */
function pickedBody(
  client: ClientRequest['body'],
  body: Buffer | StreamedBody | undefined,
  { body: given, model }: PickChanges,
): Buffer | StreamedBody | undefined {
  if (given !== undefined) return given;
  if (model === undefined || !(client instanceof BufferedBody) || client.scan?.complete !== true) return body;
  return replaceModel(client.bytes(), client.scan, model);
}

/** Undefined: this backend has no such endpoint (aigateway.md 4.1). Only the OpenAI schema is spoken yet. */
function translatePath(api: LlmEndpoint | undefined, llm: LlmBackend): string | undefined {
  if (api === undefined || llm.schema.name !== 'OpenAI') return undefined;
  return openAiUpstreamPath(api, llm.schema.prefix);
}

/** Names that a mutation may not touch (aigateway.md 3.3 step 4). */
function isProtected(name: string): boolean {
  return name.startsWith(':') || name.startsWith('x-ai-eg-') || name === 'x-envoy-original-path';
}

function mutateHeaders(headers: string[], mutation: HeaderMutation): void {
  modifyHeaders(headers, {
    remove: mutation.remove.filter((name) => !isProtected(name)),
    set: mutation.set.filter(({ name }) => !isProtected(name)),
  });
}

function translateBody(client: BufferedBody, llm: LlmBackend, backend: string, log: Log): Buffer {
  let body = client.bytes();
  if (llm.modelNameOverride !== undefined && client.scan !== undefined) {
    body = replaceModel(body, client.scan, llm.modelNameOverride);
  }
  if (llm.bodyMutation === undefined) return body;
  const mutated = mutateFields(body, llm.bodyMutation);
  if (mutated === undefined) log.warn({ backend }, 'body mutation ignored: the body is not a JSON object');
  return mutated ?? body;
}

function hostName(authority: string): string {
  const port = authority.lastIndexOf(':');
  return port > authority.lastIndexOf(']') ? authority.slice(0, port) : authority;
}
