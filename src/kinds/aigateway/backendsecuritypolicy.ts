import { Type, type TProperties } from '../type.ts';
import { localObjectReference, secretObjectReference } from '../gateway/fields.ts';
import { describeFields, under } from '../describe.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { objectSchema, stringEnum, type CelRule } from '../schema.ts';
import { apiGroup, conditionsStatus, versions } from './fields.ts';

/** BackendSecurityPolicy: the credentials that go to AI backends (aigateway.md 1.3). */

const apiKey = Type.Object({ secretRef: secretObjectReference });
const required = () => Type.String({ minLength: 1 });

const oidcExchangeToken = Type.Object({
  oidc: Type.Object(
    {
      provider: Type.Object({
        issuer: required(),
        authorizationEndpoint: Type.Optional(Type.String()),
        tokenEndpoint: Type.Optional(Type.String()),
      }),
      clientID: Type.Optional(required()),
      clientIDRef: Type.Optional(secretObjectReference),
      clientSecret: secretObjectReference,
      scopes: Type.Optional(Type.Array(Type.String())),
      forwardAccessToken: Type.Optional(Type.Boolean()),
      forwardIDToken: Type.Optional(Type.Object({ header: Type.Optional(Type.String()) })),
    },
    {
      'x-kubernetes-preserve-unknown-fields': true,
      'x-kubernetes-validations': [
        {
          rule: '(has(self.clientID) && !has(self.clientIDRef)) || (!has(self.clientID) && has(self.clientIDRef))',
          message: 'only one of clientID or clientIDRef must be set',
        },
        {
          rule: "!(has(self.forwardAccessToken) && self.forwardAccessToken && has(self.forwardIDToken) && has(self.forwardIDToken.header) && self.forwardIDToken.header == 'Authorization')",
          message: 'forwardAccessToken cannot be true when forwardIDToken.header is Authorization',
        },
      ],
    },
  ),
  grantType: Type.Optional(Type.String()),
  aud: Type.Optional(Type.String()),
});

const awsCredentials = Type.Object({
  region: required(),
  credentialsFile: Type.Optional(
    Type.Object({ secretRef: secretObjectReference, profile: Type.Optional(Type.String({ default: 'default' })) }),
  ),
  oidcExchangeToken: Type.Optional(Type.Object({ ...oidcExchangeToken.properties, awsRoleArn: required() })),
});

const azureCredentials = Type.Object(
  {
    clientID: required(),
    tenantID: required(),
    clientSecretRef: Type.Optional(secretObjectReference),
    oidcExchangeToken: Type.Optional(oidcExchangeToken),
  },
  {
    'x-kubernetes-validations': [
      {
        rule: '(has(self.clientSecretRef) && !has(self.oidcExchangeToken)) || (!has(self.clientSecretRef) && has(self.oidcExchangeToken))',
        message: 'Exactly one of clientSecretRef or oidcExchangeToken must be specified',
      },
    ],
  },
);

const workloadIdentityFederation = Type.Object({
  projectID: Type.String(),
  workloadIdentityPoolName: Type.String(),
  workloadIdentityProviderName: Type.String(),
  oidcExchangeToken,
  serviceAccountImpersonation: Type.Optional(Type.Object({ serviceAccountName: Type.String() })),
});

const gcpCredentials = (rule: CelRule) =>
  Type.Object(
    {
      projectName: required(),
      region: required(),
      credentialsFile: Type.Optional(Type.Object({ secretRef: secretObjectReference })),
      workloadIdentityFederationConfig: Type.Optional(workloadIdentityFederation),
    },
    { 'x-kubernetes-validations': [rule] },
  );

const gcpAtMostOne: CelRule = {
  rule: '!(has(self.credentialsFile) && has(self.workloadIdentityFederationConfig))',
  message: 'At most one of credentialsFile or workloadIdentityFederationConfig may be specified',
};
const gcpExactlyOne: CelRule = {
  rule: '(has(self.credentialsFile) && !has(self.workloadIdentityFederationConfig)) || (!has(self.credentialsFile) && has(self.workloadIdentityFederationConfig))',
  message: 'Exactly one of GCPWorkloadIdentityFederationConfig or GCPCredentialsFile must be specified',
};

