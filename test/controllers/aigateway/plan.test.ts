import { describe, expect, it } from 'vitest';
import { planBackend, planRoute, planSecurityPolicy } from '../../../src/controllers/aigateway/plan.ts';
import type { AIGatewayRoute } from '../../../src/kinds/aigateway/aigatewayroute.ts';
import type { AIServiceBackend } from '../../../src/kinds/aigateway/aiservicebackend.ts';
import type { BackendSecurityPolicy } from '../../../src/kinds/aigateway/backendsecuritypolicy.ts';
import type { Gateway } from '../../../src/kinds/gateway/gateway.ts';
import type { ReferenceGrant } from '../../../src/kinds/gateway/referencegrant.ts';
import type { HTTPRoute } from '../../../src/kinds/gateway/httproute.ts';
import type { SecretSummary } from '../../../src/routing/secrets.ts';
import { noResources, type RouteResources } from '../../../src/routing/resources.ts';
import { lookupOf } from '../../../src/routing/lookup.ts';

type Spec = AIGatewayRoute['spec'];

const meta = (name: string, namespace = 'default') => ({ name, namespace, uid: `uid-${name}`, generation: 1 });
const ai = (spec: Spec): AIGatewayRoute => ({
  apiVersion: 'aigateway.envoyproxy.io/v1beta1',
  kind: 'AIGatewayRoute',
  metadata: {
    ...meta('r'),
    labels: { team: 'a' },
    annotations: { note: 'kept', 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
  },
  spec: { parentRefs: [{ name: 'gw' }], ...spec },
});
const backend = (
  name: string,
  schema: AIServiceBackend['spec']['schema']['name'] = 'OpenAI',
  namespace = 'default',
): AIServiceBackend => ({
  apiVersion: 'aigateway.envoyproxy.io/v1beta1',
  kind: 'AIServiceBackend',
  metadata: meta(name, namespace),
  spec: {
    schema: { name: schema },
    backendRef: { group: 'gateway.envoyproxy.io', kind: 'Backend', name: `${name}-address` },
  },
});
const policy = (name: string, target: string, secretRef: { namespace?: string } = {}): BackendSecurityPolicy => ({
  apiVersion: 'aigateway.envoyproxy.io/v1beta1',
  kind: 'BackendSecurityPolicy',
  metadata: meta(name),
  spec: {
    type: 'APIKey',
    targetRefs: [{ group: 'aigateway.envoyproxy.io', kind: 'AIServiceBackend', name: target }],
    apiKey: { secretRef: { name: 'key', ...secretRef } },
  },
});
const secret = (name: string, keys: readonly string[], namespace = 'default'): SecretSummary => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: meta(name, namespace),
  keys,
});
const grant = (namespace: string): ReferenceGrant => ({
  apiVersion: 'gateway.networking.k8s.io/v1beta1',
  kind: 'ReferenceGrant',
  metadata: meta('grant', namespace),
  spec: {
    from: [{ group: 'aigateway.envoyproxy.io', kind: 'BackendSecurityPolicy', namespace: 'default' }],
    to: [{ group: '', kind: 'Secret', name: 'key' }],
  },
});
const gw = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Gateway',
  metadata: meta('gw'),
  spec: { gatewayClassName: 'c', listeners: [] },
} satisfies Gateway;

function plan(spec: Spec, resources: Partial<RouteResources> = {}, gateways: readonly Gateway[] = [gw]) {
  return planRoute({
    route: ai(spec),
    lookup: lookupOf({ ...noResources, aiServiceBackends: [backend('one')], ...resources }),
    httpRoute: undefined,
    gateway: ({ name }) => gateways.find(({ metadata }) => metadata.name === name),
  });
}

