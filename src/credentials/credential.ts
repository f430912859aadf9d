/**
 * How requests to a backend are authorized, as the compiled table says it: plain data that names Secrets and holds none
 * (aigateway.md 1.3 and 5). Made from a BackendSecurityPolicy whose references are resolved and permitted.
 */
export type Credential = UnboundCredential & {
  /** Key of the endpoint set or pool that the policy's target leads to: the credential goes nowhere else. */
  readonly audience: string;
};

/** Before it is known where the policy's target leads. */
export type UnboundCredential = CredentialSource & {
  /** `namespace/name` of the BackendSecurityPolicy, for messages. */
  readonly policy: string;
  /** Absent: requests bring no credentials of their own. */
  readonly override?: CredentialOverride;
};

export type CredentialSource =
  | { readonly type: 'APIKey' | 'AzureAPIKey' | 'AnthropicAPIKey'; readonly secret: SecretKey }
  | { readonly type: 'AWSCredentials'; readonly region: string; readonly source: AwsSource }
  | { readonly type: 'AzureCredentials'; readonly source: AzureSource }
  | {
      readonly type: 'GCPCredentials';
      readonly project: string;
      /** Of the endpoints; part of every path. */
      readonly region: string;
      readonly source: GcpSource;
    };

export type CredentialType = CredentialSource['type'];

/** One entry of a Secret. */
export interface SecretKey {
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
}

export type AwsSource =
  /** A credentials file as the AWS tools have it. */
  | { readonly type: 'file'; readonly secret: SecretKey; readonly profile: string }
  /** STS AssumeRoleWithWebIdentity with the token of an OIDC provider. */
  | {
      readonly type: 'oidc';
      readonly roleArn: string;
      readonly sessionName: string;
      readonly region: string;
      readonly exchange: OidcExchange;
    }
  /** Environment, web identity token file, shared files, container, instance: as the AWS tools do. */
  | { readonly type: 'default'; readonly region: string };

export type AzureSource =
  | {
      readonly type: 'clientSecret';
      readonly tenantId: string;
      readonly clientId: string;
      readonly secret: SecretKey;
    }
  | {
      readonly type: 'oidc';
      readonly tenantId: string;
      readonly clientId: string;
      readonly exchange: OidcExchange;
    };

export type GcpSource =
  | { readonly type: 'file'; readonly secret: SecretKey }
  | {
      readonly type: 'federation';
      /** `//iam.googleapis.com/projects/.../providers/...` */
      readonly audience: string;
      readonly exchange: OidcExchange;
      /** Mail address of the service account to act as. */
      readonly serviceAccount?: string;
    }
  /** Application Default Credentials: file, well-known file, metadata server. */
  | { readonly type: 'default' };

/** A token of an OIDC provider, by the client's own credentials. */
export interface OidcExchange {
  readonly issuer: string;
  /** Absent: found through the issuer. */
  readonly tokenEndpoint?: string;
  readonly clientId: string | SecretKey;
  readonly clientSecret: SecretKey;
  readonly scopes: readonly string[];
  readonly grantType: string;
  readonly audience?: string;
}

/** Where a request may bring a credential of its own (aigateway.md 5.7). */
export interface CredentialOverride {
  /** Lower-case header; for AWS the beginning of three. */
  readonly header: string;
  /** Whether the configured credential serves requests without. */
  readonly fallback: boolean;
}

/** The headers that a credential's override is read from: they are taken out of every request, whoever is asked. */
export function overrideHeaders({ type, override }: Pick<Credential, 'type' | 'override'>): readonly string[] {
  if (override === undefined) return [];
  return type === 'AWSCredentials' ? awsOverrideSuffixes.map((suffix) => override.header + suffix) : [override.header];
}

export const awsOverrideSuffixes = ['access-key-id', 'secret-access-key', 'session-token'] as const;

/** aigateway.md 5.7 */
export const defaultOverrideHeader: Readonly<Record<CredentialType, string>> = {
  APIKey: 'x-aigw-api-key',
  AnthropicAPIKey: 'x-aigw-anthropic-api-key',
  AzureAPIKey: 'x-aigw-azure-api-key',
  AzureCredentials: 'x-aigw-azure-access-token',
  GCPCredentials: 'x-aigw-gcp-access-token',
  AWSCredentials: 'x-aigw-aws-',
};

/** The Secrets that a source reads. */
export function secretsOf(credential: CredentialSource): readonly SecretKey[] {
  if ('secret' in credential) return [credential.secret];
  const { source } = credential;
  if ('secret' in source) return [source.secret];
  if (!('exchange' in source)) return [];
  const { clientId, clientSecret } = source.exchange;
  return typeof clientId === 'string' ? [clientSecret] : [clientId, clientSecret];
}
