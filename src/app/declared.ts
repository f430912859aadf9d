import type { KubeObject, OwnerReference } from '../kinds/object.ts';
import type { InformerCache } from '../kube/informer.ts';
import type { Reader } from '../reconcile/pass.ts';
import { isOf, type DeclaredKind } from './families/family.ts';

/** What the programs ask of objects that families declare, whatever family it is. */

/** The objects of one kind that are there. */
export interface DeclaredObjects {
  readonly declared: DeclaredKind;
  readonly objects: readonly KubeObject[];
}

/** Reads the caches that the controllers of these kinds keep anyway. */
export function declaredObjects(informers: InformerCache, declaredKinds: readonly DeclaredKind[]): DeclaredObjects[] {
  return declaredKinds.map((declared) => ({ declared, objects: informers.informer(declared.kind).list() }));
}

/** The model of the object that owns a route; undefined: the owner declares none. */
export function modelOf(
  declaredKinds: readonly DeclaredKind[],
  read: Reader,
  owner: OwnerReference,
  namespace: string,
): { readonly name: string | undefined } | undefined {
  const declared = declaredKinds.find((candidate) => candidate.modelOf !== undefined && isOf(candidate, owner));
  if (declared === undefined) return undefined;
  const object = read.get(declared.kind, declared.kind.namespaced ? { namespace, name: owner.name } : owner);
  return { name: object === undefined ? undefined : declared.modelOf?.(object, read) };
}
