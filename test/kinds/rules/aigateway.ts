import {
  secretRef,
  poolRef,
  times,
  long,
  tooMany,
  tooLong,
  object,
  array,
  r0,
  type BadRow,
  type GoodRow,
} from './manifest.ts';

/** The rules of aigateway.md 1.1 to 1.3. */

const header = { name: 'x-ai-eg-model', value: 'm' };

const aiGatewayRoute: BadRow[] = [
  [
    'AIGatewayRoute',
    { parentRefs: [{ name: 'r', kind: 'HTTPRoute' }] },
    'spec.parentRefs',
    array('only Gateway is supported'),
  ],
  ['AIGatewayRoute', { parentRefs: times(17, (i) => ({ name: `gw${i}` })) }, 'spec.parentRefs', tooMany(17, 16)],
  ['AIGatewayRoute', { hostnames: times(17, (i) => `h${i}.test`) }, 'spec.hostnames', tooMany(17, 16)],
  ['AIGatewayRoute', { rules: undefined }, 'spec.rules', 'Required value'],
  ['AIGatewayRoute', { rules: times(16, () => ({})) }, 'spec.rules', tooMany(16, 15)],
  [
    'AIGatewayRoute',
    { rules: [{ name: 'a' }, { name: 'a' }] },
    'spec.rules',
    array('rule name must be unique within the route'),
  ],
  [
    'AIGatewayRoute',
    { llmRequestCosts: times(37, (i) => ({ metadataKey: `k${i}`, type: 'InputToken' })) },
    'spec.llmRequestCosts',
    tooMany(37, 36),
  ],
  [
    'AIGatewayRoute',
    { llmRequestCosts: [{ type: 'InputToken' }] },
    'spec.llmRequestCosts[0].metadataKey',
    'Required value',
  ],
  [
    'AIGatewayRoute',
    { llmRequestCosts: [{ metadataKey: 'k', type: 'Tokens' }] },
    'spec.llmRequestCosts[0].type',
    'Unsupported value: "Tokens": supported values: "OutputToken", "InputToken", "CachedInputToken", "CacheCreationInputToken", "TotalToken", "ReasoningToken", "CEL"',
  ],
  ['AIGatewayRoute', { 'rules.0.name': 'route-not-found' }, r0, object('rule name route-not-found is reserved')],
  ['AIGatewayRoute', { 'rules.0.name': long(254) }, `${r0}.name`, tooLong(253)],
  ['AIGatewayRoute', { 'rules.0.matches': times(129, () => ({})) }, `${r0}.matches`, tooMany(129, 128)],
  [
    'AIGatewayRoute',
    { 'rules.0.matches': [{ headers: times(17, (i) => ({ name: `h${i}`, value: 'v' })) }] },
    `${r0}.matches[0].headers`,
    tooMany(17, 16),
  ],
  [
    'AIGatewayRoute',
    { 'rules.0.matches': [{ headers: [header, header] }] },
    `${r0}.matches[0].headers[1]`,
    'Duplicate value: map[string]interface {}{"name":"x-ai-eg-model"}',
  ],
  [
    'AIGatewayRoute',
    { 'rules.0.matches': [{ headers: [{ name: 'h', value: '' }] }] },
    `${r0}.matches[0].headers[0].value`,
    'should be at least 1 chars long',
  ],
  [
    'AIGatewayRoute',
    { 'rules.0.matches': [{ headers: [{ name: 'h', value: long(4097) }] }] },
    `${r0}.matches[0].headers[0].value`,
    tooLong(4096),
  ],
  [
    'AIGatewayRoute',
    { 'rules.0.matches': [{ headers: [{ ...header, type: 'Prefix' }] }] },
    `${r0}.matches[0].headers[0].type`,
    'Unsupported value: "Prefix": supported values: "Exact", "RegularExpression"',
  ],
  [
    'AIGatewayRoute',
    { 'rules.0.backendRefs': times(129, (i) => ({ name: `b${i}` })) },
    `${r0}.backendRefs`,
    tooMany(129, 128),
  ],
  [
    'AIGatewayRoute',
    { 'rules.0.backendRefs': [{ name: 'b' }, poolRef] },
    r0,
    object('cannot mix InferencePool and AIServiceBackend references in the same rule'),
  ],
  [
    'AIGatewayRoute',
    { 'rules.0.backendRefs': [poolRef, { ...poolRef, name: 'other' }] },
    r0,
    object('only one InferencePool backend is allowed per rule'),
  ],
  [
    'AIGatewayRoute',
    { 'rules.0.backendRefs': [{ name: 'b', kind: 'InferencePool' }] },
    `${r0}.backendRefs[0]`,
    object('group and kind must be specified together'),
  ],
  [
    'AIGatewayRoute',
    { 'rules.0.backendRefs': [{ name: 'b', group: 'inference.networking.k8s.io' }] },
    `${r0}.backendRefs[0]`,
    object('group and kind must be specified together'),
  ],
  [
    'AIGatewayRoute',
    { 'rules.0.backendRefs': [{ name: 's', group: '', kind: 'Service' }] },
    `${r0}.backendRefs[0]`,
    object('only InferencePool from inference.networking.k8s.io group is supported'),
  ],
  [
    'AIGatewayRoute',
    { 'rules.0.backendRefs': [{ name: '' }] },
    `${r0}.backendRefs[0].name`,
    'should be at least 1 chars long',
  ],
  [
    'AIGatewayRoute',
    { 'rules.0.backendRefs': [{ name: 'b', namespace: long(64) }] },
    `${r0}.backendRefs[0].namespace`,
    tooLong(63),
  ],
  [
    'AIGatewayRoute',
    { 'rules.0.backendRefs': [{ name: 'b', weight: -1 }] },
    `${r0}.backendRefs[0].weight`,
    'should be greater than or equal to 0',
  ],
  [
    'AIGatewayRoute',
    { 'rules.0.backendRefs': [{ name: 'b', priority: -1 }] },
    `${r0}.backendRefs[0].priority`,
    'should be greater than or equal to 0',
  ],
  [
    'AIGatewayRoute',
    { 'rules.0.timeouts': { request: '10s', backendRequest: '11s' } },
    `${r0}.timeouts`,
    object('backendRequest timeout cannot be longer than request timeout'),
  ],
  [
    'AIGatewayRoute',
    { 'rules.0.timeouts': { request: '1.5s' } },
    `${r0}.timeouts.request`,
    "should match '^([0-9]{1,5}(h|m|s|ms)){1,4}$'",
  ],
  [
    'AIGatewayRoute',
    { 'rules.0.modelsCreatedAt': 'yesterday' },
    `${r0}.modelsCreatedAt`,
    'must be of type date-time: "yesterday"',
  ],
  ...(['headerMutation', 'bodyMutation'] as const).flatMap((field): BadRow[] => {
    const key = field === 'headerMutation' ? 'name' : 'path';
    const path = `${r0}.backendRefs[0].${field}`;
    const withMutation = (mutation: unknown) => ({ 'rules.0.backendRefs': [{ name: 'b', [field]: mutation }] });
    return [
      [
        'AIGatewayRoute',
        withMutation({ set: times(17, (i) => ({ [key]: `k${i}`, value: 'v' })) }),
        `${path}.set`,
        tooMany(17, 16),
      ],
      [
        'AIGatewayRoute',
        withMutation({
          set: [
            { [key]: 'k', value: '1' },
            { [key]: 'k', value: '2' },
          ],
        }),
        `${path}.set[1]`,
        `Duplicate value: map[string]interface {}{"${key}":"k"}`,
      ],
      ['AIGatewayRoute', withMutation({ remove: times(17, (i) => `k${i}`) }), `${path}.remove`, tooMany(17, 16)],
      ['AIGatewayRoute', withMutation({ remove: ['k', 'k'] }), `${path}.remove[1]`, 'Duplicate value: "k"'],
    ];
  }),
];

