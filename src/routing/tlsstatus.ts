import { Backend } from '../kinds/envoygateway/backend.ts';
import { BackendTLSPolicy } from '../kinds/gateway/backendtlspolicy.ts';
import { keyOf } from '../kinds/object.ts';
import { targetsOf } from '../routes/visit.ts';
import { backendTarget, policyInCharge, serviceTarget, verdictOf, type TlsTarget } from './backendtls.ts';
import type { GatewayState } from './gatewaystate.ts';
import { ancestorsOf, type Reach } from './policystatus.ts';
import type { Lookup } from './resources.ts';
import type { RouteOutcome } from './routestatus.ts';
import { no, wantStatus, yes, type Finding, type WantedStatus } from './statuses.ts';
import { targetKey } from './targeted.ts';

/** As many as a status may have. */
const maxAncestors = 16;

/** Statuses of BackendTLSPolicies, for each Gateway whose routes lead to their targets (gatewayapi.md 9). */
export function tlsPolicyStatuses(
  lookup: Lookup,
  gateways: readonly GatewayState[],
  outcomes: readonly RouteOutcome[],
  claimed: ReadonlySet<string>,
  now: Date,
): WantedStatus[] {
  const policies = lookup.resources.backendTLSPolicies;
  if (policies.length === 0) return [];
  const reached = reachedTargets(outcomes);
  return policies.flatMap((policy) => {
    const missing = missingTarget(lookup, policy);
    const namespace = policy.metadata.namespace ?? '';
    const own = new Set(
      policy.spec.targetRefs.flatMap((ref) => [...(reached.get(targetKey({ ...ref, namespace })) ?? [])]),
    );
    // No route leads to a target that is not there: whoever wrote its name wrong is told by the Gateways beside it.
    if (own.size === 0 && missing !== undefined) {
      for (const gateway of gateways) if (gateway.namespace === namespace) own.add(gateway);
    }
    const found = rememberedFindings(lookup, policy);
    const reach = [...own].slice(0, maxAncestors).map((gateway): Reach => ({ gateway, findings: found }));
    const ancestors = ancestorsOf(policy, policy.status?.ancestors, reach, claimed, now);
    return ancestors === undefined ? [] : [wantStatus(BackendTLSPolicy, policy, { ...policy.status, ancestors })];
  });
}

/** Remembered, so that a change of what the policy refers to is known to concern it. */
function rememberedFindings(lookup: Lookup, policy: BackendTLSPolicy): Finding[] {
  const key = keyOf(policy.metadata);
  return lookup.remember(`findings of TLS policy ${key}`, (at) => {
    const namespace = policy.metadata.namespace ?? '';
    const [ref] = policy.spec.targetRefs;
    const asked = ref === undefined ? [] : at.tlsPolicies({ ...ref, namespace });
    const current = asked.find(({ metadata }) => keyOf(metadata) === key) ?? policy;
    return findingsOf(at, current, missingTarget(at, current));
  });
}

function findingsOf(lookup: Lookup, policy: BackendTLSPolicy, missing: string | undefined): Finding[] {
  const { authorities, bad } = verdictOf(lookup, policy);
  const [first] = bad;
  const resolved =
    first === undefined
      ? yes('ResolvedRefs', 'ResolvedRefs', 'all references are resolved')
      : no('ResolvedRefs', first.reason, bad.map(({ message }) => message).join('; '));
  return [acceptedFinding(lookup, policy, missing, authorities === undefined), resolved];
}

function acceptedFinding(
  lookup: Lookup,
  policy: BackendTLSPolicy,
  missing: string | undefined,
  trustsNobody: boolean,
): Finding {
  if (missing !== undefined) return no('Accepted', 'TargetNotFound', missing);
  const rival = rivalOf(lookup, policy);
  if (rival !== undefined) {
    return no(
      'Accepted',
      'Conflicted',
      `BackendTLSPolicy ${keyOf(rival.metadata)} is older and has a target of this one`,
    );
  }
  if (trustsNobody) {
    return no(
      'Accepted',
      'NoValidCACertificate',
      'no reference leads to a certificate: nothing is sent to the targets',
    );
  }
  const options = Object.keys(policy.spec.options ?? {});
  const note = options.length === 0 ? '' : ` Without effect here: spec.options ${options.join(', ')}.`;
  return yes('Accepted', 'Accepted', `Policy has been accepted.${note}`);
}

