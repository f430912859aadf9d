import { isDeepStrictEqual } from 'node:util';
import type { EndpointSlice } from '../kinds/discovery/endpointslice.ts';
import type { Pod } from '../kinds/core/pod.ts';
import type { BackendSecurityPolicy } from '../kinds/aigateway/backendsecuritypolicy.ts';
import type { BackendTLSPolicy } from '../kinds/gateway/backendtlspolicy.ts';
import { keyOf, type KubeObject, type ObjectRef } from '../kinds/object.ts';
import { Followed } from './followed.ts';
import type { Family, RouteResources } from './resources.ts';
import { PoliciesByTarget } from './targeted.ts';

/**
 * What earlier compiles found, each finding with what it asked for. When an object changes, the findings that asked for it are made
 * again when they are next wanted; all others hold. So a change costs what it changes, and what did not change stays the same object
 * (design rule 2). Compiling with an empty memory gives equal results.
 */

export interface Question {
  readonly family: Family;
  /** `namespace/name`, a selection, or `whole` for who reads the list as a whole. */
  readonly key: string;
}

/** Who asks for a list as a whole. */
export const whole = '*';

export interface Finding<T> {
  readonly value: T;
  readonly questions: readonly Question[];
}

export class CompileMemory {
  readonly pods = new PodsByLabels();
  readonly slices = new SlicesByService();
  readonly securityPolicies = new PoliciesByTarget<BackendSecurityPolicy>();
  readonly tlsPolicies = new PoliciesByTarget<BackendTLSPolicy>();
  readonly #findings = new Map<string, Finding<unknown>>();
  /** The names of the findings that asked, by family and key. */
  readonly #askers = new Map<Family, Map<string, Set<string>>>();
  readonly #outdated = new Set<string>();
  readonly #lists = new Map<Family, FollowedList>();
  readonly #changed = new Set<Family>();
  #wanted = new Set<string>();
  #kept = 0;
  #thorough = true;

  /**
   * Whether this compile asks for all that it needs, and not only for what has changed: from time to time, so that what nobody needs
   * any more is forgotten.
   */
  get thorough(): boolean {
    return this.#thorough;
  }

  /** A new compile, of these resources: lists that are the same array have not changed. */
  begin(resources: RouteResources): void {
    this.#wanted = new Set();
    this.#changed.clear();
    this.#thorough = this.#findings.size > 2 * this.#kept + spareFindings;
    for (const family of Object.keys(resources) as Family[]) {
      const changed = this.#follow(family, resources);
      if (changed.length === 0) continue;
      this.#changed.add(family);
      this.#outdate(family, [whole, ...changed]);
    }
  }

  /** Some object of one of these lists is another one than in the compile before. */
  changed(families: readonly Family[]): boolean {
    return families.some((family) => this.#changed.has(family));
  }

  #follow(family: Family, resources: RouteResources): readonly string[] {
    if (family === 'pods') return this.pods.update(resources.pods);
    if (family === 'endpointSlices') return this.slices.update(resources.endpointSlices);
    if (family === 'backendSecurityPolicies') return this.securityPolicies.update(resources.backendSecurityPolicies);
    if (family === 'backendTLSPolicies') return this.tlsPolicies.update(resources.backendTLSPolicies);
    let list = this.#lists.get(family);
    if (list === undefined) {
      if (resources[family].length === 0) return [];
      this.#lists.set(family, (list = new FollowedList()));
    }
    return list.update(resources[family]);
  }

  /** The object of a list that has this name. */
  object<F extends Family>(family: F, ref: ObjectRef): RouteResources[F][number] | undefined {
    return this.#lists.get(family)?.get(keyOf(ref));
  }