const aiServiceBackend: BadRow[] = [
  [
    'AIServiceBackend',
    { 'schema.name': 'Grok' },
    'spec.schema.name',
    'Unsupported value: "Grok": supported values: "OpenAI", "Cohere", "AWSBedrock", "AzureOpenAI", "GCPVertexAI", "GCPAnthropic", "Anthropic", "AWSAnthropic"',
  ],
  ['AIServiceBackend', { schema: undefined }, 'spec.schema', 'Required value'],
  ['AIServiceBackend', { backendRef: undefined }, 'spec.backendRef', 'Required value'],
  [
    'AIServiceBackend',
    { backendRef: { name: 's', port: 80 } },
    'spec.backendRef',
    object('BackendRef must be a Backend resource of Envoy Gateway.'),
  ],
  [
    'AIServiceBackend',
    { 'backendRef.group': 'example.com' },
    'spec.backendRef',
    object('BackendRef must be a Backend resource of Envoy Gateway.'),
  ],
];

const policy = (changes: Record<string, unknown>) => ({ apiKey: undefined, ...changes });
const azure = { clientID: 'c', tenantID: 't' };
const gcp = { projectName: 'p', region: 'r' };
const oidc = { provider: { issuer: 'https://i.test' }, clientID: 'c', clientSecret: secretRef };
const federation = {
  projectID: 'p',
  workloadIdentityPoolName: 'w',
  workloadIdentityProviderName: 'n',
  oidcExchangeToken: { oidc },
};
const aws = (token: unknown) =>
  policy({ type: 'AWSCredentials', awsCredentials: { region: 'r', oidcExchangeToken: token } });
