import { isDeepStrictEqual } from 'node:util';
import type { EndpointSlice } from '../kinds/discovery/endpointslice.ts';
import type { Pod } from '../kinds/core/pod.ts';
import { keyOf, type KubeObject } from '../kinds/object.ts';
import type { Lookup, RouteResources } from './resources.ts';

/**
 * What earlier compiles found, each finding with what it looked up: it holds while every question still has the same answer, by
 * identity. So a change costs what it changes, and what did not change stays the same object (design rule 2). Compiling with an
 * empty memory gives equal results.
 */

/** The lists of resources that a question is about. */
export type Family = keyof RouteResources;

export interface Question {
  readonly family: Family;
  /** `namespace/name`, or whatever else was asked for. */
  readonly key: string;
  readonly ask: (lookup: Lookup) => unknown;
  readonly answer: unknown;
}

export interface Finding<T> {
  readonly value: T;
  readonly questions: readonly Question[];
}

interface Remembered extends Finding<unknown> {
  readonly families: ReadonlySet<Family>;
  /** The round in which it was last known to hold. */
  holdsIn: number;
}

export class CompileMemory {
  readonly pods = new PodsByLabels();
  readonly slices = new SlicesByService();
  readonly #findings = new Map<string, Remembered>();
  readonly #changedIn = new Map<Family, number>();
  #resources: RouteResources | undefined;
  #round = 0;

