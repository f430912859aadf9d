/** The InferencePools of both groups, in one shape (epp.md 1.1, 1.2). */
import { InferencePool } from '../kinds/inference/inferencepool.ts';
import { poolOfX } from '../kinds/inference/poolconversion.ts';
import { XInferencePool } from '../kinds/inference/xinferencepool.ts';
import { keyOf, type ObjectRef } from '../kinds/object.ts';

export interface DeclaredPool {
  /** Tells pools of both groups apart: see `poolKey`. */
  readonly key: string;
  /** As v1 has it, whatever was declared. */
  readonly pool: InferencePool;
  /** The pool of before v1 that `pool` was made from. */
  readonly before?: XInferencePool;
}

/** `namespace/name` of a v1 pool, `namespace/name/inference.networking.x-k8s.io` of one of before v1: both may exist. */
export function poolKey(group: string, ref: ObjectRef): string {
  return group === InferencePool.group ? keyOf(ref) : `${keyOf(ref)}/${group}`;
}

/** The API group that a pool was declared in. */
export function groupOf({ before }: DeclaredPool): string {
  return before === undefined ? InferencePool.group : XInferencePool.group;
}

export function isPoolGroup(group: string): boolean {
  return group === InferencePool.group || group === XInferencePool.group;
}

/** Of the same two lists the same list, and of the same pool the same object. */
export function declaredPools(
  pools: readonly InferencePool[],
  before: readonly XInferencePool[],
): readonly DeclaredPool[] {
  const known = declared.get(pools);
  if (known?.before === before) return known.all;
  const all = [...pools.map(declaredV1), ...before.map(declaredX)];
  declared.set(pools, { before, all });
  return all;
}

const declared = new WeakMap<
  readonly InferencePool[],
  { readonly before: readonly XInferencePool[]; readonly all: readonly DeclaredPool[] }
>();
const declaredOf = new WeakMap<InferencePool | XInferencePool, DeclaredPool>();

function declaredV1(pool: InferencePool): DeclaredPool {
  return remembered(pool, () => ({ key: poolKey(InferencePool.group, pool.metadata), pool }));
}

function declaredX(pool: XInferencePool): DeclaredPool {
  return remembered(pool, () => ({
    key: poolKey(XInferencePool.group, pool.metadata),
    pool: poolOfX(pool),
    before: pool,
  }));
}

function remembered(pool: InferencePool | XInferencePool, make: () => DeclaredPool): DeclaredPool {
  let found = declaredOf.get(pool);
  if (found === undefined) declaredOf.set(pool, (found = make()));
  return found;
}
