import type { BackendTrafficPolicy } from '../kinds/envoygateway/backendtrafficpolicy.ts';
import type { ClientTrafficPolicy } from '../kinds/envoygateway/clienttrafficpolicy.ts';
import { matchesLabels } from '../kinds/labels.ts';
import type { KubeObject } from '../kinds/object.ts';
import type { Refusal } from './listeners.ts';
import { byAge } from './resources.ts';

/** Envoy Gateway's policies: what of them is carried out, and what is refused with the field's name. */

/** Body limit where no policy says another (aigateway.md 12.1). */
export const defaultBodyLimitBytes = 52_428_800;

interface Target {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly sectionName?: string;
}

type Policy = ClientTrafficPolicy | BackendTrafficPolicy;

/** The reference by which a policy targets an object of its own namespace. */
export function targetOf(
  policy: Policy,
  kind: string,
  object: {
    readonly metadata: {
      readonly name: string;
      readonly namespace?: string;
      readonly labels?: Readonly<Record<string, string>> | undefined;
    };
  },
): Target | undefined {
  if (policy.metadata.namespace !== object.metadata.namespace) return undefined;
  const group = 'gateway.networking.k8s.io';
  const { name } = object.metadata;
  const { targetRef, targetRefs = [], targetSelectors = [] } = policy.spec;
  const named = [...(targetRef === undefined ? [] : [targetRef]), ...targetRefs].find(
    (ref) => ref.group === group && ref.kind === kind && ref.name === name,
  );
  if (named !== undefined) return named;
  const selected = targetSelectors.some(
    ({ kind: wanted, matchLabels }) =>
      wanted === kind && matchesLabels({ matchLabels: textMap(matchLabels) }, object.metadata.labels),
  );
  return selected ? { group, kind, name } : undefined;
}

function textMap(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, String(text)]));
}

/** What each ClientTrafficPolicy that targets a Gateway comes to there. */
export interface ClientPolicyOutcome {
  readonly policy: ClientTrafficPolicy;
  readonly target: Target;
  readonly refused?: Refusal;
}

export interface ClientPolicies {
  readonly bodyLimitBytes: number;
  readonly outcomes: readonly ClientPolicyOutcome[];
}

/** A refused policy changes nothing; of several the oldest counts. */
export function clientPolicies(policies: readonly ClientTrafficPolicy[], gateway: KubeObject): ClientPolicies {
  let bodyLimitBytes: number | undefined;
  const outcomes = policies.toSorted(byAge).flatMap((policy): ClientPolicyOutcome[] => {
    const target = targetOf(policy, 'Gateway', gateway);
    if (target === undefined) return [];
    const problem = clientPolicyProblem(policy, target);
    if (problem !== undefined) return [{ policy, target, refused: { reason: 'Invalid', message: problem } }];
    if (bodyLimitBytes !== undefined) {
      return [
        {
          policy,
          target,
          refused: { reason: 'Conflicted', message: 'an older ClientTrafficPolicy targets this Gateway' },
        },
      ];
    }
    bodyLimitBytes = parseBytes(policy.spec.connection?.bufferLimit) ?? defaultBodyLimitBytes;
    return [{ policy, target }];
  });
  return { bodyLimitBytes: bodyLimitBytes ?? defaultBodyLimitBytes, outcomes };
}

const targetFields = new Set(['targetRef', 'targetRefs', 'targetSelectors']);

function clientPolicyProblem({ spec }: ClientTrafficPolicy, target: Target): string | undefined {
  if (target.sectionName !== undefined)
    return 'targetRefs[].sectionName is not supported yet: target the whole Gateway';
  const unsupported = [
    ...Object.keys(spec).filter((field) => !targetFields.has(field) && field !== 'connection'),
    ...Object.keys(spec.connection ?? {})
      .filter((field) => field !== 'bufferLimit')
      .map((field) => `connection.${field}`),
  ];
  if (unsupported.length > 0) {
    return `not supported yet: ${unsupported.map((field) => `spec.${field}`).join(', ')}; nothing of this policy is applied`;
  }
  const limit = spec.connection?.bufferLimit;
  if (limit !== undefined && parseBytes(limit) === undefined)
    return `spec.connection.bufferLimit: ${limit} is not a quantity`;
  return undefined;
}

const factors: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** Bytes of a Kubernetes quantity such as `50Mi`. */
export function parseBytes(quantity: string | number | undefined): number | undefined {
  const parts = /^(?<number>\d+(?:\.\d+)?)(?<suffix>[kMGT]|[KMGT]i)?$/.exec(String(quantity ?? ''))?.groups;
  if (parts === undefined) return undefined;
  const factor = factors[parts['suffix'] ?? ''];
  return factor === undefined ? undefined : Math.floor(Number(parts['number']) * factor);
}

/** BackendTrafficPolicies are not carried out yet, and say so. */
export function backendPolicyRefusal({ spec }: BackendTrafficPolicy): Refusal {
  const fields = Object.keys(spec).filter((field) => !targetFields.has(field));
  return {
    reason: 'Invalid',
    message: `BackendTrafficPolicy is not supported yet: ${fields.map((field) => `spec.${field}`).join(', ') || 'it'} has no effect`,
  };
}
