import type { KubeObject } from '../../kinds/object.ts';

/** An object on its way through a build. Transformers change it in place: it is nobody else's. */
export interface Resource {
  object: KubeObject;
  readonly source: string;
  /** The names it had before its present one: what references still say. */
  readonly formerNames: string[];
  /** Made by a generator: its name ends with a hash of what it holds. */
  readonly hashed: boolean;
}

export function rename(resource: Resource, name: string): void {
  const { metadata } = resource.object;
  if (metadata.name === name) return;
  resource.formerNames.push(metadata.name);
  metadata.name = name;
}

/** It has or had this name. */
export function isCalled({ object, formerNames }: Resource, name: string): boolean {
  return object.metadata.name === name || formerNames.includes(name);
}
