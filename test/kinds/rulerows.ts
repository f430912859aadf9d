/** One bad object per rule and limit of the specifications, with the field and the words of the refusal; and good neighbours. */

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec: Record<string, unknown>;
}

/** Where the objects of a kind are posted. */
export const collections: Readonly<Record<string, string>> = {
  AIGatewayRoute: '/apis/aigateway.envoyproxy.io/v1beta1/namespaces/default/aigatewayroutes',
  AIServiceBackend: '/apis/aigateway.envoyproxy.io/v1beta1/namespaces/default/aiservicebackends',
  BackendSecurityPolicy: '/apis/aigateway.envoyproxy.io/v1beta1/namespaces/default/backendsecuritypolicies',
  'BackendSecurityPolicy v1alpha1': '/apis/aigateway.envoyproxy.io/v1alpha1/namespaces/default/backendsecuritypolicies',
  InferencePool: '/apis/inference.networking.k8s.io/v1/namespaces/default/inferencepools',
  'InferencePool v1alpha2': '/apis/inference.networking.x-k8s.io/v1alpha2/namespaces/default/inferencepools',
  InferenceObjective: '/apis/inference.networking.x-k8s.io/v1alpha2/namespaces/default/inferenceobjectives',
  InferenceModelRewrite: '/apis/inference.networking.x-k8s.io/v1alpha2/namespaces/default/inferencemodelrewrites',
  HTTPRoute: '/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes',
  Gateway: '/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways',
  GatewayClass: '/apis/gateway.networking.k8s.io/v1/gatewayclasses',
  ReferenceGrant: '/apis/gateway.networking.k8s.io/v1beta1/namespaces/default/referencegrants',
};

const secretRef = { name: 'key' };
const poolRef = { name: 'pool', group: 'inference.networking.k8s.io', kind: 'InferencePool' };

const goodSpecs: Readonly<Record<string, Record<string, unknown>>> = {
  AIGatewayRoute: { parentRefs: [{ name: 'gw' }], rules: [{ backendRefs: [{ name: 'b' }] }] },
  AIServiceBackend: {
    schema: { name: 'OpenAI' },
    backendRef: { name: 'b', kind: 'Backend', group: 'gateway.envoyproxy.io' },
  },
  BackendSecurityPolicy: { type: 'APIKey', apiKey: { secretRef } },
  InferencePool: {
    selector: { matchLabels: { app: 'x' } },
    targetPorts: [{ number: 8000 }],
    endpointPickerRef: { name: 'epp', port: { number: 9002 } },
  },
  'InferencePool v1alpha2': { selector: { app: 'x' }, targetPortNumber: 8000, extensionRef: { name: 'epp' } },
  InferenceObjective: { poolRef: { name: 'pool' }, priority: 1 },
  InferenceModelRewrite: { poolRef: { name: 'pool' }, rules: [{ targets: [{ modelRewrite: 'm' }] }] },
  HTTPRoute: { parentRefs: [{ name: 'gw' }], rules: [{ backendRefs: [{ name: 's', port: 80 }] }] },
  Gateway: { gatewayClassName: 'headgate', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
  GatewayClass: { controllerName: 'example.com/controller' },
  ReferenceGrant: {
    from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'other' }],
    to: [{ group: '', kind: 'Service' }],
  },
};

/** A good object of a kind with some fields of its spec replaced; `rules.0.name` means the name of the first rule. */
export function manifest(kindAndVersion: string, changes: Readonly<Record<string, unknown>>): Manifest {
  const [kind = ''] = kindAndVersion.split(' ');
  const good = goodSpecs[kindAndVersion] ?? goodSpecs[kind];
  const apiVersion = /^\/apis\/([^/]+\/[^/]+)\//.exec(collections[kindAndVersion] ?? '')?.[1];
  if (good === undefined || apiVersion === undefined) throw new Error(`no good ${kindAndVersion} is known`);
  const spec = structuredClone(good);
  for (const [path, value] of Object.entries(changes)) set(spec, path.split('.'), value);
  return { apiVersion, kind, metadata: { name: 'row' }, spec };
}

