import { BackendSecurityPolicy } from '../../kinds/aigateway/backendsecuritypolicy.ts';
import { keyOf, refOf, type ObjectRef } from '../../kinds/object.ts';
import type { Change, InformerCache } from '../../kube/informer.ts';
import type { Reader } from '../../reconcile/pass.ts';

/** Which BackendSecurityPolicies protect what (aigateway.md 1.5): targets are of the policy's own namespace. */

const byTarget = 'target';
const bySecret = 'secret';
const abroad = 'abroad';
const yes = 'yes';

export function indexPolicies(informers: InformerCache): void {
  const policies = informers.informer(BackendSecurityPolicy);
  policies.addIndex(byTarget, targetsOf);
  policies.addIndex(bySecret, secretKeysOf);
  policies.addIndex(abroad, (policy) => (readsAbroad(policy) ? [yes] : []));
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

/** `namespace/name` of the Secrets that a policy refers to. */
export function secretKeysOf({ metadata, spec }: BackendSecurityPolicy): string[] {
  const { apiKey, azureAPIKey, anthropicAPIKey, awsCredentials, azureCredentials, gcpCredentials } = spec;
  const federation = gcpCredentials?.workloadIdentityFederationConfig;
  const clients = [awsCredentials, azureCredentials, federation].map((one) => one?.oidcExchangeToken?.oidc);
  const refs = [
    ...[apiKey, azureAPIKey, anthropicAPIKey, awsCredentials?.credentialsFile, gcpCredentials?.credentialsFile].map(
      (one) => one?.secretRef,
    ),
    azureCredentials?.clientSecretRef,
    ...clients.flatMap((oidc) => [oidc?.clientSecret, oidc?.clientIDRef]),
  ];
  return refs.flatMap((ref) =>
    ref === undefined ? [] : [keyOf({ namespace: ref.namespace ?? metadata.namespace, name: ref.name })],
  );
}

/** It refers to a Secret of another namespace, so that it depends on ReferenceGrants. */
export function readsAbroad(policy: BackendSecurityPolicy): boolean {
  return secretKeysOf(policy).some((key) => refOf(key).namespace !== policy.metadata.namespace);
}

/** Keys of the policies that refer to a Secret. */
export function policiesReading(informers: InformerCache, secret: string): string[] {
  return informers
    .informer(BackendSecurityPolicy)
    .byIndex(bySecret, secret)
    .map(({ metadata }) => keyOf(metadata));
}

export function policiesReadingAbroad(informers: InformerCache): readonly BackendSecurityPolicy[] {
  return informers.informer(BackendSecurityPolicy).byIndex(abroad, yes);
}

/** Keys of what those policies protect. */
export function targetsAbroad(informers: InformerCache): string[] {
  return [...new Set(policiesReadingAbroad(informers).flatMap(targetsOf))];
}
