import type { buildConnector as undiciConnector, Dispatcher } from 'undici';
import { Agent, buildConnector } from '../wire/undici.ts';
import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import type { KubeObject, ObjectRef } from '../kinds/object.ts';
import {
  isExpired,
  KubeError,
  type DeleteOptions,
  type KubeClient,
  type ListOptions,
  type ObjectList,
  type Patch,
  type WatchEvent,
  type WatchOptions,
  type WriteOptions,
} from './client.ts';
import type { Credentials } from './credentials.ts';
import { readLines } from './lines.ts';
import { collectionPath, listQuery, objectPath } from './paths.ts';

export interface ConnectionOptions {
  /** `https://host:port` of the API server. */
  server: string;
  credentials: Credentials;
}

/** Longest wait for the answer to anything but a watch, in ms. */
const requestTimeoutMs = 30_000;
/** A watch is renewed by the server's choice or after this time, so that a dead connection is noticed. */
const watchSeconds = 290;
const listPageSize = 500;
/** What `readBelow` takes at most. */
const maxTextBytes = 8 * 1024 * 1024;

const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  // JSON is YAML, too.
  apply: 'application/apply-patch+yaml',
} as const;

interface ApiRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: Record<string, string>;
  body?: unknown;
  contentType?: string;
}

/**
 * A Kubernetes client over HTTP. What the API returns is taken at its kind's type without another check: the API server
 * validates every write against the same schema.
 */
