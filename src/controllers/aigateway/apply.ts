import { isDeepStrictEqual } from 'node:util';
import { HTTPRouteFilter } from '../../kinds/envoygateway/httproutefilter.ts';
import { HTTPRoute } from '../../kinds/gateway/httproute.ts';
import type { Kind } from '../../kinds/kind.ts';
import { keyOf, type Condition, type KubeObject } from '../../kinds/object.ts';
import { isConflict, type KubeClient } from '../../kube/client.ts';
import { sameConditions, setCondition } from '../../kube/conditions.ts';
import type { Settled } from '../../reconcile/settled.ts';
import type { Verdict } from './plan.ts';

/** Writes what a plan wants, and only what differs. */

export type WithConditions = KubeObject & { status?: { conditions?: Condition[] } };

/** One condition replaces the other: a resource never carries both (aigateway.md 1.7). */
export function conditionsFor(object: WithConditions, verdict: Verdict, reasons = reconciliationReasons): Condition[] {
  const type = verdict.accepted ? 'Accepted' : 'NotAccepted';
  const update = {
    type,
    status: verdict.accepted ? ('True' as const) : ('False' as const),
    reason: reasons[type],
    message: verdict.message,
    observedGeneration: object.metadata.generation ?? 0,
  };
  return setCondition(object.status?.conditions, update).filter((condition) => condition.type === type);
}

export const reconciliationReasons = { Accepted: 'ReconciliationSucceeded', NotAccepted: 'ReconciliationFailed' };
/** GatewayConfig repeats the type. */
export const typeAsReason = { Accepted: 'Accepted', NotAccepted: 'NotAccepted' };

export async function writeVerdict<T extends WithConditions>(
  client: KubeClient,
  kind: Kind<T>,
  object: T,
  verdict: Verdict,
  reasons = reconciliationReasons,
): Promise<void> {
  const conditions = conditionsFor(object, verdict, reasons);
  if (sameConditions(conditions, object.status?.conditions)) return;
  await client.patch(kind, object.metadata, { type: 'merge', subresource: 'status', body: { status: { conditions } } });
}

export async function createMissingFilters(
  client: KubeClient,
  wanted: readonly HTTPRouteFilter[],
  exists: (filter: HTTPRouteFilter) => boolean,
): Promise<void> {
  for (const filter of wanted) {
    if (exists(filter)) continue;
    try {
      await client.create(HTTPRouteFilter, filter);
    } catch (error) {
      // Created a moment ago, and the cache does not know yet.
      if (!isConflict(error)) throw error;
    }
  }
}

/** What of an HTTPRoute the controller owns: everything but its status and the API's bookkeeping. */
function contentOf({ metadata, spec }: HTTPRoute): unknown {
  const { labels = {}, annotations = {}, ownerReferences = [] } = metadata;
  return { labels, annotations, ownerReferences, spec };
}

export async function writeHTTPRoute(
  client: KubeClient,
  settled: Settled,
  wanted: HTTPRoute,
  existing: HTTPRoute | undefined,
): Promise<void> {
  const key = keyOf(wanted.metadata);
  if (existing === undefined) {
    settled.wrote(key, contentOf(wanted), contentOf(await client.create(HTTPRoute, wanted)));
    return;
  }
  if (settled.isSettled(key, contentOf(wanted), contentOf(existing))) return;
  const { labels, annotations, ownerReferences } = wanted.metadata;
  const { labels: _, ...metadata } = existing.metadata;
  const changed: HTTPRoute = {
    ...existing,
    metadata: {
      ...metadata,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
    },
    spec: wanted.spec,
  };
  if (isDeepStrictEqual(contentOf(changed), contentOf(existing))) return;
  settled.wrote(key, contentOf(wanted), contentOf(await client.update(HTTPRoute, changed)));
}
