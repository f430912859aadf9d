import type { BackendSecurityPolicy } from '../kinds/aigateway/backendsecuritypolicy.ts';
import { keyOf } from '../kinds/object.ts';
import {
  defaultOverrideHeader,
  secretsOf,
  type AwsSource,
  type AzureSource,
  type CredentialOverride,
  type CredentialSource,
  type GcpSource,
  type OidcExchange,
  type SecretKey,
  type UnboundCredential,
} from '../credentials/credential.ts';
import { isPermitted } from './grants.ts';
import type { Lookup, PolicyTarget } from './resources.ts';

/** From BackendSecurityPolicies to the credentials of backends: references to Secrets, never their values (aigateway.md 1.3, 2.4, 13). */

type Spec = BackendSecurityPolicy['spec'];

/** How requests to a target are authorized, before it is known where it leads; or why none may be sent. */
export type FoundCredential = { readonly credential: UnboundCredential } | { readonly problem: string };

/** Undefined: no policy targets it, and requests go as they are. */
export function credentialFor(lookup: Lookup, target: PolicyTarget): FoundCredential | undefined {
  const policies = lookup.securityPolicies(target);
  const [policy, second] = policies;
  if (policy === undefined) return undefined;
  const names = policies.map(({ metadata }) => keyOf(metadata)).join(' and ');
  if (second !== undefined) {
    return {
      problem: `multiple BackendSecurityPolicies target ${target.kind} ${target.namespace}/${target.name}: ${names}`,
    };
  }
  return credentialOf(lookup, policy);
}

function credentialOf(lookup: Lookup, policy: BackendSecurityPolicy): FoundCredential {
  const reader = new SpecReader(lookup, policy);
  const source = reader.source();
  const override = reader.override(source);
  const [problem] = reader.problems;
  const name = keyOf(policy.metadata);
  if (problem !== undefined || source === undefined) {
    return { problem: `BackendSecurityPolicy ${name}: ${problem ?? 'it names no credential'}` };
  }
  return { credential: { ...source, policy: name, ...(override === undefined ? {} : { override }) } };
}

/** What is wrong with a policy by itself, for its status: what its target's would say, and Secrets that lack what is wanted. */
export function policyProblem(lookup: Lookup, policy: BackendSecurityPolicy): string | undefined {
  const found = credentialOf(lookup, policy);
  if ('problem' in found) return found.problem;
  for (const { namespace, name, key } of secretsOf(found.credential)) {
    const secret = lookup.secret({ namespace, name });
    if (secret === undefined) return `Secret ${namespace}/${name} not found`;
    if (!secret.keys.includes(key)) return `Secret ${namespace}/${name} has no key ${key}`;
  }
  return undefined;
}

interface SecretRef {
  readonly group?: string;
  readonly kind?: string;
  readonly name: string;
  readonly namespace?: string;
}

type Exchange = NonNullable<NonNullable<Spec['awsCredentials']>['oidcExchangeToken']>;

class SpecReader {
  readonly problems: string[] = [];
  readonly #lookup: Lookup;
  readonly #policy: BackendSecurityPolicy;
  readonly #namespace: string;

  constructor(lookup: Lookup, policy: BackendSecurityPolicy) {
    this.#lookup = lookup;
    this.#policy = policy;
    this.#namespace = policy.metadata.namespace ?? '';
  }

  source(): CredentialSource | undefined {
    const { type, apiKey, azureAPIKey, anthropicAPIKey, awsCredentials, azureCredentials, gcpCredentials } =
      this.#policy.spec;
    switch (type) {
      case 'APIKey':
        return this.#key(type, 'apiKey', apiKey?.secretRef);
      case 'AzureAPIKey':
        return this.#key(type, 'azureAPIKey', azureAPIKey?.secretRef);
      case 'AnthropicAPIKey':
        return this.#key(type, 'anthropicAPIKey', anthropicAPIKey?.secretRef);
      case 'AWSCredentials':
        return awsCredentials && { type, region: awsCredentials.region, source: this.#aws(awsCredentials) };
      case 'AzureCredentials': {
        const source = azureCredentials && this.#azure(azureCredentials);
        return source && { type, source };
      }
      case 'GCPCredentials':
        return (
          gcpCredentials && {
            type,
            project: gcpCredentials.projectName,
            region: gcpCredentials.region,
            source: this.#gcp(gcpCredentials),
          }
        );
    }
  }

  override(source: CredentialSource | undefined): CredentialOverride | undefined {
    const { type, credentialOverride } = this.#policy.spec;
    if (credentialOverride === undefined) return undefined;
    const { fromRequestHeaders: headers } = credentialOverride;
    if (headers === undefined) {
      this.problems.push(
        'spec.credentialOverride.fromDynamicMetadata is not supported: there are no other filters to set it; use fromRequestHeaders',
      );
      return undefined;
    }
    const header = (headers.header ?? defaultOverrideHeader[type]).toLowerCase();
    if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(header)) {
      this.problems.push('spec.credentialOverride.fromRequestHeaders.header is not the name of a header');
    }
    const fallback = headers.fallbackToConfigured ?? true;
    // aigateway.md 5.7: the default credentials of Google count as none, those of AWS as some.
    if (fallback && source?.type === 'GCPCredentials' && source.source.type === 'default') {
      this.problems.push(
        'spec.credentialOverride: fallbackToConfigured needs a credential that is configured: set it to false',
      );
    }
    return { header, fallback };
  }

