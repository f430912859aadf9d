import { isBuiltIn } from '../crd/strategy.ts';
import { patchOf } from '../patch/patch.ts';
import { contentTypeOf, parseBody, readBody, respondJson, warn } from '../request.ts';
import { parseSelection } from '../selectors.ts';
import { badRequest } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import { decodeBody, parseDeleteOptions } from '../writes.ts';
import { applyContentType, applyObject } from './apply.ts';
import {
  fieldManagerOf,
  fieldValidationOf,
  isDryRun,
  nameOf,
  refOf,
  type ResourceRequest,
  type Server,
} from './context.ts';
import { listKindOf, respondObject } from './read.ts';

/** create, update, patch, delete and deletecollection */

export async function createObject(server: Server, request: ResourceRequest): Promise<void> {
  const { served, query, resource } = request;
  if (served.kind.namespaced && resource.namespace === undefined) {
    throw badRequest('an object of a namespaced kind is created under /namespaces/<namespace>/');
  }
  const object = decode(request, parseBody(await readBody(request), contentTypeOf(request)));
  const options = { dryRun: isDryRun(query), manager: fieldManagerOf(request, 'CreateOptions') };
  const created = await server.objects.create(served, object, resource.namespace, options);
  respondObject(request, served, created, 201);
}

export async function updateObject(server: Server, request: ResourceRequest): Promise<void> {
  const { served, query } = request;
  const object = decode(request, parseBody(await readBody(request), contentTypeOf(request)));
  const manager = fieldManagerOf(request, 'UpdateOptions');
  const options = { dryRun: isDryRun(query), subresource: statusOrMain(request), manager };
  const updated = await server.objects.update(served, refOf(request), () => object, options);
  warnOfFixedSpec(request, updated);
  respondObject(request, served, updated, 200);
}

export async function patchObject(server: Server, request: ResourceRequest): Promise<void> {
  const { served, query } = request;
  const contentType = contentTypeOf(request);
  if (contentType === applyContentType) {
    await applyObject(server, request, statusOrMain(request));
    return;
  }
  const manager = fieldManagerOf(request, 'PatchOptions');
  const patch = patchOf(served, contentType, parseBody(await readBody(request), contentType));
  const change = (current: StoredObject) => decode(request, patch(current));
  const options = { dryRun: isDryRun(query), subresource: statusOrMain(request), manager };
  const updated = await server.objects.update(served, refOf(request), change, options);
  warnOfFixedSpec(request, updated);
  respondObject(request, served, updated, 200);
}

/** Users install upstream's definitions of kinds that Headgate brings; those of Headgate stay. */
function warnOfFixedSpec(request: ResourceRequest, updated: StoredObject): void {
  if (request.served.kind.kind !== 'CustomResourceDefinition' || !isBuiltIn(updated)) return;
  const { name } = updated.metadata;
  warn(
    request,
    `${name} is built into Headgate: its own definition stays in force, only labels and annotations change`,
  );
}

function statusOrMain({ resource }: ResourceRequest): 'status' | undefined {
  return resource.subresource === 'status' ? 'status' : undefined;
}

function decode(request: ResourceRequest, body: unknown): StoredObject {
  const { object, warnings } = decodeBody(request.served, body, fieldValidationOf(request.query));
  for (const warning of warnings) warn(request, warning);
  return object;
}

export async function deleteObject(server: Server, request: ResourceRequest): Promise<void> {
  const { served } = request;
  const options = await deleteOptionsOf(request);
  const { object, gone } = await server.objects.remove(served, refOf(request), options);
  if (!gone || served.id === '/pods') {
    respondObject(request, served, object, 200);
    return;
  }
  respondJson(request, 200, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: nameOf(request),
      ...(served.kind.group !== '' && { group: served.kind.group }),
      kind: served.kind.plural,
      uid: object.metadata.uid,
    },
  });
}

export async function deleteCollection(server: Server, request: ResourceRequest): Promise<void> {
  const { served, query, resource } = request;
  const selection = parseSelection(served.kind, query);
  const options = await deleteOptionsOf(request);
  const selected = server.store.list(served.id, resource.namespace).filter((object) => selection.matches(object));
  const removed = await Promise.allSettled(
    selected.map((object) => server.objects.remove(served, object.metadata, options)),
  );
  // Objects that somebody else deleted meanwhile are as good as deleted by us.
  const items = removed.flatMap((result) =>
    result.status === 'fulfilled' ? [served.fromStorage(result.value.object)] : [],
  );
  respondJson(request, 200, {
    kind: listKindOf(served.kind),
    apiVersion: served.apiVersion,
    metadata: { resourceVersion: String(server.store.revision()) },
    items,
  });
}

async function deleteOptionsOf(request: ResourceRequest) {
  const bytes = await readBody(request);
  const body = bytes.length === 0 ? {} : parseBody(bytes, contentTypeOf(request));
  const dryRun =
    typeof body === 'object' &&
    body !== null &&
    'dryRun' in body &&
    Array.isArray(body.dryRun) &&
    body.dryRun.includes('All');
  return { ...parseDeleteOptions(body, request.query), dryRun: dryRun || isDryRun(request.query) };
}