  #outdate(family: Family, keys: readonly string[]): void {
    const askers = this.#askers.get(family);
    if (askers === undefined) return;
    for (const key of keys) for (const name of askers.get(key) ?? []) this.#outdated.add(name);
  }

  /** Forgets all findings whose names begin so: they hold objects that may have been replaced by equal ones. */
  forgetAll(beginning: string): void {
    for (const name of this.#findings.keys()) if (name.startsWith(beginning)) this.#forget(name);
  }

  /** The names with this beginning, without it, whose findings are to be made again. */
  outdated(beginning: string): string[] {
    return [...this.#outdated].flatMap((name) => (name.startsWith(beginning) ? [name.slice(beginning.length)] : []));
  }

  /** What was found under this name, if it holds, else what is found now; an equal value stays the same object. */
  recall<T>(name: string, find: (record: Question[]) => T): Finding<T> {
    this.#wanted.add(name);
    const known = this.#findings.get(name);
    // The name says what it is: each is asked for by one function only.
    if (known !== undefined && !this.#outdated.has(name)) return known as Finding<T>;
    const questions: Question[] = [];
    const found = find(questions);
    const value = known !== undefined && isDeepStrictEqual(known.value, found) ? (known.value as T) : found;
    this.#forget(name);
    this.#findings.set(name, { value, questions });
    for (const question of questions) this.#file(question).add(name);
    return { value, questions };
  }

  #file({ family, key }: Question): Set<string> {
    let byKey = this.#askers.get(family);
    if (byKey === undefined) this.#askers.set(family, (byKey = new Map<string, Set<string>>()));
    let names = byKey.get(key);
    if (names === undefined) byKey.set(key, (names = new Set()));
    return names;
  }

  #forget(name: string): void {
    for (const { family, key } of this.#findings.get(name)?.questions ?? []) {
      const names = this.#askers.get(family)?.get(key);
      if (names?.delete(name) === true && names.size === 0) this.#askers.get(family)?.delete(key);
    }
    this.#findings.delete(name);
    this.#outdated.delete(name);
  }

  /** The objects of one kind that findings asked for, by `namespace/name`. */
  asked(family: Family): ReadonlySet<string> {
    return new Set(this.#askers.get(family)?.keys());
  }

  /** Forgets what was not asked for, if this was a thorough compile. */
  sweep(): void {
    if (!this.#thorough) return;
    this.#kept = this.#wanted.size;
    for (const name of this.#findings.keys()) if (!this.#wanted.has(name)) this.#forget(name);
  }
}

/** So many findings that nobody needs any more are no reason to look for them. */
const spareFindings = 100;

class FollowedList extends Followed<KubeObject> {
  protected changed(): readonly string[] {
    return [];
  }
}

/** EndpointSlices of Services; the list of a Service is another one only when one of its slices changed. */
class SlicesByService extends Followed<EndpointSlice> {
  readonly #byService = new Map<string, readonly EndpointSlice[]>();

  /** `namespace/name` of the Service. */
  of(service: string): readonly EndpointSlice[] {
    return this.#byService.get(service) ?? none;
  }

  protected changed(previous: EndpointSlice | undefined, current: EndpointSlice | undefined): readonly string[] {
    const [before, now] = [serviceOf(previous), serviceOf(current)];
    if (before !== undefined)
      this.#put(
        before,
        this.of(before).filter((slice) => slice !== previous),
      );
    if (now !== undefined && current !== undefined) this.#put(now, [...this.of(now), current]);
    return [before, now].flatMap((service) => (service === undefined ? [] : [slicesOf(service)]));
  }

  #put(service: string, slices: readonly EndpointSlice[]): void {
    if (slices.length === 0) this.#byService.delete(service);
    else this.#byService.set(service, slices);
  }
}

/** What a question for the slices of a Service is filed under. */
export const slicesOf = (service: string): string => `of ${service}`;

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
    const name = selectionOf(namespace, wanted);
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

  protected changed(previous: Pod | undefined, current: Pod | undefined): readonly string[] {
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
    const selections: string[] = [];
    for (const [name, answer] of this.#answers) {
      if (answer.pods === undefined || !(selects(answer, previous) || selects(answer, current))) continue;
      delete answer.pods;
      selections.push(name);
    }
    return selections;
  }
}

/** What a question for Pods with these labels is filed under. */
export const selectionOf = (namespace: string, wanted: Labels): string => `${namespace} ${JSON.stringify(wanted)}`;

type Labels = Readonly<Record<string, string>>;

function selects({ namespace, wanted }: { namespace: string; wanted: Labels }, pod: Pod | undefined): boolean {
  if (pod?.metadata.namespace !== namespace) return false;
  for (const name in wanted) if (pod.metadata.labels?.[name] !== wanted[name]) return false;
  return true;
}
