import { randomInt, randomUUID } from 'node:crypto';
import type { Kind } from '../kinds/kind.ts';
import { keyOf } from '../kinds/object.ts';
import { strategyOf } from './builtin/strategies.ts';
import { equalJson, isObject, listAt, objectAt, stringAt, valueAt, type JsonObject } from './json.ts';
import type { Served } from './resources.ts';
import {
  ApiError,
  badRequest,
  conflict,
  forbiddenField,
  invalid,
  invalidValue,
  shown,
  type FieldError,
} from './status.ts';
import type { StoredObject } from './store/object.ts';
import { timestamp } from '../kinds/timestamp.ts';

/** Making objects fit to be stored: what create, update and patch have in common. Pure: nothing here touches the store. */

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export interface Decoded {
  /** At the version of the request. */
  object: StoredObject;
  warnings: string[];
}

/**
 * Types, prunes and defaults a body, and checks that it belongs to the URL it was sent to. `duplicateFields` are paths that
 * its text had more than once.
 */
export function decodeBody(
  served: Served,
  body: unknown,
  validation: FieldValidation,
  duplicateFields: readonly string[] = [],
): Decoded {
  if (!isObject(body)) throw badRequest(`the body must be a ${served.kind.kind} object`);
  checkGroupVersionKind(served, body);
  const unknownFields: string[] = [];
  const object = served.schema().decode(body, unknownFields);
  const problems = [
    ...duplicateFields.map((field) => `duplicate field "${field}"`),
    ...unknownFields.map((field) => `unknown field "${field}"`),
  ];
  if (problems.length > 0 && validation === 'Strict') {
    const { kind, version } = served;
    const list = problems.join(', ');
    throw badRequest(
      `${kind.kind} in version "${version.name}" cannot be handled as a ${kind.kind}: strict decoding error: ${list}`,
    );
  }
  return { object, warnings: validation === 'Warn' ? problems : [] };
}

function checkGroupVersionKind({ apiVersion, kind }: Served, body: JsonObject): void {
  // The path says what a body of one of Kubernetes' own kinds is.
  const implied = kind.builtin ? { apiVersion, kind: kind.kind } : { apiVersion: undefined, kind: undefined };
  const given = { apiVersion: body['apiVersion'] || implied.apiVersion, kind: body['kind'] || implied.kind };
  if (typeof given.kind !== 'string' || given.kind === '') {
    throw badRequest("Object 'Kind' is missing in the body: set apiVersion and kind");
  }
  if (given.apiVersion !== apiVersion) {
    throw badRequest(
      `the API version in the data (${typeof given.apiVersion === 'string' ? given.apiVersion : shown(given.apiVersion)}) does not match the expected API version (${apiVersion})`,
    );
  }
  if (given.kind !== kind.kind) {
    throw badRequest(`the kind in the data (${given.kind}) does not match the expected kind (${kind.kind})`);
  }
}

/** A new object as it goes into the store, validated. */
export function prepareCreate(served: Served, decoded: StoredObject, namespace: string | undefined): StoredObject {
  const { kind } = served;
  const given = decoded.metadata;
  if (given.resourceVersion) throw badRequest('resourceVersion should not be set on objects to be created');
  checkNamespace(namespace, given.namespace);
  const name = given.name === '' && given.generateName ? generatedName(given.generateName) : given.name;
  const metadata = {
    name,
    ...(given.generateName && { generateName: given.generateName }),
    ...(namespace !== undefined && { namespace }),
    uid: randomUUID(),
    ...(countsGenerations(kind) && { generation: 1 }),
    creationTimestamp: timestamp(new Date()),
    ...withoutEmpty(pick(given, ['labels', 'annotations', 'ownerReferences', 'finalizers'])),
  };
  const { status: _ignored, ...withoutStatus } = decoded;
  const fresh: StoredObject = { ...(kind.status ? withoutStatus : decoded), metadata };
  return finish(served, fresh, undefined);
}

