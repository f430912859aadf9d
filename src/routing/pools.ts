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

export function isPoolGroup(group: string): boolean {
  return group === InferencePool.group || group === XInferencePool.group;
}

export function declaredPools(
  pools: readonly InferencePool[],
  before: readonly XInferencePool[],
): readonly DeclaredPool[] {
  return [
    ...pools.map((pool) => ({ key: poolKey(InferencePool.group, pool.metadata), pool })),
    ...before.map((pool) => ({ key: poolKey(XInferencePool.group, pool.metadata), pool: poolOfX(pool), before: pool })),
  ];
}
