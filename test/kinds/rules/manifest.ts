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
  BackendTLSPolicy: '/apis/gateway.networking.k8s.io/v1/namespaces/default/backendtlspolicies',
  'BackendTLSPolicy v1alpha3': '/apis/gateway.networking.k8s.io/v1alpha3/namespaces/default/backendtlspolicies',
  Backend: '/apis/gateway.envoyproxy.io/v1alpha1/namespaces/default/backends',
  EnvoyProxy: '/apis/gateway.envoyproxy.io/v1alpha1/namespaces/default/envoyproxies',
  AIMService: '/apis/aim.eai.amd.com/v1alpha1/namespaces/default/aimservices',
  'AIMService legacy': '/apis/aim.silogen.ai/v1alpha1/namespaces/default/aimservices',
  AIMModel: '/apis/aim.eai.amd.com/v1alpha1/namespaces/default/aimmodels',
  'AIMModel legacy': '/apis/aim.silogen.ai/v1alpha1/namespaces/default/aimmodels',
  AIMClusterModel: '/apis/aim.eai.amd.com/v1alpha1/aimclustermodels',
  'AIMClusterModel legacy': '/apis/aim.silogen.ai/v1alpha1/aimclustermodels',
  AIMClusterModelSource: '/apis/aim.eai.amd.com/v1alpha1/aimclustermodelsources',
  'AIMClusterModelSource legacy': '/apis/aim.silogen.ai/v1alpha1/aimclustermodelsources',
  AIMServiceTemplate: '/apis/aim.eai.amd.com/v1alpha1/namespaces/default/aimservicetemplates',
  'AIMServiceTemplate legacy': '/apis/aim.silogen.ai/v1alpha1/namespaces/default/aimservicetemplates',
  AIMClusterServiceTemplate: '/apis/aim.eai.amd.com/v1alpha1/aimclusterservicetemplates',
  'AIMClusterServiceTemplate legacy': '/apis/aim.silogen.ai/v1alpha1/aimclusterservicetemplates',
  AIMRuntimeConfig: '/apis/aim.eai.amd.com/v1alpha1/namespaces/default/aimruntimeconfigs',
  'AIMRuntimeConfig legacy': '/apis/aim.silogen.ai/v1alpha1/namespaces/default/aimruntimeconfigs',
  AIMClusterRuntimeConfig: '/apis/aim.eai.amd.com/v1alpha1/aimclusterruntimeconfigs',
  'AIMClusterRuntimeConfig legacy': '/apis/aim.silogen.ai/v1alpha1/aimclusterruntimeconfigs',
  AIMTemplateCache: '/apis/aim.eai.amd.com/v1alpha1/namespaces/default/aimtemplatecaches',
  'AIMTemplateCache legacy': '/apis/aim.silogen.ai/v1alpha1/namespaces/default/aimtemplatecaches',
  AIMArtifact: '/apis/aim.eai.amd.com/v1alpha1/namespaces/default/aimartifacts',
  AIMModelCache: '/apis/aim.silogen.ai/v1alpha1/namespaces/default/aimmodelcaches',
  InferenceService: '/apis/serving.kserve.io/v1beta1/namespaces/default/inferenceservices',
  ServingRuntime: '/apis/serving.kserve.io/v1alpha1/namespaces/default/servingruntimes',
};

export const secretRef = { name: 'key' };
export const poolRef = { name: 'pool', group: 'inference.networking.k8s.io', kind: 'InferencePool' };

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
  BackendTLSPolicy: {
    targetRefs: [{ group: '', kind: 'Service', name: 's' }],
    validation: { hostname: 'h.test', wellKnownCACertificates: 'System' },
  },
  Backend: { endpoints: [{ fqdn: { hostname: 'h.test', port: 443 } }] },
  EnvoyProxy: { logging: { level: { default: 'error' } } },
  AIMService: { model: { image: 'amdenterpriseai/aim-qwen-qwen3-32b:0.8.5' } },
  'AIMService legacy': { model: { ref: 'meta-llama-3-8b' } },
  AIMModel: { image: 'amdenterpriseai/aim-qwen-qwen3-32b:0.8.5' },
  AIMClusterModel: { image: 'amdenterpriseai/aim-qwen-qwen3-32b:0.8.5' },
  AIMClusterModelSource: { filters: [{ image: 'silogen/aim-*' }] },
  AIMServiceTemplate: { modelName: 'qwen' },
  AIMClusterServiceTemplate: { modelName: 'qwen' },
  AIMRuntimeConfig: { routing: { enabled: true, gatewayRef: { name: 'gw' } } },
  AIMClusterRuntimeConfig: { routing: { enabled: true, gatewayRef: { name: 'gw' } } },
  AIMTemplateCache: { templateName: 'qwen', templateScope: 'Namespace' },
  'AIMTemplateCache legacy': { templateRef: 'qwen' },
  AIMArtifact: { sourceUri: 'hf://Qwen/Qwen3-32B' },
  AIMModelCache: { sourceUri: 'hf://Qwen/Qwen3-32B', size: '64Gi' },
  InferenceService: { predictor: { containers: [{ name: 'kserve-container', image: 'vllm/vllm-openai' }] } },
  ServingRuntime: { containers: [{ name: 'kserve-container', image: 'vllm/vllm-openai' }] },
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

export const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
export const long = (length: number) => 'x'.repeat(length);
export const tooMany = (actual: number, limit: number) => `Too many: ${actual}: must have at most ${limit} items`;
export const tooLong = (limit: number) => `Too long: may not be more than ${limit} bytes`;
export const object = (text: string) => `Invalid value: "object": ${text}`;
export const array = (text: string) => `Invalid value: "array": ${text}`;

/** Paths that many rows name. */
export const r0 = 'spec.rules[0]';
export const m0 = `${r0}.matches[0]`;
