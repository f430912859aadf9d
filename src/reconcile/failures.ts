import { isConflict } from '../kube/client.ts';
import type { Kind } from '../kinds/kind.ts';
import { keyOf, type ObjectRef } from '../kinds/object.ts';

/** What of a pass did not work, as data: plans decide by these fields what to say, never by the text. */

export type WriteAction = 'apply' | 'create' | 'update' | 'delete';

/** A write of a child that the API did not do. */
export interface WriteFailure {
  readonly child: { readonly kind: Kind; readonly ref: ObjectRef };
  readonly action: WriteAction;
  readonly error: Error;
}

/** In one sentence, for conditions and logs. */
export function describeFailure({ child, action, error }: WriteFailure): string {
  return `failed to ${action} ${child.kind.kind} ${keyOf(child.ref)}: ${error.message}`;
}

/**
 * The plan was made from a cache that is behind: nothing is wrong, and the pass is to be made again. A conflict of server-side
 * apply is none of these: there, another manager owns a field for good.
 */
export function isOutdated({ action, error }: WriteFailure): boolean {
  return action !== 'apply' && isConflict(error);
}