export function createKubeClient(options: ConnectionOptions): KubeClient {
  const { credentials } = options;
  const agent = new Agent({ connect: connectorOf(credentials), connections: null, keepAliveTimeout: 30_000 });

  const send = (request: ApiRequest, authorization: string | undefined, signal: AbortSignal | undefined) => {
    const headers = {
      accept: 'application/json',
      'user-agent': 'headgate',
      ...(authorization === undefined ? {} : { authorization }),
    };
    return agent.request({
      origin: options.server,
      path: request.path,
      ...(request.query === undefined ? {} : { query: request.query }),
      method: request.method,
      headers:
        request.body === undefined
          ? headers
          : { ...headers, 'content-type': request.contentType ?? 'application/json' },
      body: request.body === undefined ? null : JSON.stringify(request.body),
      signal: signal ?? AbortSignal.timeout(requestTimeoutMs),
      // The watch ends by its own clock; everything else has the signal.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  };
  const open = async (request: ApiRequest, signal?: AbortSignal): Promise<Dispatcher.ResponseData> => {
    const authorization = await credentials.authorization(false);
    let response = await send(request, authorization, signal);
    if (response.statusCode === 401) {
      // A token that was rotated: the new one is where the old one was.
      const renewed = await credentials.authorization(true);
      if (renewed !== undefined && renewed !== authorization) {
        await response.body.dump();
        response = await send(request, renewed, signal);
      }
    }
    if (response.statusCode < 300) return response;
    throw errorOf(response.statusCode, await response.body.text(), request);
  };
  const call = async <T>(request: ApiRequest, options: WriteOptions = {}): Promise<T> => {
    const { fieldValidation, warn } = options;
    const query = fieldValidation === undefined ? request.query : { ...request.query, fieldValidation };
    const response = await open({ ...request, ...(query === undefined ? {} : { query }) });
    if (warn !== undefined) for (const message of warningsIn(response.headers['warning'])) warn(message);
    return (await response.body.json()) as T;
  };
  const write = <T extends KubeObject>(
    method: 'POST' | 'PUT',
    path: string,
    kind: Kind<T>,
    object: T,
    options?: WriteOptions,
  ): Promise<T> =>
    call<T>({ method, path, body: { ...object, apiVersion: apiVersionOf(kind), kind: kind.kind } }, options);

  const listPage = <T extends KubeObject>(kind: Kind<T>, selection: ListOptions, paging: Record<string, string>) =>
    call<ListBody<T>>({
      method: 'GET',
      path: collectionPath(kind, selection.namespace),
      query: { ...listQuery(selection), ...paging },
    });
  const list = async <T extends KubeObject>(kind: Kind<T>, selection: ListOptions = {}): Promise<ObjectList<T>> => {
    const items: T[] = [];
    let page = await listPage(kind, selection, { limit: String(listPageSize) });
    for (;;) {
      // Items of a list carry no kind of their own.
      for (const item of page.items) items.push({ ...item, apiVersion: apiVersionOf(kind), kind: kind.kind });
      const next = page.metadata.continue ?? '';
      if (next === '') return { items, resourceVersion: page.metadata.resourceVersion };
      try {
        page = await listPage(kind, selection, { limit: String(listPageSize), continue: next });
      } catch (error) {
        if (!isExpired(error)) throw error;
        // The state of the first page is compacted: only a whole list shows one state, however much is written meanwhile.
        items.length = 0;
        page = await listPage(kind, selection, {});
      }
    }
  };

  async function* watch<T extends KubeObject>(kind: Kind<T>, selection: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    const request: ApiRequest = {
      method: 'GET',
      path: collectionPath(kind, selection.namespace),
      query: {
        ...listQuery(selection),
        watch: 'true',
        allowWatchBookmarks: 'true',
        resourceVersion: selection.resourceVersion,
        timeoutSeconds: String(watchSeconds),
      },
    };
    const response = await open(
      request,
      AbortSignal.any([selection.signal, AbortSignal.timeout((watchSeconds + 30) * 1000)]),
    );
    for await (const line of readLines(response.body)) {
      const event = JSON.parse(line) as WatchEvent<T> | { type: 'ERROR'; object: StatusBody };
      if (event.type === 'ERROR') throw statusError(event.object.code ?? 500, event.object, request);
      yield event;
    }
  }

  return {
    get: async <T extends KubeObject>(kind: Kind<T>, ref: ObjectRef) => {
      try {
        return await call<T>({ method: 'GET', path: objectPath(kind, ref) });
      } catch (error) {
        if (error instanceof KubeError && error.code === 404) return undefined;
        throw error;
      }
    },
    list,
    create: <T extends KubeObject>(kind: Kind<T>, object: T, writing?: WriteOptions) =>
      write('POST', collectionPath(kind, object.metadata.namespace), kind, object, writing),
    update: <T extends KubeObject>(kind: Kind<T>, object: T) =>
      write('PUT', objectPath(kind, object.metadata), kind, object),
    updateStatus: <T extends KubeObject>(kind: Kind<T>, object: T) =>
      write('PUT', objectPath(kind, object.metadata, 'status'), kind, object),
    patch: <T extends KubeObject>(kind: Kind<T>, ref: ObjectRef, patch: Patch, writing?: WriteOptions) =>
      call<T>(
        {
          method: 'PATCH',
          path: objectPath(kind, ref, patch.subresource),
          ...(patch.type === 'apply' ? { query: applyQuery(patch) } : {}),
          body: patch.body,
          contentType: patchTypes[patch.type],
        },
        writing,
      ),
    createBelow: <Answer>(kind: Kind, ref: ObjectRef, subresource: string, body: unknown) =>
      call<Answer>({ method: 'POST', path: objectPath(kind, ref, subresource), body }),
    readBelow: async (kind, ref, subresource, query = {}) => {
      const { body } = await open({ method: 'GET', path: objectPath(kind, ref, subresource), query: { ...query } });
      const chunks: Buffer[] = [];
      let length = 0;
      for await (const chunk of body) {
        const bytes = Buffer.from(chunk as Uint8Array);
        length += bytes.length;
        if (length > maxTextBytes) {
          body.destroy();
          throw new KubeError(
            413,
            'RequestEntityTooLarge',
            `the ${subresource} of ${kind.kind} ${ref.name} is too long`,
          );
        }
        chunks.push(bytes);
      }
      return Buffer.concat(chunks, length).toString('utf8');
    },
    delete: async (kind: Kind, ref: ObjectRef, deletion: DeleteOptions = {}) => {
      const { uid, ...rest } = deletion;
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        propagationPolicy: 'Background',
        ...rest,
        ...(uid === undefined ? {} : { preconditions: { uid } }),
      };
      try {
        await call<unknown>({ method: 'DELETE', path: objectPath(kind, ref), body });
      } catch (error) {
        if (!(error instanceof KubeError && error.code === 404)) throw error;
      }
    },
    watch,
    close: async () => {
      await agent.destroy();
    },
  };
}

/** Each connection is made with the certificates of its moment. */
function connectorOf(credentials: Credentials): undiciConnector.connector {
  const connect = async (...[target, callback]: Parameters<undiciConnector.connector>): Promise<void> => {
    try {
      buildConnector(await credentials.tls())(target, callback);
    } catch (error) {
      callback(error instanceof Error ? error : new Error(String(error)), null);
    }
  };
  return (target, callback) => void connect(target, callback);
}

function applyQuery({ fieldManager, force = false }: Extract<Patch, { type: 'apply' }>): Record<string, string> {
  return { fieldManager, ...(force ? { force: 'true' } : {}) };
}

interface ListBody<T> {
  items: T[];
  metadata: { resourceVersion: string; continue?: string };
}

/** The texts of `Warning: 299 - "..."` headers (RFC 7234), as Kubernetes writes them. */
function warningsIn(header: string | string[] | undefined): string[] {
  const lines = header === undefined ? [] : [header].flat();
  return lines.flatMap((line) =>
    [...line.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => text.replaceAll(/\\(.)/g, '$1')),
  );
}

/** metav1.Status, as far as we read it. */
interface StatusBody {
  code?: number;
  reason?: string;
  message?: string;
}

function errorOf(code: number, text: string, request: ApiRequest): KubeError {
  try {
    return statusError(code, JSON.parse(text) as StatusBody, request);
  } catch {
    return statusError(code, { message: text.slice(0, 500) }, request);
  }
}

function statusError(code: number, status: StatusBody, request: ApiRequest): KubeError {
  const message = status.message ?? `${request.method} ${request.path}: status ${code}`;
  return new KubeError(code, status.reason ?? 'Unknown', message);
}