const fallback = () => Type.Optional(Type.Boolean({ default: true }));
const credentialOverride = Type.Object(
  {
    fromRequestHeaders: Type.Optional(
      Type.Object({ header: Type.Optional(Type.String()), fallbackToConfigured: fallback() }),
    ),
    fromDynamicMetadata: Type.Optional(
      Type.Object({ namespace: required(), key: Type.Optional(Type.String()), fallbackToConfigured: fallback() }),
    ),
  },
  { minProperties: 1, maxProperties: 1 },
);

const fieldOf = {
  APIKey: 'apiKey',
  AWSCredentials: 'awsCredentials',
  AzureAPIKey: 'azureAPIKey',
  AzureCredentials: 'azureCredentials',
  GCPCredentials: 'gcpCredentials',
  AnthropicAPIKey: 'anthropicAPIKey',
} as const;
const fields = Object.values(fieldOf);

const onlyOwnField = Object.entries(fieldOf).map(([type, field]) => {
  const others = fields.filter((other) => other !== field).map((other) => `!has(self.${other})`);
  return {
    rule: `self.type == '${type}' ? (has(self.${field}) && ${others.join(' && ')}) : true`,
    message: `When type is ${type}, only ${field} field should be set`,
  };
});

function specWith<P extends TProperties>(more: P, gcpRule: CelRule, maxProperties: number) {
  return Type.Object(
    {
      targetRefs: Type.Optional(
        Type.Array(localObjectReference, {
          maxItems: 16,
          'x-kubernetes-validations': [
            {
              rule: "self.all(ref, (ref.group == 'aigateway.envoyproxy.io' && ref.kind == 'AIServiceBackend') || (ref.group == 'inference.networking.k8s.io' && ref.kind == 'InferencePool'))",
              message: 'targetRefs must reference AIServiceBackend or InferencePool resources',
            },
          ],
        }),
      ),
      type: stringEnum([
        'APIKey',
        'AWSCredentials',
        'AzureAPIKey',
        'AzureCredentials',
        'GCPCredentials',
        'AnthropicAPIKey',
      ]),
      apiKey: Type.Optional(apiKey),
      azureAPIKey: Type.Optional(apiKey),
      anthropicAPIKey: Type.Optional(apiKey),
      awsCredentials: Type.Optional(awsCredentials),
      azureCredentials: Type.Optional(azureCredentials),
      gcpCredentials: Type.Optional(gcpCredentials(gcpRule)),
      ...more,
    },
    { maxProperties, 'x-kubernetes-validations': onlyOwnField },
  );
}

const spec = specWith({ credentialOverride: Type.Optional(credentialOverride) }, gcpAtMostOne, 4);
const specV1alpha1 = specWith({}, gcpExactlyOne, 3);

export type BackendSecurityPolicy = ObjectOf<typeof spec, typeof conditionsStatus>;

const oidcDescriptions = {
  oidcExchangeToken: 'Credentials in exchange for a token of an OIDC provider.',
  'oidcExchangeToken.oidc': 'The provider and the client.',
  'oidcExchangeToken.oidc.provider': 'The OIDC provider.',
  'oidcExchangeToken.oidc.provider.issuer': 'URL of the issuer.',
  'oidcExchangeToken.oidc.provider.authorizationEndpoint':
    'URL for authorization; found through the issuer when not set.',
  'oidcExchangeToken.oidc.provider.tokenEndpoint': 'URL for tokens; found through the issuer when not set.',
  'oidcExchangeToken.oidc.clientID': 'Identity of the client.',
  'oidcExchangeToken.oidc.clientIDRef': 'Secret with the identity of the client.',
  'oidcExchangeToken.oidc.clientSecret': 'Secret with the password of the client.',
  'oidcExchangeToken.oidc.scopes': 'Scopes to ask for.',
  'oidcExchangeToken.oidc.forwardAccessToken': 'Whether the access token goes to the backend.',
  'oidcExchangeToken.oidc.forwardIDToken': 'How the ID token goes to the backend.',
  'oidcExchangeToken.oidc.forwardIDToken.header': 'Header it goes in.',
  'oidcExchangeToken.grantType': 'Grant type to ask with.',
  'oidcExchangeToken.aud': 'Audience of the token.',
};

