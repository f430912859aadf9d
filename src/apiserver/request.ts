import type { IncomingMessage, ServerResponse } from 'node:http';
import type { User } from './auth/user.ts';
import { sendJson } from './negotiation.ts';
import { decodeProtobuf } from './protobuf/decode.ts';
import { ApiError, badRequest, unsupportedMediaType } from './status.ts';
import { parseYamlBody } from './yamlbody.ts';

/** One request to the API, its path taken apart as kube-apiserver does (RequestInfo). */
export interface ApiRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  /** `/api/v1/...` or `/apis/<group>/<version>/...`; absent for other paths. */
  resource: ResourcePath | undefined;
  user: User;
  raw: IncomingMessage;
  response: ServerResponse;
}

export interface ResourcePath {
  group: string;
  version: string;
  namespace: string | undefined;
  plural: string;
  name: string | undefined;
  subresource: string | undefined;
  /** What follows `/proxy`, as it was sent: a path on something else, empty or with a slash first. */
  proxyPath?: string;
}

export function parseRequest(raw: IncomingMessage, response: ServerResponse, user: User): ApiRequest {
  const { pathname, query } = targetOf(raw.url ?? '/');
  const { path, watch } = withoutWatch(pathname);
  if (watch) query.set('watch', 'true');
  return {
    method: raw.method ?? 'GET',
    path,
    query,
    resource: parseProxyPath(path) ?? parsePath(path),
    user,
    raw,
    response,
  };
}

/**
 * The path as it was sent: dots in it are never resolved, or `DELETE .../configmaps/%2e%2e` would be about the namespace. A target
 * may be a whole URL.
 */
function targetOf(target: string): { pathname: string; query: URLSearchParams } {
  const local = target.replace(/^https?:\/\/[^/?]*/i, '');
  const question = local.indexOf('?');
  const pathname = question < 0 ? local : local.slice(0, question);
  return { pathname, query: new URLSearchParams(question < 0 ? '' : local.slice(question + 1)) };
}

/** `/api/v1/watch/pods` is the old way to ask for `/api/v1/pods?watch=true`. */
function withoutWatch(path: string): { path: string; watch: boolean } {
  const groups = /^(?<version>\/api\/[^/]+|\/apis\/[^/]+\/[^/]+)\/watch(?<rest>\/.+)$/.exec(path)?.groups;
  if (groups === undefined) return { path, watch: false };
  return { path: `${groups['version']}${groups['rest']}`, watch: true };
}

/** Below `services/x/proxy` begins a path that is not ours to take apart: it may have dots, empty segments, anything. */
function parseProxyPath(path: string): ResourcePath | undefined {
  const found = /^(?<own>\/api\/v1\/(?:namespaces\/[^/]+\/(?:services|pods)|nodes)\/[^/]+\/proxy)(?<rest>\/.*)?$/s.exec(
    path,
  );
  const resource = found === null ? undefined : parsePath(found.groups?.['own'] ?? '');
  return resource && { ...resource, proxyPath: found?.groups?.['rest'] ?? '' };
}

function parsePath(path: string): ResourcePath | undefined {
  let parts: string[];
  try {
    parts = path
      .replace(/^\/+|\/+$/g, '')
      .split('/')
      .map(decodeURIComponent);
  } catch {
    throw badRequest('the request path is not valid percent-encoding');
  }
  const [root, ...rest] = parts;
  if (root !== 'api' && root !== 'apis') return undefined;
  if (parts.includes('')) return undefined;
  const [group, version, ...below] = root === 'api' ? ['', ...rest] : rest;
  const [first, namespaceName, next] = below;
  if (group === undefined || version === undefined || first === undefined) return undefined;
  // `namespaces/x/status` is the namespace itself, `namespaces/x/pods` something in it.
  const scoped = first === 'namespaces' && next !== undefined && next !== 'status' && next !== 'finalize';
  const [plural, name, ...sub] = scoped ? below.slice(2) : below;
  if (plural === undefined) return undefined;
  for (const segment of [name, scoped ? namespaceName : undefined]) checkSegment(segment);
  const subresource = sub.length === 0 ? undefined : sub.join('/');
  return { group, version, namespace: scoped ? namespaceName : undefined, plural, name, subresource };
}

/** A name that is no segment of a path cannot be that of an object (apimachinery IsValidPathSegmentName). */
function checkSegment(name: string | undefined): void {
  if (name === undefined) return;
  const why =
    name === '.' || name === '..'
      ? `may not be '${name}'`
      : ['/', '%']
          .filter((character) => name.includes(character))
          .map((character) => `may not contain '${character}'`)
          .join(';');
  if (why !== '') throw badRequest(`Name parameter invalid: ${JSON.stringify(name)}: ${why}`);
}

const maxBodyBytes = 3 * 1024 * 1024;

/** The whole body, bounded. */
export async function readBody({ raw }: ApiRequest): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of raw as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) {
      throw new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${maxBodyBytes}`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function contentTypeOf({ raw }: ApiRequest): string {
  return (raw.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** A body of JSON, YAML or, for built-in kinds, Kubernetes protobuf. */
export function parseBody(body: Buffer, contentType: string): unknown {
  if (contentType === 'application/vnd.kubernetes.protobuf') return decodeProtobuf(body);
  const text = body.toString('utf8');
  try {
    if (contentType === 'application/yaml' || contentType === 'application/apply-patch+yaml') {
      return parseYamlBody(text);
    }
    if (contentType !== '' && !contentType.endsWith('json')) {
      throw unsupportedMediaType(
        `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml`,
      );
    }
    const value: unknown = JSON.parse(text);
    return value;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw badRequest(`the body cannot be decoded: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** How the client wants to see objects. */
export type View = 'object' | 'table' | 'metadata';

export function viewOf({ raw }: ApiRequest): View {
  for (const part of (raw.headers.accept ?? '').split(',')) {
    const [type, ...params] = part.split(';').map((text) => text.trim());
    if (type !== 'application/json') continue;
    if (params.includes('g=meta.k8s.io') && !params.includes('v=v1')) continue;
    if (params.includes('as=Table')) return 'table';
    if (params.includes('as=PartialObjectMetadata') || params.includes('as=PartialObjectMetadataList'))
      return 'metadata';
    return 'object';
  }
  return 'object';
}

export function respondJson(request: ApiRequest, code: number, body: unknown): void {
  respondBytes(request, code, Buffer.from(JSON.stringify(body)));
}

/** Answers with JSON that is encoded already. */
export function respondBytes({ raw, response }: ApiRequest, code: number, json: Buffer): void {
  sendJson(raw, response, code, json);
}

export function respondText({ response }: ApiRequest, code: number, text: string): void {
  response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

/** As kube-apiserver bounds them: what a client sent must not make a head that no client accepts. */
const maxWarningBytes = 256;
const maxWarningsBytes = 4096;

/** Adds a `Warning: 299` header, which kubectl prints; not twice the same, and not without end. */
export function warn({ response }: Pick<ApiRequest, 'response'>, text: string): void {
  const printable = text.slice(0, maxWarningBytes).replaceAll(/[^\x20-\x7e]/g, '?');
  const header = `299 - "${printable.replaceAll(/[\\"]/g, String.raw`\$&`)}"`;
  const sent = [response.getHeader('warning') ?? []].flat().map(String);
  if (sent.includes(header) || sent.join('').length + header.length > maxWarningsBytes) return;
  response.appendHeader('warning', header);
}
