import { InferencePool } from '../kinds/inference/inferencepool.ts';
import { xStatusOf } from '../kinds/inference/poolconversion.ts';
import { XInferencePool } from '../kinds/inference/xinferencepool.ts';
import { keyOf } from '../kinds/object.ts';
import { hasStandIn, pickerReadyFinding } from './poolpicker.ts';
import { groupOf, type DeclaredPool } from './pools.ts';
import type { Lookup } from './resources.ts';
import type { RouteOutcome } from './routestatus.ts';
import { findings, mergeEntries, no, wantStatus, yes, type Finding, type WantedStatus } from './statuses.ts';

/** A Gateway of ours through which some route reaches a pool. */
export interface PoolParent {
  readonly namespace: string;
  readonly name: string;
  readonly controllerName: string;
  /** False while no route that names the pool is accepted there. */
  readonly accepted: boolean;
}

/** The Gateways through which routes lead to each pool, by the pool's key. */
export function poolParents(outcomes: readonly RouteOutcome[]): Map<string, PoolParent[]> {
  const byPool = new Map<string, Map<string, PoolParent>>();
  for (const { parents, pools } of outcomes) {
    for (const pool of pools) {
      const found = byPool.get(pool) ?? new Map<string, PoolParent>();
      byPool.set(pool, found);
      for (const { gateway, accepted } of parents) {
        const { name, namespace } = gateway;
        const already = found.get(gateway.key)?.accepted === true;
        found.set(gateway.key, {
          namespace,
          name,
          controllerName: gateway.controllerName,
          accepted: accepted || already,
        });
      }
    }
  }
  return new Map([...byPool].map(([pool, found]) => [pool, [...found.values()]]));
}

type ParentEntry = NonNullable<NonNullable<InferencePool['status']>['parents']>[number];

export interface Claims {
  /** Names of controllers that are ours. */
  readonly controllers: ReadonlySet<string>;
  /** `namespace/name` of the Gateways that are ours. */
  readonly gateways: { has(key: string): boolean };
}

/** Status of every pool: one entry per Gateway, none where no route leads to it (epp.md 1.1, aigateway.md 1.7). */
export function poolStatuses(
  lookup: Lookup,
  parents: ReadonlyMap<string, readonly PoolParent[]>,
  claims: Claims,
  now: Date,
): WantedStatus[] {
  const existingGateways = new Set(lookup.resources.gateways.map(({ metadata }) => keyOf(metadata)));
  return lookup.pools.flatMap((declared) => {
    const wanted = parents.get(declared.key) ?? none;
    // Without a Gateway it has a status only where it had one before.
    if (wanted.length === 0 && declared.pool.status?.parents === undefined) return [];
    return statusOf(declared, wanted, pickerFindings(lookup, declared), claims, existingGateways, now);
  });
}

const none: readonly PoolParent[] = [];

/** How the names begin under which they are remembered. */
export const pickerFindingsOf = 'picker findings of pool ';

function pickerFindings(lookup: Lookup, declared: DeclaredPool): readonly Finding[] {
  return lookup.remember(`${pickerFindingsOf}${declared.key}`, (at) => {
    const current = at.pool(groupOf(declared), declared.pool.metadata) ?? declared;
    const ready = pickerReadyFinding(at, current);
    return [pickerFinding(at, current.pool), ...(ready === undefined ? [] : [ready])];
  });
}

function statusOf(
  declared: DeclaredPool,
  wanted: readonly PoolParent[],
  picker: readonly Finding[],
  claims: Claims,
  existingGateways: ReadonlySet<string>,
  now: Date,
): WantedStatus[] {
  const { pool, before } = declared;
  const existing = pool.status?.parents;
  // Entries of before v1 do not say whose they are: ours are those of our Gateways, and of Gateways that are gone.
  const isOurs = ({ controllerName, parentRef }: ParentEntry): boolean => {
    if (before === undefined) return controllerName !== undefined && claims.controllers.has(controllerName);
    const gateway = keyOf({ namespace: parentRef.namespace ?? pool.metadata.namespace, name: parentRef.name });
    return parentRef.kind === 'Gateway' && (claims.gateways.has(gateway) || !existingGateways.has(gateway));
  };
  if (wanted.length === 0 && existing?.some(isOurs) !== true) return [];
  const entries = mergeEntries(
    existing,
    isOurs,
    wanted.map((parent) => ({
      isSame: ({ controllerName, parentRef }) =>
        (before !== undefined || controllerName === parent.controllerName) &&
        parentRef.name === parent.name &&
        parentRef.namespace === parent.namespace,
      build: (previous) => ({
        parentRef: {
          group: 'gateway.networking.k8s.io',
          kind: 'Gateway',
          name: parent.name,
          namespace: parent.namespace,
        },
        controllerName: parent.controllerName,
        conditions: findings(previous?.conditions, [acceptedFinding(parent), ...picker], pool, now),
      }),
    })),
  );
  return [wantedStatus(declared, { ...pool.status, parents: entries })];
}

function wantedStatus({ pool, before }: DeclaredPool, status: NonNullable<InferencePool['status']>): WantedStatus {
  return before === undefined
    ? wantStatus(InferencePool, pool, status)
    : wantStatus(XInferencePool, before, xStatusOf(status));
}

const saidBy = (reason: string): string => `InferencePool has been ${reason} by controller ai-gateway-controller:`;

function acceptedFinding({ accepted }: PoolParent): Finding {
  return accepted
    ? yes('Accepted', 'Accepted', `${saidBy('Accepted')} a route of this Gateway refers to it`)
    : no(
        'Accepted',
        'HTTPRouteNotAccepted',
        `${saidBy('NotAccepted')} no route that refers to it is accepted by this Gateway`,
      );
}

function pickerFinding(lookup: Lookup, { metadata, spec }: InferencePool): Finding {
  const picker = spec.endpointPickerRef;
  const namespace = metadata.namespace ?? '';
  if (picker === undefined) return yes('ResolvedRefs', 'ResolvedRefs', 'the pool names no endpoint picker');
  if ((picker.kind ?? 'Service') !== 'Service' || (picker.group ?? '') !== '') {
    return no(
      'ResolvedRefs',
      'InvalidExtensionRef',
      `ExtensionReference ${picker.name}: kind ${picker.kind ?? ''} is not supported`,
    );
  }
  return lookup.service({ namespace, name: picker.name }) === undefined && !hasStandIn(lookup, picker.name)
    ? no(
        'ResolvedRefs',
        'InvalidExtensionRef',
        `ExtensionReference service ${picker.name} not found in namespace ${namespace}`,
      )
    : yes('ResolvedRefs', 'ResolvedRefs', 'All references of the InferencePool have been resolved');
}
