import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import type { KubeObject, ObjectRef } from '../kinds/object.ts';
import { ownerReferenceTo } from '../kube/owners.ts';

/** The objects that a planned object makes, and when they need writing. */

/** Which labels of an object its children get (aim.md 3.3). */
export interface LabelPropagation {
  readonly enabled?: boolean;
  /** Globs of label keys. */
  readonly match?: readonly string[];
}

/**
 * How a child is written.
 * - `apply`: server-side; the fields that others set stay theirs.
 * - `update`: created where it is missing; else its labels, annotations, owners and body become those that are wanted. With a
 *   resourceVersion, only that version is changed: a plan made from an outdated cache is not carried out.
 * - `create`: created where it is missing; afterwards it is its user's.
 */
export type WriteMode = 'apply' | 'update' | 'create';

export interface Child {
  readonly kind: Kind;
  /** The fields that the controller owns; apiVersion, kind, labels and owner of its parent are added. */
  readonly object: DesiredObject;
  /** Controlled by the parent and deleted with it; otherwise it outlives it. */
  readonly owned: boolean;
  /** `apply` unless said. */
  readonly write?: WriteMode;
}

/** An object that has to go, if it is there. */
export interface Removal {
  readonly kind: Kind;
  readonly ref: ObjectRef;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
}

export type DesiredObject = Omit<KubeObject, 'apiVersion' | 'kind'> & Record<string, unknown>;

export interface Parent {
  readonly kind: Kind;
  readonly object: KubeObject;
  /** `service`, `model`, `template-cache`, ... */
  readonly controller: string;
  readonly labelPropagation?: LabelPropagation | undefined;
}

/** Checks the object against its kind's type where the child is made. */
export function child<T extends KubeObject>(
  kind: Kind<T>,
  object: Omit<T, 'apiVersion' | 'kind'>,
  options: { owned: boolean; write?: WriteMode },
): Child {
  return { kind, object, ...options };
}

/** The whole object to write, for controllers that add nothing of their own: its type, and its owner. */
export function completeChild({ kind, object, owned }: Child, parent: Parent): KubeObject {
  const { ownerReferences = [] } = object.metadata;
  const owners =
    owned && ownerReferences.length === 0 ? [ownerReferenceTo(parent.kind, parent.object)] : ownerReferences;
  return asOnTheWire({
    ...object,
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: { ...object.metadata, ...(owners.length === 0 ? {} : { ownerReferences: owners }) },
  });
}

/** Fields that are undefined are not there. */
export function asOnTheWire<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

/** The order of writes, so that passes are alike: group, version, kind, namespace, name. */
export function inOrder(children: readonly Child[]): Child[] {
  const sortKey = ({ kind, object }: Child): string =>
    [kind.group, kind.storageVersion, kind.kind, object.metadata.namespace ?? '', object.metadata.name].join('\0');
  return [...children].sort((one, other) => (sortKey(one) < sortKey(other) ? -1 : 1));
}

const bookkeeping = new Set(['apiVersion', 'kind', 'metadata', 'status']);

/** What of an object `update` replaces. */
export function contentOf(object: KubeObject): Record<string, unknown> {
  const { labels = {}, annotations = {}, ownerReferences = [] } = object.metadata;
  return { ...bodyOf(object), labels, annotations, ownerReferences };
}

/** What of an object counts when a wanted one is compared with a stored one: all but its status and metadata. */
export function bodyOf(object: KubeObject): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([field]) => !bookkeeping.has(field)));
}

/**
 * True when the metadata of `stored` says all that is wanted, and nothing more in the manager's name. Others may have added
 * theirs.
 */
export function hasMetadata(stored: KubeObject, wanted: KubeObject, manager: string): boolean {
  const owners = wanted.metadata.ownerReferences ?? [];
  return (
    owners.every(({ uid }) => stored.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true) &&
    (['labels', 'annotations'] as const).every(
      (field) =>
        Object.entries(wanted.metadata[field] ?? {}).every(([key, value]) => stored.metadata[field]?.[key] === value) &&
        ownedKeys(stored, manager, field).every((key) => wanted.metadata[field]?.[key] !== undefined),
    )
  );
}

/** Keys of a metadata map that the manager applied before (metav1.FieldsV1). */
function ownedKeys(stored: KubeObject, manager: string, field: 'labels' | 'annotations'): string[] {
  const entry = (stored.metadata.managedFields ?? [])
    .filter(isRecord)
    .find((candidate) => candidate['manager'] === manager && candidate['operation'] === 'Apply');
  const fields = entry?.['fieldsV1'];
  const metadata = isRecord(fields) ? fields['f:metadata'] : undefined;
  const keys = isRecord(metadata) ? metadata[`f:${field}`] : undefined;
  return isRecord(keys) ? Object.keys(keys).flatMap((key) => (key.startsWith('f:') ? [key.slice(2)] : [])) : [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
