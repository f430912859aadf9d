import { keyOf } from '../../kinds/object.ts';
import { isBuiltIn } from '../crd/strategy.ts';
import { duplicateFieldsOf } from '../duplicates.ts';
import { patchOf } from '../patch/patch.ts';
import { contentTypeOf, parseBody, readBody, respondJson, warn } from '../request.ts';
import { parseSelection } from '../selectors.ts';
import { badRequest, invalid, invalidValue } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import { decodeBody, parseDeleteOptions, type FieldValidation } from '../writes.ts';
import { applyContentType, applyObject, requireMayCreate } from './apply.ts';
import {
  fieldManagerOf,
  fieldValidationOf,
  isDryRun,
  nameOf,
  refOf,
  type ResourceRequest,
  type Server,
  type WriteOptionsName,
} from './context.ts';
import { listKindOf, respondObject } from './read.ts';

/** create, update, patch, delete and deletecollection */

export async function createObject(server: Server, request: ResourceRequest): Promise<void> {
  const { served, query, resource } = request;
  if (served.kind.namespaced && resource.namespace === undefined) {
    throw badRequest('an object of a namespaced kind is created under /namespaces/<namespace>/');
  }
  const object = await decodeWhole(request, 'CreateOptions');
  const options = { dryRun: isDryRun(query, 'CreateOptions'), manager: fieldManagerOf(request, 'CreateOptions') };
  const created = await server.objects.create(served, object, resource.namespace, options);
  respondObject(request, served, created, 201);
}

/** Kinds of which a PUT creates what is not there (AllowCreateOnUpdate). */
const createdOnUpdate = new Set([
  '/endpoints',
  '/events',
  '/services',
  'coordination.k8s.io/leases',
  ...['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'].map(
    (plural) => `rbac.authorization.k8s.io/${plural}`,
  ),
]);

export async function updateObject(server: Server, request: ResourceRequest): Promise<void> {
  const { served, query } = request;
  const object = await decodeWhole(request, 'UpdateOptions');
  const manager = fieldManagerOf(request, 'UpdateOptions');
  const subresource = statusOrMain(request);
  const options = { dryRun: isDryRun(query, 'UpdateOptions'), subresource, manager };
  const ref = refOf(request);
  if (
    subresource === undefined &&
    createdOnUpdate.has(served.id) &&
    server.store.get(served.id, keyOf(ref)) === undefined
  ) {
    requireMayCreate(server, request);
    if (object.metadata.name !== ref.name) {
      throw badRequest(
        `the name of the object (${object.metadata.name}) does not match the name on the URL (${ref.name})`,
      );
    }
    respondObject(request, served, await server.objects.create(served, object, ref.namespace, options), 201);
    return;
  }
  const updated = await server.objects.update(served, ref, () => object, options);
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
  const validation = fieldValidationOf(query, 'PatchOptions');
  const change = (current: StoredObject) => decodePatched(request, patch(current), validation);
  const options = { dryRun: isDryRun(query, 'PatchOptions'), subresource: statusOrMain(request), manager };
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
  // A verdict on a CertificateSigningRequest is part of its status.
  return resource.subresource === 'status' || resource.subresource === 'approval' ? 'status' : undefined;
}

async function decodeWhole(request: ResourceRequest, options: WriteOptionsName): Promise<StoredObject> {
  const validation = fieldValidationOf(request.query, options);
  const contentType = contentTypeOf(request);
  const bytes = await readBody(request);
  const body = parseBody(bytes, contentType);
  const isJson = contentType === '' || contentType.endsWith('json');
  const duplicates = isJson && validation !== 'Ignore' ? duplicateFieldsOf(bytes.toString('utf8')) : [];
  const { object, warnings } = decodeBody(request.served, body, validation, duplicates);
  for (const warning of warnings) warn(request, warning);
  return object;
}

/** A patch is not at fault for what the whole object is like: with strict validation it is invalid, not undecodable. */
function decodePatched(request: ResourceRequest, patched: unknown, validation: FieldValidation): StoredObject {
  const { served } = request;
  const { object, warnings } = decodeBody(served, patched, validation === 'Ignore' ? 'Ignore' : 'Warn');
  if (validation === 'Strict' && warnings.length > 0) {
    const why = `strict decoding error: ${warnings.join(', ')}`;
    throw invalid(served.kind, nameOf(request), [invalidValue('patch', patched, why)]);
  }
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
  return { ...parseDeleteOptions(body, request.query), dryRun: dryRun || isDryRun(request.query, 'DeleteOptions') };
}
