import { keyOf, type KubeObject } from '../kinds/object.ts';

/** The objects of a list that are other ones than in the list before, and those that are gone. */
function* differences<T extends KubeObject>(
  before: ReadonlyMap<string, T>,
  list: readonly T[],
): Generator<readonly [key: string, previous: T | undefined, current: T | undefined]> {
  const seen = new Set<string>();
  let kept = 0;
  for (const object of list) {
    const key = keyOf(object.metadata);
    seen.add(key);
    const previous = before.get(key);
    if (previous !== undefined) kept += 1;
    if (previous !== object) yield [key, previous, object];
  }
  if (kept === before.size) return;
  for (const [key, previous] of before) if (!seen.has(key)) yield [key, previous, undefined];
}

/** Follows a list from compile to compile, looking only at what changed. */
export abstract class Followed<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  #list: readonly T[] = [];

  /** The keys of the questions that may have another answer now. */
  update(list: readonly T[]): readonly string[] {
    if (list === this.#list) return [];
    const changes = sameBut(this.#list, list) ?? [...differences(this.#objects, list)];
    this.#list = list;
    return changes.flatMap(([key, previous, current]) => {
      if (current === undefined) this.#objects.delete(key);
      else this.#objects.set(key, current);
      return [key, ...this.changed(previous, current)];
    });
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  protected get list(): readonly T[] {
    return this.#list;
  }

  /** Further keys that an object stands for. */
  protected abstract changed(previous: T | undefined, current: T | undefined): readonly string[];
}

/** Two lists of the same objects in the same order but for a few that were replaced; undefined: they differ in more. */
function sameBut<T extends KubeObject>(
  before: readonly T[],
  after: readonly T[],
): (readonly [string, T | undefined, T | undefined])[] | undefined {
  if (before.length !== after.length) return undefined;
  const changes: (readonly [string, T | undefined, T | undefined])[] = [];
  for (let at = 0; at < after.length; at += 1) {
    const [previous, current] = [before[at], after[at]];
    if (previous === current || previous === undefined || current === undefined) continue;
    const key = keyOf(current.metadata);
    if (key !== keyOf(previous.metadata)) return undefined;
    changes.push([key, previous, current]);
  }
  return changes;
}
