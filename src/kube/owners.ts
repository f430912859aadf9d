import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import type { KubeObject, OwnerReference } from '../kinds/object.ts';

/** A reference that makes `object` an owner of what carries it: deleted with it, and with `controller` managed by it. */
export function ownerReferenceTo(
  kind: Kind,
  object: KubeObject,
  options: { controller: boolean } = { controller: true },
): OwnerReference {
  const { name, uid } = object.metadata;
  if (uid === undefined) throw new Error(`${kind.kind} ${name} has no uid: it does not come from an API server`);
  return {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    name,
    uid,
    controller: options.controller,
    blockOwnerDeletion: true,
  };
}

/** The owner that manages the object, if one does. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

export function isControlledBy(object: KubeObject, owner: KubeObject): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}
