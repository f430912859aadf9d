import { Type, type TProperties } from 'typebox';
import { localObjectReference, secretObjectReference } from '../gateway/fields.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { freeForm, objectSchema, stringEnum, type CelRule } from '../schema.ts';
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
      forwardIDToken: Type.Optional(freeForm()),
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

export const BackendSecurityPolicy = defineKind<BackendSecurityPolicy>({
  group: apiGroup,
  kind: 'BackendSecurityPolicy',
  plural: 'backendsecuritypolicies',
  labels: { 'gateway.networking.k8s.io/policy': 'direct' },
  versions: versions(
    objectSchema({ spec, status: Type.Optional(conditionsStatus) }),
    objectSchema({ spec: specV1alpha1, status: Type.Optional(conditionsStatus) }),
  ),
});
