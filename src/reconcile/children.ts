import type { Kind } from '../kinds/kind.ts';
import { keyOf, type KubeObject, type ObjectRef } from '../kinds/object.ts';

/** The objects that a planned object makes, and when they need writing. */

/** Which labels of an object its children get (aim.md 3.3). */
export interface LabelPropagation {
  readonly enabled?: boolean;
  /** Globs of label keys. */
  readonly match?: readonly string[];
}

export interface Child {
  readonly kind: Kind;
  /** The fields that the controller owns; apiVersion, kind, labels and owner of its parent are added. */
  readonly object: DesiredObject;
  /** Controlled by the parent and deleted with it; otherwise it outlives it. */
  readonly owned: boolean;
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
  options: { owned: boolean },
): Child {
  return { kind, object, owned: options.owned };
}

/** The order of writes, so that passes are alike: group, version, kind, namespace, name. */
export function inOrder(children: readonly Child[]): Child[] {
  const sortKey = ({ kind, object }: Child): string =>
    [kind.group, kind.storageVersion, kind.kind, object.metadata.namespace ?? '', object.metadata.name].join('\0');
  return [...children].sort((one, other) => (sortKey(one) < sortKey(other) ? -1 : 1));
}

export const describeChild = (kind: Kind, ref: ObjectRef): string => `${kind.kind} ${keyOf(ref)}`;

const bookkeeping = new Set(['apiVersion', 'kind', 'metadata', 'status']);

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