  /** A new compile, of these resources: lists that are the same array have not changed. */
  begin(resources: RouteResources): void {
    this.#round += 1;
    for (const family of Object.keys(resources) as Family[]) {
      if (this.#resources?.[family] !== resources[family]) this.#changedIn.set(family, this.#round);
    }
    this.#resources = resources;
    this.pods.update(resources.pods);
    this.slices.update(resources.endpointSlices);
  }

  /** One of these lists is another one than in the compile before. */
  changed(families: readonly Family[]): boolean {
    return families.some((family) => this.#changedIn.get(family) === this.#round);
  }

  /** What was found under this name, if it holds, else what is found now; an equal value stays the same object. */
  recall<T>(name: string, lookup: Lookup, find: (record: Question[]) => T): Finding<T> {
    const known = this.#findings.get(name);
    // The name says what it is: each is asked for by one function only.
    if (known !== undefined && this.#holds(known, lookup)) return known as Finding<unknown> as Finding<T>;
    const questions: Question[] = [];
    const found = find(questions);
    const value = known !== undefined && isDeepStrictEqual(known.value, found) ? (known.value as T) : found;
    const families = new Set(questions.map(({ family }) => family));
    this.#findings.set(name, { value, questions, families, holdsIn: this.#round });
    return { value, questions };
  }

  /** What all findings asked of one kind, by `namespace/name`. */
  asked(family: Family): Set<string> {
    const keys = new Set<string>();
    for (const { families, questions } of this.#findings.values()) {
      if (!families.has(family)) continue;
      for (const question of questions) if (question.family === family) keys.add(question.key);
    }
    return keys;
  }

  /** Forgets what was not asked for in this compile. */
  sweep(): void {
    for (const [name, { holdsIn }] of this.#findings) if (holdsIn !== this.#round) this.#findings.delete(name);
  }

  #holds(known: Remembered, lookup: Lookup): boolean {
    if (known.holdsIn === this.#round) return true;
    const concerned = (family: Family): boolean => (this.#changedIn.get(family) ?? 0) > known.holdsIn;
    if ([...known.families].some(concerned)) {
      if (known.questions.some(({ family, ask, answer }) => concerned(family) && ask(lookup) !== answer)) return false;
    }
    known.holdsIn = this.#round;
    return true;
  }
}

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
abstract class Followed<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  #list: readonly T[] = [];

  update(list: readonly T[]): void {
    if (list === this.#list) return;
    const changes = sameBut(this.#list, list) ?? [...differences(this.#objects, list)];
    this.#list = list;
    for (const [key, previous, current] of changes) {
      if (current === undefined) this.#objects.delete(key);
      else this.#objects.set(key, current);
      this.changed(previous, current);
    }
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  protected get list(): readonly T[] {
    return this.#list;
  }

  protected abstract changed(previous: T | undefined, current: T | undefined): void;
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

/** EndpointSlices of Services; the list of a Service is another one only when one of its slices changed. */
class SlicesByService extends Followed<EndpointSlice> {
  readonly #byService = new Map<string, readonly EndpointSlice[]>();

  /** `namespace/name` of the Service. */
  of(service: string): readonly EndpointSlice[] {
    return this.#byService.get(service) ?? none;
  }

  protected changed(previous: EndpointSlice | undefined, current: EndpointSlice | undefined): void {
    const [before, now] = [serviceOf(previous), serviceOf(current)];
    if (before !== undefined)
      this.#put(
        before,
        this.of(before).filter((slice) => slice !== previous),
      );
    if (now !== undefined && current !== undefined) this.#put(now, [...this.of(now), current]);
  }

  #put(service: string, slices: readonly EndpointSlice[]): void {
    if (slices.length === 0) this.#byService.delete(service);
    else this.#byService.set(service, slices);
  }
}

const none: readonly never[] = [];

function serviceOf(slice: EndpointSlice | undefined): string | undefined {
  const service = slice?.metadata.labels?.['kubernetes.io/service-name'];
  return service === undefined ? undefined : `${slice?.metadata.namespace ?? ''}/${service}`;
}

/** Pods found by labels, looking only at those that share the rarest of them; the answer stays the same list while its Pods do. */
class PodsByLabels extends Followed<Pod> {
  readonly #byLabel = new Map<string, Set<Pod>>();
  readonly #answers = new Map<string, { readonly wanted: Labels; readonly namespace: string; pods?: readonly Pod[] }>();

  with(namespace: string, wanted: Labels): readonly Pod[] {
    const name = `${namespace} ${JSON.stringify(wanted)}`;
    let answer = this.#answers.get(name);
    if (answer === undefined) this.#answers.set(name, (answer = { wanted, namespace }));
    return (answer.pods ??= this.#find(namespace, Object.entries(wanted)));
  }

  #find(namespace: string, wanted: readonly (readonly [string, string])[]): readonly Pod[] {
    // An empty selector selects every Pod of the namespace.
    if (wanted.length === 0) return this.list.filter(({ metadata }) => metadata.namespace === namespace);
    const [rarest = new Set<Pod>()] = wanted
      .map(([name, value]) => this.#byLabel.get(`${namespace} ${name}=${value}`) ?? new Set<Pod>())
      .sort((a, b) => a.size - b.size);
    return [...rarest].filter(({ metadata }) => wanted.every(([name, value]) => metadata.labels?.[name] === value));
  }

  protected changed(previous: Pod | undefined, current: Pod | undefined): void {
    for (const [pod, add] of [
      [previous, false],
      [current, true],
    ] as const) {
      if (pod === undefined) continue;
      for (const [name, value] of Object.entries(pod.metadata.labels ?? {})) {
        const label: string = `${pod.metadata.namespace ?? ''} ${name}=${value}`;
        const filed: Set<Pod> = this.#byLabel.get(label) ?? new Set<Pod>();
        if (add) this.#byLabel.set(label, filed.add(pod));
        else if (filed.delete(pod) && filed.size === 0) this.#byLabel.delete(label);
      }
    }
    for (const answer of this.#answers.values()) {
      if (answer.pods !== undefined && (selects(answer, previous) || selects(answer, current))) delete answer.pods;
    }
  }
}

type Labels = Readonly<Record<string, string>>;

function selects({ namespace, wanted }: { namespace: string; wanted: Labels }, pod: Pod | undefined): boolean {
  if (pod?.metadata.namespace !== namespace) return false;
  for (const name in wanted) if (pod.metadata.labels?.[name] !== wanted[name]) return false;
  return true;
}