/** `changed` in the place of `current` (both as stored); what the server owns stays as it is. */
export function prepareUpdate(
  served: Served,
  changed: StoredObject,
  current: StoredObject,
  subresource: 'status' | 'scale' | undefined,
): StoredObject {
  const { kind } = served;
  checkIdentity(served, changed, current, subresource);
  const writable = ['labels', 'annotations', 'ownerReferences', 'finalizers', 'generateName'] as const;
  const fixed = pick(current.metadata, [
    'name',
    'namespace',
    'uid',
    'resourceVersion',
    'generation',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ]);
  const metadata = { name: current.metadata.name, ...fixed, ...withoutEmpty(pick(changed.metadata, writable)) };
  if (subresource === 'status') {
    const next = {
      ...current,
      metadata: { ...metadata, ...pick(current.metadata, ['ownerReferences', 'finalizers']) },
    };
    return finish(served, withStatus(next, changed), current);
  }
  const next = kind.status ? withStatus({ ...changed, metadata }, current) : { ...changed, metadata };
  const finished = finish(served, next, current);
  if (!countsGenerations(kind) || equalJson(desired(finished), desired(current))) return finished;
  return { ...finished, metadata: { ...finished.metadata, generation: (current.metadata.generation ?? 0) + 1 } };
}

/** Strategy and validation, at the version the request speaks. */
function finish(served: Served, object: StoredObject, current: StoredObject | undefined): StoredObject {
  const strategy = strategyOf(served.kind);
  const prepared = strategy.prepare?.(object, current) ?? object;
  const previous = current === undefined ? undefined : served.fromStorage(current);
  const errors: FieldError[] = [
    ...served.schema().validate(served.fromStorage(prepared), previous),
    ...(strategy.validate?.(prepared, current) ?? []),
    ...(current === undefined ? [] : checkFinalizers(prepared, current)),
  ];
  if (errors.length > 0) throw invalid(served.kind, prepared.metadata.name, errors);
  return prepared;
}

function checkIdentity(
  { kind }: Served,
  changed: StoredObject,
  current: StoredObject,
  subresource: string | undefined,
): void {
  const { name, namespace, resourceVersion, uid } = changed.metadata;
  const found = current.metadata;
  if (name !== found.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${found.name})`);
  }
  checkNamespace(found.namespace, namespace);
  if (uid !== undefined && uid !== found.uid) {
    throw conflict(
      kind,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${found.uid ?? ''}`,
    );
  }
  if (resourceVersion === undefined || resourceVersion === '') {
    // Kubernetes' own kinds may be overwritten blindly, custom resources and their definitions may not.
    if ((kind.builtin && kind.kind !== 'CustomResourceDefinition') || subresource !== undefined) return;
    throw invalid(kind, name, [
      {
        reason: 'FieldValueInvalid',
        field: 'metadata.resourceVersion',
        message: 'Invalid value: 0x0: must be specified for an update',
      },
    ]);
  }
  if (resourceVersion !== found.resourceVersion) throw conflict(kind, name);
}

function checkNamespace(expected: string | undefined, given: string | undefined): void {
  if (given === undefined || given === '' || given === expected) return;
  if (expected === undefined) throw badRequest('namespace may not be set on a cluster-scoped object');
  throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
}

function checkFinalizers(next: StoredObject, current: StoredObject): FieldError[] {
  if (current.metadata.deletionTimestamp === undefined) return [];
  const before = current.metadata.finalizers ?? [];
  const added = (next.metadata.finalizers ?? []).filter((finalizer) => !before.includes(finalizer));
  if (added.length === 0) return [];
  const why = `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`;
  return [forbiddenField('metadata.finalizers', why)];
}

function withStatus(object: StoredObject, source: StoredObject): StoredObject {
  const { status: _replaced, ...rest } = object;
  return source['status'] === undefined ? rest : { ...rest, status: source['status'] };
}

/** What the generation counts changes of: everything but metadata and status. */
function desired(object: StoredObject): JsonObject {
  const { metadata: _metadata, status: _status, apiVersion: _apiVersion, ...rest } = object;
  return rest;
}

const generationKinds = new Set([
  'EndpointSlice',
  'CustomResourceDefinition',
  'Ingress',
  'IngressClass',
  'NetworkPolicy',
  'PodDisruptionBudget',
  'PriorityClass',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
]);

function countsGenerations(kind: Kind): boolean {
  return !kind.builtin || kind.group === 'apps' || kind.group === 'batch' || generationKinds.has(kind.kind);
}

const nameAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

function generatedName(prefix: string): string {
  const suffix = Array.from({ length: 5 }, () => nameAlphabet[randomInt(nameAlphabet.length)]).join('');
  return `${prefix.slice(0, 58)}${suffix}`;
}

function pick<T extends object, K extends keyof T>(source: T, fields: readonly K[]): Partial<Pick<T, K>> {
  const result: Partial<Pick<T, K>> = {};
  for (const field of fields) if (source[field] !== undefined) result[field] = source[field];
  return result;
}

/** Metadata is a Go struct in Kubernetes, of custom resources too: what is empty is left out. */
function withoutEmpty<T extends object>(fields: T): T {
  const result = { ...fields };
  for (const field in result) if (isEmpty(result[field])) delete result[field];
  return result;
}

function isEmpty(value: unknown): boolean {
  return value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
}

/** The object is gone once nobody holds it any more. */
export function isReleased(object: StoredObject): boolean {
  const { deletionTimestamp, finalizers, deletionGracePeriodSeconds } = object.metadata;
  if (deletionTimestamp === undefined || (finalizers ?? []).length > 0) return false;
  if ((deletionGracePeriodSeconds ?? 0) > 0) return false;
  return object.kind !== 'Namespace' || listAt(object, 'spec', 'finalizers').length === 0;
}

export interface Preconditions {
  uid?: string | undefined;
  resourceVersion?: string | undefined;
}

export function checkPreconditions(kind: Kind, object: StoredObject, { uid, resourceVersion }: Preconditions): void {
  const { name, uid: foundUid, resourceVersion: foundVersion } = object.metadata;
  if (uid !== undefined && uid !== foundUid) {
    throw conflict(
      kind,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${foundUid ?? ''}`,
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== foundVersion) {
    throw conflict(
      kind,
      name,
      `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${foundVersion ?? ''}`,
    );
  }
}

export interface DeleteOptions {
  preconditions: Preconditions;
  gracePeriodSeconds: number | undefined;
  propagation: 'Background' | 'Foreground' | 'Orphan';
}

/** The DeleteOptions of a body or, where the body has none, of the query. */
export function parseDeleteOptions(body: unknown, query: URLSearchParams): DeleteOptions {
  const propagation = stringAt(body, 'propagationPolicy') ?? query.get('propagationPolicy') ?? undefined;
  const orphan = valueAt(body, 'orphanDependents') === true || query.get('orphanDependents') === 'true';
  if (
    propagation !== undefined &&
    propagation !== 'Background' &&
    propagation !== 'Foreground' &&
    propagation !== 'Orphan'
  ) {
    const error = invalidValue('propagationPolicy', propagation, 'must be Background, Foreground or Orphan');
    throw new ApiError(422, 'Invalid', `DeleteOptions.meta.k8s.io "" is invalid: ${error.field}: ${error.message}`);
  }
  const grace = valueAt(body, 'gracePeriodSeconds') ?? numberOf(query.get('gracePeriodSeconds'));
  return {
    preconditions: {
      uid: stringAt(body, 'preconditions', 'uid'),
      resourceVersion: stringAt(body, 'preconditions', 'resourceVersion'),
    },
    gracePeriodSeconds: typeof grace === 'number' && Number.isInteger(grace) && grace >= 0 ? grace : undefined,
    propagation: propagation ?? (orphan ? 'Orphan' : 'Background'),
  };
}

function numberOf(text: string | null): number | undefined {
  return text === null || text === '' ? undefined : Number(text);
}

/** Seconds a Pod that runs on a node is given to stop; other objects go at once. */
export function gracePeriodOf(object: StoredObject, wanted: number | undefined): number {
  if (object.kind !== 'Pod' || stringAt(object, 'spec', 'nodeName') === undefined) return 0;
  const phase = stringAt(object, 'status', 'phase');
  if (phase === 'Succeeded' || phase === 'Failed') return 0;
  const configured = valueAt(objectAt(object, 'spec'), 'terminationGracePeriodSeconds');
  return wanted ?? (typeof configured === 'number' ? configured : 30);
}

export function storeKey(object: StoredObject): string {
  return keyOf(object.metadata);
}