function set(target: Record<string, unknown>, [field = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    if (value === undefined) delete target[field];
    else target[field] = value;
    return;
  }
  target[field] ??= /^\d+$/.test(rest[0] ?? '') ? [] : {};
  set(target[field] as Record<string, unknown>, rest, value);
}

export type BadRow = [kind: string, changes: Record<string, unknown>, field: string, message: string];
export type GoodRow = [kind: string, changes: Record<string, unknown>];

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const long = (length: number) => 'x'.repeat(length);
const tooMany = (actual: number, limit: number) => `Too many: ${actual}: must have at most ${limit} items`;
const tooLong = (limit: number) => `Too long: may not be more than ${limit} bytes`;
const object = (text: string) => `Invalid value: "object": ${text}`;
const array = (text: string) => `Invalid value: "array": ${text}`;

const r0 = 'spec.rules[0]';
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
    'Duplicate value: {"name":"x-ai-eg-model"}',
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
    `${r0}.backendRefs`,
    array('cannot mix InferencePool and AIServiceBackend references in the same rule'),
  ],
  [
    'AIGatewayRoute',
    { 'rules.0.backendRefs': [poolRef, { ...poolRef, name: 'other' }] },
    `${r0}.backendRefs`,
    array('only one InferencePool backend is allowed per rule'),
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
        `Duplicate value: {"${key}":"k"}`,
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

const inference: BadRow[] = [
  ['InferencePool', { selector: undefined }, 'spec.selector', 'Required value'],
  ['InferencePool', { 'selector.matchLabels': {} }, 'spec.selector.matchLabels', 'should have at least 1 properties'],
  [
    'InferencePool',
    { 'selector.matchLabels': Object.fromEntries(times(65, (i) => [`k${i}`, 'v'])) },
    'spec.selector.matchLabels',
    tooMany(65, 64),
  ],
  ['InferencePool', { 'selector.matchLabels': { app: long(64) } }, 'spec.selector.matchLabels.app', tooLong(63)],
  ['InferencePool', { targetPorts: [] }, 'spec.targetPorts', 'should have at least 1 items'],
  ['InferencePool', { targetPorts: times(9, (i) => ({ number: 8000 + i })) }, 'spec.targetPorts', tooMany(9, 8)],
  [
    'InferencePool',
    { targetPorts: [{ number: 8000 }, { number: 8000 }] },
    'spec.targetPorts',
    array('port number must be unique'),
  ],
  [
    'InferencePool',
    { targetPorts: [{ number: 0 }] },
    'spec.targetPorts[0].number',
    'should be greater than or equal to 1',
  ],
  [
    'InferencePool',
    { targetPorts: [{ number: 65536 }] },
    'spec.targetPorts[0].number',
    'should be less than or equal to 65535',
  ],
  [
    'InferencePool',
    { appProtocol: 'https' },
    'spec.appProtocol',
    'Unsupported value: "https": supported values: "http", "kubernetes.io/h2c"',
  ],
  [
    'InferencePool',
    { endpointPickerRef: { name: 'epp' } },
    'spec.endpointPickerRef',
    object("port is required when kind is 'Service' or unspecified (defaults to 'Service')"),
  ],
  ['InferencePool', { 'endpointPickerRef.name': undefined }, 'spec.endpointPickerRef.name', 'Required value'],
  [
    'InferencePool',
    { 'endpointPickerRef.failureMode': 'Fail' },
    'spec.endpointPickerRef.failureMode',
    'Unsupported value: "Fail": supported values: "FailOpen", "FailClose"',
  ],
  ['InferencePool', { 'endpointPickerRef.group': 'Bad_Group' }, 'spec.endpointPickerRef.group', 'should match'],
  ['InferencePool v1alpha2', { targetPortNumber: 0 }, 'spec.targetPortNumber', 'should be greater than or equal to 1'],
  ['InferencePool v1alpha2', { extensionRef: undefined }, 'spec.extensionRef', 'Required value'],
  ['InferenceObjective', { poolRef: undefined }, 'spec.poolRef', 'Required value'],
  ['InferenceObjective', { priority: 2147483648 }, 'spec.priority', 'must be of type int32'],
  ['InferenceModelRewrite', { 'rules.0.targets': [] }, `${r0}.targets`, 'should have at least 1 items'],
  [
    'InferenceModelRewrite',
    { 'rules.0.targets': [{ modelRewrite: 'a', weight: 1 }, { modelRewrite: 'b' }] },
    `${r0}.targets`,
    array('Weights must be specified for either all targets or none.'),
  ],
  [
    'InferenceModelRewrite',
    { 'rules.0.targets': [{ modelRewrite: 'a', weight: 1_000_001 }] },
    `${r0}.targets[0].weight`,
    'should be less than or equal to 1e+06',
  ],
  [
    'InferenceModelRewrite',
    { 'rules.0.matches': [{ model: { value: '' } }] },
    `${r0}.matches[0].model.value`,
    'should be at least 1 chars long',
  ],
];

const path = (value: string, type = 'PathPrefix') => ({ 'rules.0.matches': [{ path: { type, value } }] });
const literal = "when type one of ['Exact', 'PathPrefix']";
const m0 = `${r0}.matches[0]`;
const filters = (...list: unknown[]) => ({ 'rules.0.filters': list });
const redirect = { type: 'RequestRedirect', requestRedirect: { hostname: 'h.test' } };
const rewritePath = (path: unknown) => ({ type: 'URLRewrite', urlRewrite: { path } });
const replacesPrefix = { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' };
const mirror = (more: object) => ({
  type: 'RequestMirror',
  requestMirror: { backendRef: { name: 's', port: 80 }, ...more },
});
const cors = (fields: object) => filters({ type: 'CORS', cors: fields });
const withoutBackends = (changes: object) => ({ 'rules.0.backendRefs': undefined, ...changes });
const filterFields: Record<string, [field: string, value: unknown]> = {
  RequestHeaderModifier: ['requestHeaderModifier', { remove: ['a'] }],
  ResponseHeaderModifier: ['responseHeaderModifier', { remove: ['a'] }],
  RequestMirror: ['requestMirror', { backendRef: { name: 's', port: 80 } }],
  RequestRedirect: ['requestRedirect', { hostname: 'h.test' }],
  URLRewrite: ['urlRewrite', { hostname: 'h.test' }],
  ExtensionRef: ['extensionRef', { group: 'a.test', kind: 'A', name: 'a' }],
  CORS: ['cors', { maxAge: 5 }],
};
const repeated = (type: string) => {
  const [field, value] = filterFields[type] ?? ['', {}];
  return filters({ type, [field]: value }, { type, [field]: value });
};

const httpRoute: BadRow[] = [
  ['HTTPRoute', { parentRefs: times(33, (i) => ({ name: `g${i}` })) }, 'spec.parentRefs', tooMany(33, 32)],
  [
    'HTTPRoute',
    { parentRefs: [{ name: 'g' }, { name: 'g', sectionName: 'a' }] },
    'spec.parentRefs',
    array('sectionName must be specified when parentRefs includes 2 or more references to the same parent'),
  ],
  [
    'HTTPRoute',
    {
      parentRefs: [
        { name: 'g', sectionName: 'a' },
        { name: 'g', sectionName: 'a' },
      ],
    },
    'spec.parentRefs',
    array('sectionName must be unique when parentRefs includes 2 or more references to the same parent'),
  ],
  [
    'HTTPRoute',
    {
      parentRefs: [
        { name: 'g', namespace: 'n' },
        { name: 'g', namespace: 'n' },
      ],
    },
    'spec.parentRefs',
    array('sectionName must be unique when parentRefs includes 2 or more references to the same parent'),
  ],
  ['HTTPRoute', { hostnames: times(17, (i) => `h${i}.test`) }, 'spec.hostnames', tooMany(17, 16)],
  ['HTTPRoute', { hostnames: ['Upper.test'] }, 'spec.hostnames[0]', 'should match'],
  ['HTTPRoute', { hostnames: ['h.test:80'] }, 'spec.hostnames[0]', 'should match'],
  ['HTTPRoute', { rules: [] }, 'spec.rules', 'should have at least 1 items'],
  ['HTTPRoute', { rules: times(17, () => ({})) }, 'spec.rules', tooMany(17, 16)],
  [
    'HTTPRoute',
    { rules: times(3, () => ({ matches: times(43, () => ({})) })) },
    'spec.rules',
    array(
      'While 16 rules and 64 matches per rule are allowed, the total number of matches across all rules in a route must be less than 128',
    ),
  ],
  [
    'HTTPRoute',
    { rules: [{ name: 'a' }, { name: 'a' }] },
    'spec.rules',
    array('Rule name must be unique within the route'),
  ],
  ['HTTPRoute', { 'rules.0.matches': times(65, () => ({})) }, `${r0}.matches`, tooMany(65, 64)],
  ['HTTPRoute', path('a'), `${m0}.path`, object(`value must be an absolute path and start with '/' ${literal}`)],
  ...['//', '/./', '/../', '%2f', '%2F', '#'].map((text): BadRow => [
    'HTTPRoute',
    path(`/a${text}b`),
    `${m0}.path`,
    object(`must not contain '${text}' ${literal}`),
  ]),
  ...['/..', '/.'].map((text): BadRow => [
    'HTTPRoute',
    path(`/a${text}`, 'Exact'),
    `${m0}.path`,
    object(`must not end with '${text}' ${literal}`),
  ]),
  [
    'HTTPRoute',
    path('/a b'),
    `${m0}.path`,
    object(
      "must only contain valid characters (matching ^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$) for types ['Exact', 'PathPrefix']",
    ),
  ],
  ['HTTPRoute', path(`/${long(1024)}`), `${m0}.path.value`, tooLong(1024)],
  [
    'HTTPRoute',
    path('/', 'Regex'),
    `${m0}.path.type`,
    'Unsupported value: "Regex": supported values: "Exact", "PathPrefix", "RegularExpression"',
  ],
  [
    'HTTPRoute',
    { 'rules.0.matches': [{ headers: times(17, (i) => ({ name: `h${i}`, value: 'v' })) }] },
    `${m0}.headers`,
    tooMany(17, 16),
  ],
  [
    'HTTPRoute',
    { 'rules.0.matches': [{ headers: [{ name: 'a b', value: 'v' }] }] },
    `${m0}.headers[0].name`,
    'should match',
  ],
  [
    'HTTPRoute',
    { 'rules.0.matches': [{ headers: [{ name: long(257), value: 'v' }] }] },
    `${m0}.headers[0].name`,
    tooLong(256),
  ],
  [
    'HTTPRoute',
    { 'rules.0.matches': [{ queryParams: times(17, (i) => ({ name: `h${i}`, value: 'v' })) }] },
    `${m0}.queryParams`,
    tooMany(17, 16),
  ],
  [
    'HTTPRoute',
    { 'rules.0.matches': [{ queryParams: [{ name: 'q', value: long(1025) }] }] },
    `${m0}.queryParams[0].value`,
    tooLong(1024),
  ],
  [
    'HTTPRoute',
    { 'rules.0.matches': [{ method: 'get' }] },
    `${m0}.method`,
    'Unsupported value: "get": supported values: "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"',
  ],
  ['HTTPRoute', filters(...times(17, () => mirror({}))), `${r0}.filters`, tooMany(17, 16)],
  [
    'HTTPRoute',
    { 'rules.0.backendRefs': times(17, () => ({ name: 's', port: 80 })) },
    `${r0}.backendRefs`,
    tooMany(17, 16),
  ],
  [
    'HTTPRoute',
    { 'rules.0.backendRefs': [{ name: 's' }] },
    `${r0}.backendRefs[0]`,
    object('Must have port for Service reference'),
  ],
  [
    'HTTPRoute',
    { 'rules.0.backendRefs': [{ name: 's', port: 80, weight: 1_000_001 }] },
    `${r0}.backendRefs[0].weight`,
    'should be less than or equal to 1e+06',
  ],
  [
    'HTTPRoute',
    { 'rules.0.timeouts': { request: '1s', backendRequest: '2s' } },
    `${r0}.timeouts`,
    object('backendRequest timeout cannot be longer than request timeout'),
  ],
  ...['0', '', '1.5s', '-1s', '5us'].map((text): BadRow => [
    'HTTPRoute',
    { 'rules.0.timeouts': { request: text } },
    `${r0}.timeouts.request`,
    "should match '^([0-9]{1,5}(h|m|s|ms)){1,4}$'",
  ]),
  ['HTTPRoute', filters(redirect), r0, object('RequestRedirect filter must not be used together with backendRefs')],
  [
    'HTTPRoute',
    { ...filters(rewritePath(replacesPrefix)), 'rules.0.matches': [{ path: { type: 'Exact', value: '/a' } }] },
    r0,
    object('When using URLRewrite filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified'),
  ],
  [
    'HTTPRoute',
    withoutBackends({
      ...filters({ type: 'RequestRedirect', requestRedirect: { path: replacesPrefix } }),
      'rules.0.matches': [{}, {}],
    }),
    r0,
    object(
      'When using RequestRedirect filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified',
    ),
  ],
  [
    'HTTPRoute',
    {
      'rules.0.matches': [{}, {}],
      'rules.0.backendRefs': [{ name: 's', port: 80, filters: [rewritePath(replacesPrefix)] }],
    },
    r0,
    object(
      'Within backendRefs, When using URLRewrite filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified',
    ),
  ],
  [
    'HTTPRoute',
    {
      'rules.0.matches': [{}, {}],
      'rules.0.backendRefs': [
        { name: 's', port: 80, filters: [{ type: 'RequestRedirect', requestRedirect: { path: replacesPrefix } }] },
      ],
    },
    r0,
    object(
      'Within backendRefs, When using RequestRedirect filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified',
    ),
  ],
  [
    'HTTPRoute',
    withoutBackends(filters(redirect, rewritePath({ type: 'ReplaceFullPath', replaceFullPath: '/a' }))),
    `${r0}.filters`,
    array('May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both'),
  ],
  ...['RequestHeaderModifier', 'ResponseHeaderModifier', 'URLRewrite', 'CORS'].map((type): BadRow => [
    'HTTPRoute',
    repeated(type),
    `${r0}.filters`,
    array(`${type} filter cannot be repeated`),
  ]),
  [
    'HTTPRoute',
    withoutBackends(repeated('RequestRedirect')),
    `${r0}.filters`,
    array('RequestRedirect filter cannot be repeated'),
  ],
  ...Object.entries(filterFields).flatMap(([type, [field, value]]): BadRow[] => {
    const other = type === 'CORS' ? 'ExtensionRef' : 'CORS';
    const [otherField, otherValue] = filterFields[other] ?? ['', {}];
    return [
      [
        'HTTPRoute',
        filters({ type }),
        `${r0}.filters[0]`,
        object(`filter.${field} must be specified for ${type} filter.type`),
      ],
      [
        'HTTPRoute',
        filters({ type: other, [otherField]: otherValue, [field]: value }),
        `${r0}.filters[0]`,
        object(`filter.${field} must be nil if the filter.type is not ${type}`),
      ],
    ];
  }),
  [
    'HTTPRoute',
    filters(rewritePath({ type: 'ReplaceFullPath' })),
    `${r0}.filters[0].urlRewrite.path`,
    object("replaceFullPath must be specified when type is set to 'ReplaceFullPath'"),
  ],
  [
    'HTTPRoute',
    filters(rewritePath({ type: 'ReplacePrefixMatch' })),
    `${r0}.filters[0].urlRewrite.path`,
    object("replacePrefixMatch must be specified when type is set to 'ReplacePrefixMatch'"),
  ],
  [
    'HTTPRoute',
    filters(rewritePath({ type: 'ReplaceFullPath', replaceFullPath: '/', replacePrefixMatch: '/' })),
    `${r0}.filters[0].urlRewrite.path`,
    object("type must be 'ReplacePrefixMatch' when replacePrefixMatch is set"),
  ],
  [
    'HTTPRoute',
    filters(rewritePath({ ...replacesPrefix, replaceFullPath: '/' })),
    `${r0}.filters[0].urlRewrite.path`,
    object("type must be 'ReplaceFullPath' when replaceFullPath is set"),
  ],
  [
    'HTTPRoute',
    withoutBackends(filters({ type: 'RequestRedirect', requestRedirect: { statusCode: 304 } })),
    `${r0}.filters[0].requestRedirect.statusCode`,
    'Unsupported value: 304: supported values: 301, 302, 303, 307, 308',
  ],
  [
    'HTTPRoute',
    withoutBackends(filters({ type: 'RequestRedirect', requestRedirect: { scheme: 'ftp' } })),
    `${r0}.filters[0].requestRedirect.scheme`,
    'Unsupported value: "ftp": supported values: "http", "https"',
  ],
  [
    'HTTPRoute',
    filters({
      type: 'RequestHeaderModifier',
      requestHeaderModifier: { add: times(17, (i) => ({ name: `h${i}`, value: 'v' })) },
    }),
    `${r0}.filters[0].requestHeaderModifier.add`,
    tooMany(17, 16),
  ],
  [
    'HTTPRoute',
    filters(mirror({ percent: 101 })),
    `${r0}.filters[0].requestMirror.percent`,
    'should be less than or equal to 100',
  ],
  [
    'HTTPRoute',
    filters(mirror({ percent: 1, fraction: { numerator: 1 } })),
    `${r0}.filters[0].requestMirror`,
    object('Only one of percent or fraction may be specified in HTTPRequestMirrorFilter'),
  ],
  [
    'HTTPRoute',
    filters(mirror({ fraction: { numerator: 2, denominator: 1 } })),
    `${r0}.filters[0].requestMirror.fraction`,
    object('numerator must be less than or equal to denominator'),
  ],
  [
    'HTTPRoute',
    cors({ allowOrigins: ['*', 'https://a.test'] }),
    `${r0}.filters[0].cors.allowOrigins`,
    array("AllowOrigins cannot contain '*' alongside other origins"),
  ],
  ['HTTPRoute', cors({ allowOrigins: ['a.test'] }), `${r0}.filters[0].cors.allowOrigins[0]`, 'should match'],
  [
    'HTTPRoute',
    cors({ allowMethods: ['*', 'GET'] }),
    `${r0}.filters[0].cors.allowMethods`,
    array("AllowMethods cannot contain '*' alongside other methods"),
  ],
  [
    'HTTPRoute',
    cors({ allowHeaders: ['*', 'a'] }),
    `${r0}.filters[0].cors.allowHeaders`,
    array("AllowHeaders cannot contain '*' alongside other values"),
  ],
  ['HTTPRoute', cors({ maxAge: 0 }), `${r0}.filters[0].cors.maxAge`, 'should be greater than or equal to 1'],
];

const l0 = 'spec.listeners[0]';
const listener = (fields: object) => ({ listeners: [{ name: 'l', port: 80, protocol: 'HTTP', ...fields }] });
const listeners = (...list: object[]) => ({
  listeners: list.map((fields, i) => ({ name: `l${i}`, port: 80, protocol: 'HTTP', ...fields })),
});
const certificateRefs = [{ name: 'cert' }];

const gateway: BadRow[] = [
  ['Gateway', { gatewayClassName: undefined }, 'spec.gatewayClassName', 'Required value'],
  ['Gateway', { listeners: [] }, 'spec.listeners', 'should have at least 1 items'],
  ['Gateway', listeners(...times(65, (i) => ({ port: i + 1 }))), 'spec.listeners', tooMany(65, 64)],
  [
    'Gateway',
    listener({ tls: { certificateRefs } }),
    'spec.listeners',
    array("tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']"),
  ],
  [
    'Gateway',
    listener({ protocol: 'HTTPS', tls: { mode: 'Passthrough' } }),
    'spec.listeners',
    array('tls mode must be Terminate for protocol HTTPS'),
  ],
  ['Gateway', listener({ protocol: 'TLS' }), 'spec.listeners', array('tls mode must be set for protocol TLS')],
  [
    'Gateway',
    listener({ protocol: 'TCP', hostname: 'h.test' }),
    'spec.listeners',
    array("hostname must not be specified for protocols ['TCP', 'UDP']"),
  ],
  ['Gateway', listeners({ name: 'l' }, { name: 'l', port: 81 }), 'spec.listeners[1]', 'Duplicate value: {"name":"l"}'],
  [
    'Gateway',
    listeners({ name: 'l' }, { name: 'l', port: 81 }),
    'spec.listeners',
    array('Listener name must be unique within the Gateway'),
  ],
  [
    'Gateway',
    listeners({}, {}),
    'spec.listeners',
    array('Combination of port, protocol and hostname must be unique for each listener'),
  ],
  [
    'Gateway',
    listeners({ hostname: 'h.test' }, { hostname: 'h.test' }),
    'spec.listeners',
    array('Combination of port, protocol and hostname must be unique for each listener'),
  ],
  [
    'Gateway',
    listener({ protocol: 'HTTPS', tls: { mode: 'Terminate' } }),
    `${l0}.tls`,
    object('certificateRefs or options must be specified when mode is Terminate'),
  ],
  [
    'Gateway',
    listener({ protocol: 'HTTPS', tls: { mode: 'Off', certificateRefs } }),
    `${l0}.tls.mode`,
    'Unsupported value: "Off": supported values: "Terminate", "Passthrough"',
  ],
  [
    'Gateway',
    listener({ protocol: 'HTTPS', tls: { certificateRefs: times(65, (i) => ({ name: `c${i}` })) } }),
    `${l0}.tls.certificateRefs`,
    tooMany(65, 64),
  ],
  [
    'Gateway',
    listener({ protocol: 'HTTPS', tls: { options: Object.fromEntries(times(17, (i) => [`k${i}`, 'v'])) } }),
    `${l0}.tls.options`,
    tooMany(17, 16),
  ],
  ['Gateway', listener({ port: 0 }), `${l0}.port`, 'should be greater than or equal to 1'],
  ['Gateway', listener({ name: 'Upper' }), `${l0}.name`, 'should match'],
  ['Gateway', listener({ hostname: '*.*.test' }), `${l0}.hostname`, 'should match'],
  [
    'Gateway',
    listener({ allowedRoutes: { namespaces: { from: 'Some' } } }),
    `${l0}.allowedRoutes.namespaces.from`,
    'Unsupported value: "Some": supported values: "All", "Selector", "Same"',
  ],
  [
    'Gateway',
    listener({ allowedRoutes: { kinds: times(9, () => ({ kind: 'HTTPRoute' })) } }),
    `${l0}.allowedRoutes.kinds`,
    tooMany(9, 8),
  ],
  ['Gateway', { addresses: times(17, (i) => ({ value: `10.0.0.${i}` })) }, 'spec.addresses', tooMany(17, 16)],
  [
    'Gateway',
    { addresses: [{ value: '10.0.0.1' }, { value: '10.0.0.1' }] },
    'spec.addresses',
    array('IPAddress values must be unique'),
  ],
  [
    'Gateway',
    { addresses: times(2, () => ({ type: 'Hostname', value: 'h.test' })) },
    'spec.addresses',
    array('Hostname values must be unique'),
  ],
  ['Gateway', { addresses: [{ type: 'Street', value: 'x' }] }, 'spec.addresses[0].type', 'should match'],
  ['Gateway', { addresses: [{ value: long(254) }] }, 'spec.addresses[0].value', tooLong(253)],
  [
    'Gateway',
    { infrastructure: { labels: Object.fromEntries(times(9, (i) => [`k${i}`, 'v'])) } },
    'spec.infrastructure.labels',
    tooMany(9, 8),
  ],
  [
    'Gateway',
    { infrastructure: { annotations: Object.fromEntries(times(17, (i) => [`k${i}`, 'v'])) } },
    'spec.infrastructure.annotations',
    tooMany(17, 16),
  ],
  [
    'Gateway',
    { allowedListeners: { namespaces: { from: 'Any' } } },
    'spec.allowedListeners.namespaces.from',
    'Unsupported value: "Any": supported values: "All", "Selector", "Same", "None"',
  ],
  [
    'Gateway',
    { tls: { frontend: { default: { validation: { caCertificateRefs: [] } } } } },
    'spec.tls.frontend.default.validation.caCertificateRefs',
    'should have at least 1 items',
  ],
  ['GatewayClass', { controllerName: 'no-path' }, 'spec.controllerName', 'should match'],
  ['GatewayClass', { description: long(65) }, 'spec.description', tooLong(64)],
  ['ReferenceGrant', { from: [] }, 'spec.from', 'should have at least 1 items'],
  [
    'ReferenceGrant',
    { from: times(17, () => ({ group: '', kind: 'Service', namespace: 'n' })) },
    'spec.from',
    tooMany(17, 16),
  ],
  ['ReferenceGrant', { to: [] }, 'spec.to', 'should have at least 1 items'],
  ['ReferenceGrant', { to: times(17, () => ({ group: '', kind: 'Service' })) }, 'spec.to', tooMany(17, 16)],
  ['ReferenceGrant', { 'from.0.namespace': undefined }, 'spec.from[0].namespace', 'Required value'],
  ['ReferenceGrant', { 'from.0.namespace': '*' }, 'spec.from[0].namespace', 'should match'],
  ['ReferenceGrant', { 'to.0.group': undefined }, 'spec.to[0].group', 'Required value'],
];

export const badRows: readonly BadRow[] = [
  ...aiGatewayRoute,
  ...aiServiceBackend,
  ...backendSecurityPolicy,
  ...inference,
  ...httpRoute,
  ...gateway,
];

export const goodRows: readonly GoodRow[] = [
  ...Object.keys(collections).map((kind): GoodRow => [kind, {}]),
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
  ['InferencePool', { endpointPickerRef: undefined }],
  ['InferencePool', { endpointPickerRef: { name: 'epp', kind: 'Picker', group: 'a.test' } }],
  ['InferencePool', { targetPorts: times(8, (i) => ({ number: 8000 + i })), appProtocol: 'kubernetes.io/h2c' }],
  ['InferenceModelRewrite', { 'rules.0.targets': times(2, () => ({ modelRewrite: 'm', weight: 1_000_000 })) }],
  ['HTTPRoute', { rules: undefined }],
  ['HTTPRoute', { rules: times(2, () => ({ matches: times(64, () => ({})) })) }],
  [
    'HTTPRoute',
    {
      parentRefs: [
        { name: 'g', namespace: 'a' },
        { name: 'g', namespace: 'b' },
      ],
    },
  ],
  [
    'HTTPRoute',
    {
      parentRefs: [
        { name: 'g', sectionName: 'a' },
        { name: 'g', sectionName: 'b' },
      ],
    },
  ],
  ['HTTPRoute', path('a//b#', 'RegularExpression')],
  ['HTTPRoute', path("/a.b/~c%20d!$&'()*+,;=:@")],
  [
    'HTTPRoute',
    { ...filters(rewritePath(replacesPrefix)), 'rules.0.matches': [{ path: { type: 'PathPrefix', value: '/a' } }] },
  ],
  [
    'HTTPRoute',
    { 'rules.0.backendRefs': [{ name: 'p', group: 'inference.networking.k8s.io', kind: 'InferencePool' }] },
  ],
  ['HTTPRoute', { 'rules.0.timeouts': { request: '1h30m10s500ms', backendRequest: '1h' } }],
  ['HTTPRoute', cors({ allowOrigins: ['https://*.a.test', 'http://b.test:8080'], allowMethods: ['*'] })],
  ['HTTPRoute', filters(mirror({}), mirror({ fraction: { numerator: 1, denominator: 3 } }))],
  ['HTTPRoute', withoutBackends(filters(redirect))],
  ['Gateway', listeners({ hostname: 'a.test' }, { hostname: '*.a.test' }, {})],
  [
    'Gateway',
    listeners(
      { protocol: 'HTTPS', port: 443, tls: { certificateRefs } },
      { protocol: 'TLS', port: 444, tls: { mode: 'Passthrough' } },
    ),
  ],
  [
    'Gateway',
    { addresses: [{ value: '10.0.0.1' }, { type: 'Hostname', value: 'h.test' }, { type: 'a.test/named', value: 'x' }] },
  ],
  ['ReferenceGrant', { 'to.0.name': 'one' }],
];