/** The policy that one of the targets, or the same part of it, has before this one. */
function rivalOf(lookup: Lookup, policy: BackendTLSPolicy): BackendTLSPolicy | undefined {
  const namespace = policy.metadata.namespace ?? '';
  for (const { group, kind, name, sectionName } of policy.spec.targetRefs) {
    const place = { group, kind, namespace, name };
    const same = lookup
      .tlsPolicies(place)
      .filter((other) =>
        other.spec.targetRefs.some(
          (ref) =>
            ref.group === group &&
            ref.kind === kind &&
            ref.name === name &&
            (ref.sectionName ?? '') === (sectionName ?? ''),
        ),
      );
    const target = { ...place, sections: sectionName === undefined ? [] : [sectionName] };
    const winner = policyInCharge(same, target);
    if (winner !== undefined && winner !== policy) return winner;
  }
  return undefined;
}

/** What of the targets is not there. */
function missingTarget(lookup: Lookup, { metadata, spec }: BackendTLSPolicy): string | undefined {
  const namespace = metadata.namespace ?? '';
  for (const { group, kind, name, sectionName } of spec.targetRefs) {
    const found = targetsAt(lookup, { group, kind, namespace, name });
    const what = `${kind} ${namespace}/${name}`;
    if (found === undefined)
      return `${group === '' ? '' : `${group}/`}${kind} is no kind that this policy may have as a target`;
    if (found.length === 0) return `${what} not found`;
    const known = sectionName === undefined || found.some(({ sections }) => sections.includes(sectionName));
    if (!known) return `${what} has no port ${sectionName}`;
  }
  return undefined;
}

/** The target, once for each of its ports; undefined: there are no such targets. */
function targetsAt(lookup: Lookup, { group, kind, ...ref }: Omit<TlsTarget, 'sections'>): TlsTarget[] | undefined {
  if (group === '' && kind === 'Service') {
    const service = lookup.service(ref);
    return service === undefined ? [] : (service.spec.ports ?? []).map((port) => serviceTarget(service, port));
  }
  if (group !== Backend.group || kind !== Backend.kind) return undefined;
  const backend = lookup.backend(ref);
  return backend === undefined ? [] : [backendTarget(backend)];
}

/** The Gateways whose routes lead to a Service or Backend. */
function reachedTargets(outcomes: readonly RouteOutcome[]): ReadonlyMap<string, ReadonlySet<GatewayState>> {
  const reached = new Map<string, Set<GatewayState>>();
  for (const { rules, parents } of outcomes) {
    const gateways = parents.flatMap(({ gateway, accepted }) => (accepted ? [gateway] : []));
    if (gateways.length === 0) continue;
    for (const { type, key } of targetsOf(rules)) {
      const place = type === 'endpoints' ? placeOf(key) : undefined;
      if (place === undefined) continue;
      const found = reached.get(place) ?? new Set<GatewayState>();
      for (const gateway of gateways) found.add(gateway);
      reached.set(place, found);
    }
  }
  return reached;
}

/** What the key of an endpoint set (routes/table.ts) says of its object. */
function placeOf(key: string): string | undefined {
  const parts = /^(?<kind>service|backend)\/(?<namespace>[^/]*)\/(?<name>[^:]+)/.exec(key)?.groups;
  if (parts === undefined) return undefined;
  const { kind, namespace = '', name = '' } = parts;
  return kind === 'service'
    ? targetKey({ group: '', kind: 'Service', namespace, name })
    : targetKey({ group: Backend.group, kind: Backend.kind, namespace, name });
}