const descriptionsV1alpha1 = {
  spec: 'Credentials and the backends that need them.',
  'spec.targetRefs': 'AIServiceBackends or InferencePools of this namespace.',
  'spec.type': 'Kind of credentials; the field that belongs to it is set, the others are not.',
  'spec.apiKey': 'A key sent as Bearer token.',
  'spec.apiKey.secretRef': 'Secret with the key under apiKey.',
  'spec.azureAPIKey': 'A key sent in the api-key header.',
  'spec.azureAPIKey.secretRef': 'Secret with the key under apiKey.',
  'spec.anthropicAPIKey': 'A key sent in the x-api-key header.',
  'spec.anthropicAPIKey.secretRef': 'Secret with the key under apiKey.',
  'spec.awsCredentials': 'Signs requests for AWS; without a source, with the default credentials of AWS.',
  'spec.awsCredentials.region': 'Region to sign for.',
  'spec.awsCredentials.credentialsFile': 'A credentials file as the AWS tools have it.',
  'spec.awsCredentials.credentialsFile.secretRef': 'Secret with the file under credentials.',
  'spec.awsCredentials.credentialsFile.profile': 'Profile in the file.',
  ...under('spec.awsCredentials', oidcDescriptions),
  'spec.awsCredentials.oidcExchangeToken.awsRoleArn': 'Role to assume.',
  'spec.azureCredentials': 'A service principal of Azure.',
  'spec.azureCredentials.clientID': 'Its client ID.',
  'spec.azureCredentials.tenantID': 'Its tenant ID.',
  'spec.azureCredentials.clientSecretRef': 'Secret with its password under client-secret.',
  ...under('spec.azureCredentials', oidcDescriptions),
  'spec.gcpCredentials': 'Credentials of Google Cloud.',
  'spec.gcpCredentials.projectName': 'Project.',
  'spec.gcpCredentials.region': 'Region of the endpoints.',
  'spec.gcpCredentials.credentialsFile': 'The key file of a service account.',
  'spec.gcpCredentials.credentialsFile.secretRef': 'Secret with the file under service_account.json.',
  'spec.gcpCredentials.workloadIdentityFederationConfig': 'Workload identity federation.',
  'spec.gcpCredentials.workloadIdentityFederationConfig.projectID': 'Project of the pool.',
  'spec.gcpCredentials.workloadIdentityFederationConfig.workloadIdentityPoolName': 'Name of the pool.',
  'spec.gcpCredentials.workloadIdentityFederationConfig.workloadIdentityProviderName': 'Name of the provider.',
  ...under('spec.gcpCredentials.workloadIdentityFederationConfig', oidcDescriptions),
  'spec.gcpCredentials.workloadIdentityFederationConfig.serviceAccountImpersonation': 'A service account to act as.',
  'spec.gcpCredentials.workloadIdentityFederationConfig.serviceAccountImpersonation.serviceAccountName': 'Its name.',
  status: 'What the controllers found out.',
};

const descriptions = {
  ...descriptionsV1alpha1,
  'spec.credentialOverride': 'Where a request may bring credentials of its own.',
  'spec.credentialOverride.fromRequestHeaders': 'From a header of the request.',
  'spec.credentialOverride.fromRequestHeaders.header': 'Name of the header.',
  'spec.credentialOverride.fromRequestHeaders.fallbackToConfigured':
    'Whether the configured credentials serve requests without.',
  'spec.credentialOverride.fromDynamicMetadata': 'From metadata that another filter of the proxy set.',
  'spec.credentialOverride.fromDynamicMetadata.namespace': 'Namespace of the metadata.',
  'spec.credentialOverride.fromDynamicMetadata.key': 'Key of the metadata.',
  'spec.credentialOverride.fromDynamicMetadata.fallbackToConfigured':
    'Whether the configured credentials serve requests without.',
};

export const BackendSecurityPolicy = defineKind<BackendSecurityPolicy>({
  group: apiGroup,
  kind: 'BackendSecurityPolicy',
  plural: 'backendsecuritypolicies',
  labels: { 'gateway.networking.k8s.io/policy': 'direct' },
  versions: versions(
    describeFields(
      objectSchema({ spec, status: Type.Optional(conditionsStatus) }),
      'The credentials that go to AI backends.',
      descriptions,
    ),
    describeFields(
      objectSchema({ spec: specV1alpha1, status: Type.Optional(conditionsStatus) }),
      'The credentials that go to AI backends.',
      descriptionsV1alpha1,
    ),
  ),
});