  #key(
    type: 'APIKey' | 'AzureAPIKey' | 'AnthropicAPIKey',
    field: string,
    ref: SecretRef | undefined,
  ): CredentialSource | undefined {
    return ref && { type, secret: this.#secret(ref, 'apiKey', `spec.${field}.secretRef`) };
  }

  #aws({ region, credentialsFile, oidcExchangeToken }: NonNullable<Spec['awsCredentials']>): AwsSource {
    const at = 'spec.awsCredentials';
    if (credentialsFile !== undefined && oidcExchangeToken !== undefined) {
      this.problems.push(`${at}: only one of credentialsFile and oidcExchangeToken may be set`);
    }
    if (credentialsFile !== undefined) {
      const { secretRef, profile = 'default' } = credentialsFile;
      return {
        type: 'file',
        secret: this.#secret(secretRef, 'credentials', `${at}.credentialsFile.secretRef`),
        profile,
      };
    }
    if (oidcExchangeToken === undefined) return { type: 'default', region };
    return {
      type: 'oidc',
      region,
      roleArn: oidcExchangeToken.awsRoleArn,
      // aigateway.md 2.4; STS takes at most 64 characters.
      sessionName: `ai-gateway-${this.#policy.metadata.name}`.slice(0, 64),
      exchange: this.#exchange(oidcExchangeToken, at),
    };
  }

  #azure({
    clientID,
    tenantID,
    clientSecretRef,
    oidcExchangeToken,
  }: NonNullable<Spec['azureCredentials']>): AzureSource | undefined {
    const at = 'spec.azureCredentials';
    const application = { tenantId: tenantID, clientId: clientID };
    if (clientSecretRef !== undefined) {
      const secret = this.#secret(clientSecretRef, 'client-secret', `${at}.clientSecretRef`);
      return { type: 'clientSecret', ...application, secret };
    }
    return oidcExchangeToken && { type: 'oidc', ...application, exchange: this.#exchange(oidcExchangeToken, at) };
  }

  #gcp(gcp: NonNullable<Spec['gcpCredentials']>): GcpSource {
    const at = 'spec.gcpCredentials';
    if (gcp.credentialsFile !== undefined) {
      const { secretRef } = gcp.credentialsFile;
      return {
        type: 'file',
        secret: this.#secret(secretRef, 'service_account.json', `${at}.credentialsFile.secretRef`),
      };
    }
    const federation = gcp.workloadIdentityFederationConfig;
    if (federation === undefined) return { type: 'default' };
    const { projectID, workloadIdentityPoolName: pool, workloadIdentityProviderName: provider } = federation;
    const account = federation.serviceAccountImpersonation?.serviceAccountName;
    return {
      type: 'federation',
      audience: `//iam.googleapis.com/projects/${projectID}/locations/global/workloadIdentityPools/${pool}/providers/${provider}`,
      exchange: this.#exchange(federation.oidcExchangeToken, `${at}.workloadIdentityFederationConfig`),
      ...(account === undefined ? {} : { serviceAccount: `${account}@${gcp.projectName}.iam.gserviceaccount.com` }),
    };
  }

  #exchange({ oidc, grantType, aud }: Omit<Exchange, 'awsRoleArn'>, parent: string): OidcExchange {
    const at = `${parent}.oidcExchangeToken.oidc`;
    const { clientID, clientIDRef, clientSecret, provider, scopes = [] } = oidc;
    const clientId = clientIDRef === undefined ? clientID : this.#secret(clientIDRef, 'client-id', `${at}.clientIDRef`);
    if (clientId === undefined) this.problems.push(`${at}: clientID or clientIDRef is needed`);
    return {
      issuer: provider.issuer,
      ...(provider.tokenEndpoint === undefined ? {} : { tokenEndpoint: provider.tokenEndpoint }),
      clientId: clientId ?? '',
      clientSecret: this.#secret(clientSecret, 'client-secret', `${at}.clientSecret`),
      scopes,
      grantType: grantType ?? 'client_credentials',
      ...(aud === undefined ? {} : { audience: aud }),
    };
  }

  /** A Secret of another namespace must be granted (aigateway.md 13). */
  #secret(
    { group = '', kind = 'Secret', name, namespace = this.#namespace }: SecretRef,
    key: string,
    at: string,
  ): SecretKey {
    if (group !== '' || kind !== 'Secret') this.problems.push(`${at}: kind ${kind} is not supported: use a Secret`);
    const from = { group: 'aigateway.envoyproxy.io', kind: 'BackendSecurityPolicy', namespace: this.#namespace };
    const to = { group: '', kind: 'Secret', namespace, name };
    if (!isPermitted(this.#lookup.grants(), from, to)) {
      this.problems.push(`${at}: no ReferenceGrant permits Secret ${namespace}/${name} here`);
    }
    return { namespace, name, key };
  }
}
