import type { Kind } from '../../kinds/kind.ts';
import { keyOf } from '../../kinds/object.ts';
import { respondJson, viewOf, type ApiRequest } from '../request.ts';
import type { Served } from '../resources.ts';
import { parseSelection } from '../selectors.ts';
import { badRequest, expired, notFound } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import type { Store } from '../store/store.ts';
import { makeTable, partialMetadata } from '../table.ts';
import { refOf, type ResourceRequest, type Server } from './context.ts';

/** get and list */

export function getObject(server: Server, request: ResourceRequest): void {
  const { served } = request;
  const ref = refOf(request);
  const found = server.store.get(served.id, keyOf(ref));
  if (found === undefined) throw notFound(served.kind, ref.name);
  respondObject(request, served, found, 200);
}

/** Answers with one object in the form the client asked for. */
export function respondObject(request: ApiRequest, served: Served, stored: StoredObject, code: number): void {
  const object = served.fromStorage(stored);
  switch (viewOf(request)) {
    case 'table': {
      const metadata = { resourceVersion: object.metadata.resourceVersion };
      respondJson(request, code, makeTable(served, [object], includeObjectOf(request), metadata));
      return;
    }
    case 'metadata':
      respondJson(request, code, partialMetadata(object));
      return;
    case 'object':
      respondJson(request, code, object);
  }
}

export function includeObjectOf({ query }: ApiRequest): string {
  return query.get('includeObject') ?? 'Metadata';
}

export function listObjects(server: Server, request: ResourceRequest): void {
  const { served, query, resource } = request;
  checkVersionMatch(server.store, query);
  const selection = parseSelection(served.kind, query);
  const selected = server.store.list(served.id, resource.namespace).filter((object) => selection.matches(object));
  const { page, metadata } = paginate(server.store, selected, query);
  const items = page.map((object) => served.fromStorage(object));
  switch (viewOf(request)) {
    case 'table':
      respondJson(request, 200, makeTable(served, items, includeObjectOf(request), metadata));
      return;
    case 'metadata':
      respondJson(request, 200, {
        kind: 'PartialObjectMetadataList',
        apiVersion: 'meta.k8s.io/v1',
        metadata,
        items: items.map(partialMetadata),
      });
      return;
    case 'object':
      respondJson(request, 200, { kind: listKindOf(served.kind), apiVersion: served.apiVersion, metadata, items });
  }
}

/** What a list of a kind's objects says it is. */
export function listKindOf(kind: Kind): string {
  return kind.listKind ?? `${kind.kind}List`;
}

/** Only the newest state is kept, so an exact older one cannot be listed. */
function checkVersionMatch(store: Store, query: URLSearchParams): void {
  const version = query.get('resourceVersion') ?? '';
  if (version === '') return;
  const wanted = revisionOf(version);
  if (query.get('resourceVersionMatch') === 'Exact' && wanted !== store.revision()) {
    throw expired(
      `The provided resource version ${version} is not available: only the newest, ${store.revision()}, is`,
    );
  }
  if (wanted > store.revision()) throw tooNew(version, store);
}

export function revisionOf(version: string): number {
  if (!/^\d{1,15}$/.test(version)) throw badRequest(`resourceVersion: Invalid value: "${version}": must be a number`);
  return Number(version);
}

export function tooNew(version: string, store: Store): Error {
  return expired(`Too large resource version: ${version}, current: ${store.revision()}`);
}

interface ContinueToken {
  /** Key of the last object of the page before. */
  after: string;
  revision: number;
}

function paginate(store: Store, selected: readonly StoredObject[], query: URLSearchParams) {
  const limit = Number(query.get('limit') ?? '0');
  const token = query.get('continue') ?? '';
  const start = token === '' ? undefined : parseToken(token);
  const rest = start === undefined ? selected : selected.filter((object) => keyOf(object.metadata) > start.after);
  const resourceVersion = String(start?.revision ?? store.revision());
  const last = rest[limit - 1];
  if (!Number.isInteger(limit) || limit <= 0 || rest.length <= limit || last === undefined) {
    return { page: rest, metadata: { resourceVersion } };
  }
  const next: ContinueToken = { after: keyOf(last.metadata), revision: Number(resourceVersion) };
  return {
    page: rest.slice(0, limit),
    metadata: {
      resourceVersion,
      continue: Buffer.from(JSON.stringify(next)).toString('base64url'),
      remainingItemCount: rest.length - limit,
    },
  };
}

function parseToken(token: string): ContinueToken {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (typeof value === 'object' && value !== null && 'after' in value && 'revision' in value) {
      const { after, revision } = value;
      if (typeof after === 'string' && typeof revision === 'number') return { after, revision };
    }
  } catch {
    // Reported below, like any other token that is not ours.
  }
  throw badRequest('continue key is not valid: it must be the one returned by the list before');
}
