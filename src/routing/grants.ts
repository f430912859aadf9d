import type { ReferenceGrant } from '../kinds/gateway/referencegrant.ts';

/** The object that refers. */
export interface Referrer {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
}

export interface ReferenceTarget {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/**
 * True when the reference stays in its namespace, or a ReferenceGrant of the target's namespace allows it
 * (gatewayapi.md 4, aigateway.md 2.3; `to.name` is honoured for both).
 */
export function isPermitted(grants: readonly ReferenceGrant[], from: Referrer, to: ReferenceTarget): boolean {
  if (from.namespace === to.namespace) return true;
  return grants.some(
    ({ metadata, spec }) =>
      metadata.namespace === to.namespace &&
      spec.from.some((f) => f.group === from.group && f.kind === from.kind && f.namespace === from.namespace) &&
      spec.to.some(
        (t) =>
          t.group === to.group && t.kind === to.kind && (t.name === undefined || t.name === '' || t.name === to.name),
      ),
  );
}