const ownField = {
  APIKey: 'apiKey',
  AWSCredentials: 'awsCredentials',
  AzureAPIKey: 'azureAPIKey',
  AzureCredentials: 'azureCredentials',
  GCPCredentials: 'gcpCredentials',
  AnthropicAPIKey: 'anthropicAPIKey',
};

const backendSecurityPolicy: BadRow[] = [
  ...Object.entries(ownField).map(([type, field]): BadRow => {
    const other = field === 'azureAPIKey' ? 'anthropicAPIKey' : 'azureAPIKey';
    return [
      'BackendSecurityPolicy',
      policy({ type, [other]: { secretRef } }),
      'spec',
      object(`When type is ${type}, only ${field} field should be set`),
    ];
  }),
  [
    'BackendSecurityPolicy',
    { azureAPIKey: { secretRef } },
    'spec',
    object('When type is APIKey, only apiKey field should be set'),
  ],
  [
    'BackendSecurityPolicy',
    { type: 'Basic' },
    'spec.type',
    'Unsupported value: "Basic": supported values: "APIKey", "AWSCredentials", "AzureAPIKey", "AzureCredentials", "GCPCredentials", "AnthropicAPIKey"',
  ],
  ['BackendSecurityPolicy', { apiKey: {} }, 'spec.apiKey.secretRef', 'Required value'],
  [
    'BackendSecurityPolicy',
    { targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'r' }] },
    'spec.targetRefs',
    array('targetRefs must reference AIServiceBackend or InferencePool resources'),
  ],
  [
    'BackendSecurityPolicy',
    { targetRefs: times(17, (i) => ({ group: 'aigateway.envoyproxy.io', kind: 'AIServiceBackend', name: `b${i}` })) },
    'spec.targetRefs',
    tooMany(17, 16),
  ],
  [
    'BackendSecurityPolicy',
    { targetRefs: [], azureAPIKey: { secretRef }, credentialOverride: { fromRequestHeaders: {} } },
    'spec',
    tooMany(5, 4),
  ],
  ['BackendSecurityPolicy v1alpha1', { targetRefs: [], azureAPIKey: { secretRef } }, 'spec', tooMany(4, 3)],
  [
    'BackendSecurityPolicy',
    policy({ type: 'AWSCredentials', awsCredentials: {} }),
    'spec.awsCredentials.region',
    'Required value',
  ],
  [
    'BackendSecurityPolicy',
    policy({ type: 'AWSCredentials', awsCredentials: { region: 'r', credentialsFile: {} } }),
    'spec.awsCredentials.credentialsFile.secretRef',
    'Required value',
  ],
  ['BackendSecurityPolicy', aws({ oidc }), 'spec.awsCredentials.oidcExchangeToken.awsRoleArn', 'Required value'],
  [
    'BackendSecurityPolicy',
    aws({ awsRoleArn: 'a', oidc: { ...oidc, clientIDRef: secretRef } }),
    'spec.awsCredentials.oidcExchangeToken.oidc',
    object('only one of clientID or clientIDRef must be set'),
  ],
  [
    'BackendSecurityPolicy',
    aws({ awsRoleArn: 'a', oidc: { ...oidc, forwardAccessToken: true, forwardIDToken: { header: 'Authorization' } } }),
    'spec.awsCredentials.oidcExchangeToken.oidc',
    object('forwardAccessToken cannot be true when forwardIDToken.header is Authorization'),
  ],
  [
    'BackendSecurityPolicy',
    policy({ type: 'AzureCredentials', azureCredentials: azure }),
    'spec.azureCredentials',
    object('Exactly one of clientSecretRef or oidcExchangeToken must be specified'),
  ],
  [
    'BackendSecurityPolicy',
    policy({
      type: 'AzureCredentials',
      azureCredentials: { ...azure, clientSecretRef: secretRef, oidcExchangeToken: { oidc } },
    }),
    'spec.azureCredentials',
    object('Exactly one of clientSecretRef or oidcExchangeToken must be specified'),
  ],
  [
    'BackendSecurityPolicy',
    policy({ type: 'AzureCredentials', azureCredentials: { clientID: '', tenantID: 't', clientSecretRef: secretRef } }),
    'spec.azureCredentials.clientID',
    'should be at least 1 chars long',
  ],
  [
    'BackendSecurityPolicy',
    policy({ type: 'GCPCredentials', gcpCredentials: { region: 'r' } }),
    'spec.gcpCredentials.projectName',
    'Required value',
  ],
  [
    'BackendSecurityPolicy',
    policy({
      type: 'GCPCredentials',
      gcpCredentials: { ...gcp, credentialsFile: { secretRef }, workloadIdentityFederationConfig: federation },
    }),
    'spec.gcpCredentials',
    object('At most one of credentialsFile or workloadIdentityFederationConfig may be specified'),
  ],
  [
    'BackendSecurityPolicy v1alpha1',
    policy({ type: 'GCPCredentials', gcpCredentials: gcp }),
    'spec.gcpCredentials',
    object('Exactly one of GCPWorkloadIdentityFederationConfig or GCPCredentialsFile must be specified'),
  ],
  [
    'BackendSecurityPolicy',
    policy({
      type: 'GCPCredentials',
      gcpCredentials: { ...gcp, workloadIdentityFederationConfig: { projectID: 'p' } },
    }),
    'spec.gcpCredentials.workloadIdentityFederationConfig.workloadIdentityPoolName',
    'Required value',
  ],
  ['BackendSecurityPolicy', { credentialOverride: {} }, 'spec.credentialOverride', 'should have at least 1 properties'],
  [
    'BackendSecurityPolicy',
    { credentialOverride: { fromRequestHeaders: {}, fromDynamicMetadata: { namespace: 'n' } } },
    'spec.credentialOverride',
    tooMany(2, 1),
  ],
  [
    'BackendSecurityPolicy',
    { credentialOverride: { fromDynamicMetadata: {} } },
    'spec.credentialOverride.fromDynamicMetadata.namespace',
    'Required value',
  ],
];

