import type { KubeObject } from '../kinds/object.ts';
import { Followed } from './followed.ts';
import { byAge, type PolicyTarget } from './resources.ts';

/** A policy as far as its targets go: objects of its own namespace. */
interface Targeting extends KubeObject {
  readonly spec: {
    readonly targetRefs?: readonly { readonly group: string; readonly kind: string; readonly name: string }[];
  };
}

/** Policies by what they target, the oldest first; a list is another one only when one of its policies changed. */
export class PoliciesByTarget<P extends Targeting> extends Followed<P> {
  readonly #byTarget = new Map<string, readonly P[]>();

  of(target: PolicyTarget): readonly P[] {
    return this.#byTarget.get(targetKey(target)) ?? none;
  }

  protected changed(previous: P | undefined, current: P | undefined): readonly string[] {
    const [before, now] = [targetsOf(previous), targetsOf(current)];
    for (const key of before)
      this.#put(
        key,
        (this.#byTarget.get(key) ?? none).filter((policy) => policy !== previous),
      );
    for (const key of now) {
      if (current !== undefined) this.#put(key, [...(this.#byTarget.get(key) ?? none), current].sort(byAge));
    }
    return [...new Set([...before, ...now])];
  }

  #put(key: string, policies: readonly P[]): void {
    if (policies.length === 0) this.#byTarget.delete(key);
    else this.#byTarget.set(key, policies);
  }
}

/** What a question for the policies of a target is filed under. */
export const targetKey = ({ group, kind, namespace, name }: PolicyTarget): string =>
  `for ${group}/${kind} ${namespace}/${name}`;

function targetsOf(policy: Targeting | undefined): readonly string[] {
  const namespace = policy?.metadata.namespace ?? '';
  return [...new Set((policy?.spec.targetRefs ?? []).map((ref) => targetKey({ ...ref, namespace })))];
}

const none: readonly never[] = [];