describe('the generated HTTPRoute', () => {
  it('has one rule per rule, the defaults of the AI gateway, and the not-found rule', () => {
    const { httpRoute, filters, verdict } = plan({
      hostnames: ['a.example.com'],
      rules: [
        {
          name: 'first',
          matches: [{ headers: [{ name: 'x-ai-eg-model', value: 'm' }] }],
          backendRefs: [{ name: 'one', weight: 3, priority: 2 }],
          timeouts: { backendRequest: '5s' },
        },
        { backendRefs: [{ group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'pool' }] },
      ],
    });
    expect(verdict).toEqual({ accepted: true, message: 'AI Gateway Route reconciled successfully' });
    expect(filters.map(({ metadata }) => metadata.name)).toEqual([
      'ai-eg-host-rewrite-r',
      'ai-eg-route-not-found-response-r',
    ]);
    expect(httpRoute?.metadata.labels).toEqual({ team: 'a' });
    expect(httpRoute?.metadata.annotations).toEqual({
      note: 'kept',
      'gateway.envoyproxy.io/backend-ref-priority': '0:one:2,1:pool:0',
      'gateway.envoyproxy.io/ai-gateway-generated': 'true',
    });
    const rewrite = {
      type: 'ExtensionRef',
      extensionRef: { group: 'gateway.envoyproxy.io', kind: 'HTTPRouteFilter', name: 'ai-eg-host-rewrite-r' },
    };
    expect(httpRoute?.spec).toEqual({
      parentRefs: [{ name: 'gw' }],
      hostnames: ['a.example.com'],
      rules: [
        {
          name: 'first',
          matches: [{ headers: [{ name: 'x-ai-eg-model', value: 'm' }], path: { value: '/' } }],
          filters: [rewrite],
          timeouts: { request: '60s', backendRequest: '5s' },
          backendRefs: [{ group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'one-address', weight: 3 }],
        },
        {
          filters: [rewrite],
          timeouts: { request: '60s' },
          backendRefs: [
            {
              group: 'inference.networking.k8s.io',
              kind: 'InferencePool',
              name: 'pool',
              namespace: 'default',
              weight: 1,
            },
          ],
        },
        {
          name: 'route-not-found',
          matches: [{ path: { value: '/' } }],
          filters: [
            { ...rewrite, extensionRef: { ...rewrite.extensionRef, name: 'ai-eg-route-not-found-response-r' } },
          ],
        },
      ],
    });
  });
});

describe('the verdict on an AIGatewayRoute', () => {
  const rules = [{ backendRefs: [{ name: 'one' }] }];
  it.each<[string, Spec, Partial<RouteResources>, readonly Gateway[], string, boolean]>([
    [
      'missing backend',
      { rules: [{ backendRefs: [{ name: 'two' }] }] },
      {},
      [gw],
      'failed to get AIServiceBackend two.default: AIServiceBackend two.default not found',
      false,
    ],
    [
      'no grant',
      { rules: [{ backendRefs: [{ name: 'one', namespace: 'other' }] }] },
      {},
      [gw],
      'is not permitted: no valid ReferenceGrant found',
      false,
    ],
    ['missing Gateway', { rules }, {}, [], 'Gateway gw.default not found', true],
    [
      'untranslated schema',
      { rules },
      { aiServiceBackends: [backend('one', 'AWSBedrock')] },
      [gw],
      'schema AWSBedrock is not supported yet',
      true,
    ],
    [
      'a Secret that is not granted',
      { rules },
      { backendSecurityPolicies: [policy('key', 'one', { namespace: 'vault' })] },
      [gw],
      'no ReferenceGrant permits Secret vault/key here',
      true,
    ],
    [
      'costs',
      { rules, llmRequestCosts: [{ metadataKey: 'k', type: 'InputToken' }] },
      {},
      [gw],
      'spec.llmRequestCosts is not supported yet',
      true,
    ],
  ])('%s', (_name, spec, resources, gateways, message, written) => {
    const { verdict, httpRoute } = plan(spec, resources, gateways);
    expect(verdict.accepted).toBe(false);
    expect(verdict.message).toContain(message);
    expect(httpRoute !== undefined).toBe(written);
  });
});