export const bad: readonly BadRow[] = [...aiGatewayRoute, ...aiServiceBackend, ...backendSecurityPolicy];

export const good: readonly GoodRow[] = [
  ['AIGatewayRoute', { rules: times(15, (i) => ({ name: `r${i}` })) }],
  ['AIGatewayRoute', { 'rules.0.backendRefs': [poolRef] }],
  ['AIGatewayRoute', { 'rules.0.backendRefs': [{ name: 'b', weight: 0, priority: 2 }, { name: 'c' }] }],
  ['AIGatewayRoute', { 'rules.0.timeouts': { request: '0s', backendRequest: '11s' } }],
  ['AIGatewayRoute', { 'rules.0.timeouts': { backendRequest: '11s' } }],
  ['AIGatewayRoute', { 'rules.0.modelsCreatedAt': '2026-01-02T03:04:05Z' }],
  ['BackendSecurityPolicy', { credentialOverride: { fromRequestHeaders: {} } }],
  ['BackendSecurityPolicy', policy({ type: 'GCPCredentials', gcpCredentials: gcp })],
  [
    'BackendSecurityPolicy',
    policy({ type: 'GCPCredentials', gcpCredentials: { ...gcp, workloadIdentityFederationConfig: federation } }),
  ],
  [
    'BackendSecurityPolicy v1alpha1',
    policy({ type: 'GCPCredentials', gcpCredentials: { ...gcp, credentialsFile: { secretRef } } }),
  ],
  ['BackendSecurityPolicy', policy({ type: 'AWSCredentials', awsCredentials: { region: 'r' } })],
  [
    'BackendSecurityPolicy',
    policy({ type: 'AzureCredentials', azureCredentials: { ...azure, clientSecretRef: secretRef } }),
  ],
  ['BackendSecurityPolicy', { targetRefs: [poolRef] }],
];
