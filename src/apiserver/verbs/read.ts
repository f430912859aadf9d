import type { Kind } from '../../kinds/kind.ts';
import { keyOf } from '../../kinds/object.ts';
import { isPlain } from '../negotiation.ts';
import { respondBytes, respondJson, viewOf, type ApiRequest } from '../request.ts';
import type { Served } from '../resources.ts';
import { parseSelection } from '../selectors.ts';
import { notFound } from '../status.ts';
import { jsonOf } from '../store/encoding.ts';
import type { StoredObject } from '../store/object.ts';
import { makeTable, partialMetadata } from '../table.ts';
import { refOf, type ResourceRequest, type Server } from './context.ts';
import { sendAll } from './delivery.ts';
import { checkReached, parseListOptions, revisionOf } from './listoptions.ts';
import { cutPage, parsePageRequest, selectState } from './pages.ts';

/** get and list */

export function getObject(server: Server, request: ResourceRequest): void {
  const { served, query } = request;
  const ref = refOf(request);
  checkReached(revisionOf(query.get('resourceVersion') || '0'), server.store);
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
      respondBytes(request, code, jsonOf(object));
  }
}

export function includeObjectOf({ query }: ApiRequest): string {
  return query.get('includeObject') ?? 'Metadata';
}

export function listObjects(server: Server, request: ResourceRequest): void {
  const { served, query, resource } = request;
  const options = parseListOptions(query, false);
  const wanted = parsePageRequest(query);
  const selection = parseSelection(served.kind, query);
  const { objects, revision } = selectState(server.store, served.id, resource.namespace, options, wanted);
  const selected = selection.all ? objects : objects.filter((object) => selection.matches(object));
  const { page, metadata } = cutPage(selected, wanted.limit, revision, selection.all);
  const items = page.map((object) => served.fromStorage(object));
  switch (viewOf(request)) {
    case 'table':
      respondJson(request, 200, makeTable(served, items, includeObjectOf(request), { ...metadata }));
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
      respondList(request, { kind: listKindOf(served.kind), apiVersion: served.apiVersion, metadata }, items);
  }
}

const comma = Buffer.from(',');
const listEnd = Buffer.from(']}');

/** A list of the very bytes its objects are stored as. */
function respondList(request: ApiRequest, head: Record<string, unknown>, items: readonly StoredObject[]): void {
  const pieces = [Buffer.from(`${JSON.stringify(head).slice(0, -1)},"items":[`)];
  for (const [index, item] of items.entries()) {
    if (index > 0) pieces.push(comma);
    pieces.push(jsonOf(item));
  }
  pieces.push(listEnd);
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (!isPlain(request.raw, length)) {
    respondBytes(request, 200, Buffer.concat(pieces));
    return;
  }
  const { response } = request;
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': length });
  sendAll(response, pieces);
}

/** What a list of a kind's objects says it is. */
export function listKindOf(kind: Kind): string {
  return kind.listKind ?? `${kind.kind}List`;
}