describe('the verdict on a route that no Gateway serves', () => {
  const rules = [{ backendRefs: [{ name: 'one' }] }];
  const told = (generation: number, ...statuses: ('True' | 'False')[]): HTTPRoute => {
    const made = plan({ rules }).httpRoute;
    if (made === undefined) throw new Error('no HTTPRoute');
    return {
      ...made,
      metadata: { ...made.metadata, generation: 2 },
      status: {
        parents: statuses.map((status) => ({
          parentRef: { name: 'gw' },
          controllerName: 'c',
          conditions: [
            {
              type: 'Accepted',
              status,
              reason: 'NotAllowedByListeners',
              message: 'no listener takes it',
              observedGeneration: generation,
              lastTransitionTime: '2026-01-01T00:00:00Z',
            },
          ],
        })),
      },
    };
  };
  const verdict = (httpRoute: HTTPRoute | undefined, spec: Partial<Spec> = {}) =>
    planRoute({
      route: ai({ rules, ...spec }),
      lookup: lookupOf({ ...noResources, aiServiceBackends: [backend('one')] }),
      httpRoute,
      gateway: () => gw,
    }).verdict;

  it('is that of its HTTPRoute as it is now', () => {
    expect(verdict(told(2, 'False'))).toEqual({
      accepted: false,
      message: 'HTTPRoute default/r is attached nowhere: Gateway gw: NotAllowedByListeners: no listener takes it',
    });
    expect(verdict(told(2, 'False', 'True')).accepted).toBe(true);
    // Nobody has looked at what it is now.
    expect(verdict(told(1, 'False')).accepted).toBe(true);
    expect(verdict(undefined).accepted).toBe(true);
  });

  it('is no where it names no Gateway', () => {
    expect(verdict(undefined, { parentRefs: [] })).toMatchObject({
      accepted: false,
      message: expect.stringContaining('spec.parentRefs names no Gateway') as string,
    });
  });
});

describe('the verdict on an AIServiceBackend', () => {
  it('refuses two policies and other schemas', () => {
    const verdict = (target: AIServiceBackend, ...backendSecurityPolicies: BackendSecurityPolicy[]) =>
      planBackend(lookupOf({ ...noResources, backendSecurityPolicies }), target);
    expect(verdict(backend('one'))).toEqual({ accepted: true, message: 'AIServiceBackend reconciled successfully' });
    expect(verdict(backend('one'), policy('a', 'one'), policy('b', 'one')).message).toContain(
      'multiple BackendSecurityPolicies',
    );
    expect(verdict(backend('one'), policy('a', 'one')).accepted).toBe(true);
    expect(verdict(backend('one', 'AWSBedrock')).message).toContain('schema AWSBedrock is not supported yet');
  });
});

describe('the verdict on a BackendSecurityPolicy', () => {
  const abroad = policy('p', 'one', { namespace: 'vault' });
  it.each<[string, BackendSecurityPolicy, Partial<RouteResources>, string | undefined]>([
    ['all is there', policy('p', 'one'), { secrets: [secret('key', ['apiKey'])] }, undefined],
    ['no Secret', policy('p', 'one'), {}, 'Secret default/key not found'],
    ['another key', policy('p', 'one'), { secrets: [secret('key', ['key'])] }, 'Secret default/key has no key apiKey'],
    [
      'not granted, whether it is there or not',
      abroad,
      { secrets: [secret('key', ['apiKey'], 'vault')] },
      'BackendSecurityPolicy default/p: spec.apiKey.secretRef: no ReferenceGrant permits Secret vault/key here',
    ],
    [
      'granted',
      abroad,
      { secrets: [secret('key', ['apiKey'], 'vault')], referenceGrants: [grant('vault')] },
      undefined,
    ],
    [
      'metadata of other filters',
      {
        ...abroad,
        spec: { ...policy('p', 'one').spec, credentialOverride: { fromDynamicMetadata: { namespace: 'n' } } },
      },
      { secrets: [secret('key', ['apiKey'])] },
      'BackendSecurityPolicy default/p: spec.credentialOverride.fromDynamicMetadata is not supported: there are no other filters to set it; use fromRequestHeaders',
    ],
    [
      'an override that falls back to nothing',
      {
        ...abroad,
        spec: {
          type: 'GCPCredentials',
          gcpCredentials: { projectName: 'p', region: 'r' },
          credentialOverride: { fromRequestHeaders: {} },
        },
      },
      {},
      'BackendSecurityPolicy default/p: spec.credentialOverride: fallbackToConfigured needs a credential that is configured: set it to false',
    ],
  ])('%s', (_name, subject, resources, problem) => {
    expect(planSecurityPolicy(lookupOf({ ...noResources, ...resources }), subject)).toEqual(
      problem === undefined
        ? { accepted: true, message: 'BackendSecurityPolicy reconciled successfully' }
        : { accepted: false, message: problem },
    );
  });
});
