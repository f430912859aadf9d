import { BackendSecurityPolicy } from '../../kinds/aigateway/backendsecuritypolicy.ts';
import { keyOf, type ObjectRef } from '../../kinds/object.ts';
import type { Change, InformerCache } from '../../kube/informer.ts';
import type { Reader } from '../../reconcile/pass.ts';

/** Which BackendSecurityPolicies protect what (aigateway.md 1.5): targets are of the policy's own namespace. */

const byTarget = 'target';

export function indexPolicies(informers: InformerCache): void {
  informers.informer(BackendSecurityPolicy).addIndex(byTarget, targetsOf);
}

/** Those that name a backend or a pool of this name. */
export function policiesOf(read: Reader, target: ObjectRef): readonly BackendSecurityPolicy[] {
  return read.byIndex(BackendSecurityPolicy, byTarget, keyOf(target));
}

/** What a policy protects, and protected before it changed. */
export function targetKeysOf({ object, previous }: Change<BackendSecurityPolicy>): string[] {
  return [...new Set([object, ...(previous === undefined ? [] : [previous])].flatMap(targetsOf))];
}

function targetsOf({ metadata, spec }: BackendSecurityPolicy): string[] {
  return (spec.targetRefs ?? []).map(({ name }) => keyOf({ namespace: metadata.namespace, name }));
}
