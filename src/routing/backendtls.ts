import { keyOf } from '../kinds/object.ts';
import type { Service } from '../kinds/core/service.ts';
import { Backend } from '../kinds/envoygateway/backend.ts';
import { BackendTLSPolicy } from '../kinds/gateway/backendtlspolicy.ts';
import type { UpstreamTls } from '../credentials/tls.ts';
import { authoritiesOf, type BadRef } from './authorities.ts';
import { backendSettings } from './backendtlssettings.ts';
import type { Lookup, PolicyTarget } from './resources.ts';

/** TLS towards Services and Backends, from BackendTLSPolicies and the `tls` of Backends (gatewayapi.md 9). */

/** What a policy may name: the whole target or, by the name or number of its port, a part of it. */
export interface TlsTarget extends PolicyTarget {
  readonly sections: readonly string[];
}

/** How to connect, or why nothing may be sent: never in the clear to a backend that is to be reached over TLS. */
export type FoundTls = { readonly tls: UpstreamTls } | { readonly problem: string };

type ServicePort = NonNullable<Service['spec']['ports']>[number];

export function serviceTarget({ metadata }: Service, { name, port }: ServicePort): TlsTarget {
  const sections = [...(name === undefined ? [] : [name]), String(port)];
  return { group: '', kind: 'Service', namespace: metadata.namespace ?? '', name: metadata.name, sections };
}

export function backendTarget({ metadata, spec }: Backend): TlsTarget {
  const sections = (spec.endpoints ?? []).flatMap((one) => {
    const port = one.fqdn?.port ?? one.ip?.port;
    return [...(one.name === undefined ? [] : [one.name]), ...(port === undefined ? [] : [String(port)])];
  });
  const { group, kind } = Backend;
  return { group, kind, namespace: metadata.namespace ?? '', name: metadata.name, sections };
}

export const policyFor = (lookup: Lookup, target: TlsTarget): BackendTLSPolicy | undefined =>
  policyInCharge(lookup.tlsPolicies(target), target);

/** The policy in charge of a target: one for its port before one for all of it, then the oldest. */
export function policyInCharge(policies: readonly BackendTLSPolicy[], target: TlsTarget): BackendTLSPolicy | undefined {
  const names = (policy: BackendTLSPolicy, section: string | undefined): boolean =>
    policy.spec.targetRefs.some(
      ({ group, kind, name, sectionName = '' }) =>
        group === target.group && kind === target.kind && name === target.name && sectionName === (section ?? ''),
    );
  for (const section of [...target.sections, undefined]) {
    const found = policies.find((policy) => names(policy, section));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Undefined: plain HTTP. */
export function tlsOf(lookup: Lookup, target: TlsTarget, backend?: Backend): FoundTls | undefined {
  const policy = policyFor(lookup, target);
  const settings = backend && backendSettings(lookup, backend);
  if (settings !== undefined && 'problem' in settings) return settings;
  if (policy === undefined) {
    if (settings === undefined) return undefined;
    const { authorities } = settings.tls;
    return authorities === undefined
      ? {
          problem: `${settings.tls.declaredBy}: spec.tls says not how to verify: set wellKnownCACertificates, caCertificateRefs or insecureSkipVerify, or make a BackendTLSPolicy`,
        }
      : { tls: { ...settings.tls, authorities } };
  }
  const verdict = verdictOf(lookup, policy);
  if (verdict.authorities === undefined) {
    return { problem: `${nameOf(policy)}: ${verdict.bad.map(({ message }) => message).join('; ')}` };
  }
  const { hostname, subjectAltNames } = policy.spec.validation;
  const names = subjectAltNames?.map(({ type, hostname: host, uri }) => ({
    type,
    value: (type === 'URI' ? uri : host) ?? '',
  }));
  return {
    tls: {
      ...settings?.tls,
      declaredBy: nameOf(policy),
      serverName: hostname,
      authorities: verdict.authorities,
      ...(names === undefined || names.length === 0 ? {} : { names }),
    },
  };
}

export interface PolicyVerdict {
  /** Undefined: none that may be trusted, so that nothing is sent. */
  readonly authorities: UpstreamTls['authorities'] | undefined;
  readonly bad: readonly BadRef[];
}

/** What the references of a policy come to. */
export function verdictOf(lookup: Lookup, policy: BackendTLSPolicy): PolicyVerdict {
  const { caCertificateRefs = [], wellKnownCACertificates } = policy.spec.validation;
  if (wellKnownCACertificates === 'System') return { authorities: 'system', bad: [] };
  const { pem, bad } = authoritiesOf(lookup, policy.metadata.namespace ?? '', caCertificateRefs);
  return { authorities: pem === '' ? undefined : { pem }, bad };
}

const nameOf = ({ metadata }: BackendTLSPolicy): string => `${BackendTLSPolicy.kind} ${keyOf(metadata)}`;
