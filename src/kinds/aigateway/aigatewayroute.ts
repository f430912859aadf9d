import { Type } from '../type.ts';
import { duration, headerMatches, hostname, httpRouteTimeouts, namespace, parentReference } from '../gateway/fields.ts';
import { describeFields, under } from '../describe.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { int32, objectSchema } from '../schema.ts';
import {
  apiGroup,
  conditionsStatus,
  httpBodyMutation,
  httpHeaderMutation,
  llmRequestCost,
  versions,
  costDescriptions,
  mutationDescriptions,
} from './fields.ts';

/** AIGatewayRoute: which model names go to which AI backends (aigateway.md 1.1). */

const isPool = "(has(r.kind) && r.kind == 'InferencePool')";

const backendRef = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    namespace: Type.Optional(namespace()),
    group: Type.Optional(Type.String({ maxLength: 253 })),
    kind: Type.Optional(Type.String({ minLength: 1, maxLength: 63 })),
    modelNameOverride: Type.Optional(Type.String()),
    headerMutation: Type.Optional(httpHeaderMutation),
    bodyMutation: Type.Optional(httpBodyMutation),
    weight: Type.Optional(int32({ default: 1, minimum: 0 })),
    priority: Type.Optional(int32({ default: 0, minimum: 0 })),
  },
  {
    'x-kubernetes-validations': [
      {
        rule: '(has(self.group) && has(self.kind)) || (!has(self.group) && !has(self.kind))',
        message: 'group and kind must be specified together',
      },
      {
        rule: "!has(self.group) || !has(self.kind) || (self.group == 'inference.networking.k8s.io' && self.kind == 'InferencePool')",
        message: 'only InferencePool from inference.networking.k8s.io group is supported',
      },
    ],
  },
);

const rule = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
    matches: Type.Optional(Type.Array(Type.Object({ headers: Type.Optional(headerMatches()) }), { maxItems: 128 })),
    backendRefs: Type.Optional(Type.Array(backendRef, { maxItems: 128 })),
    timeouts: Type.Optional(httpRouteTimeouts),
    streamIdleTimeout: Type.Optional(duration()),
    modelsOwnedBy: Type.Optional(Type.String({ default: 'Envoy AI Gateway' })),
    modelsCreatedAt: Type.Optional(Type.String({ format: 'date-time' })),
  },
  {
    'x-kubernetes-validations': [
      {
        rule: "!has(self.name) || self.name != 'route-not-found'",
        message: 'rule name route-not-found is reserved',
      },
      {
        rule: `!has(self.backendRefs) || !(self.backendRefs.exists(r, ${isPool}) && self.backendRefs.exists(r, !${isPool}))`,
        message: 'cannot mix InferencePool and AIServiceBackend references in the same rule',
      },
      {
        rule: `!has(self.backendRefs) || self.backendRefs.filter(r, ${isPool}).size() <= 1`,
        message: 'only one InferencePool backend is allowed per rule',
      },
    ],
  },
);

const spec = Type.Object({
  parentRefs: Type.Optional(
    Type.Array(parentReference, {
      maxItems: 16,
      'x-kubernetes-validations': [
        { rule: "self.all(match, match.kind == 'Gateway')", message: 'only Gateway is supported' },
      ],
    }),
  ),
  hostnames: Type.Optional(Type.Array(hostname(), { maxItems: 16 })),
  rules: Type.Array(rule, {
    maxItems: 15,
    'x-kubernetes-validations': [
      {
        rule: 'self.all(l1, !has(l1.name) || self.exists_one(l2, has(l2.name) && l1.name == l2.name))',
        message: 'rule name must be unique within the route',
      },
    ],
  }),
  llmRequestCosts: Type.Optional(Type.Array(llmRequestCost, { maxItems: 36 })),
});

export type AIGatewayRoute = ObjectOf<typeof spec, typeof conditionsStatus>;
export type AIGatewayRouteRule = AIGatewayRoute['spec']['rules'][number];
export type AIGatewayRouteBackendRef = NonNullable<AIGatewayRouteRule['backendRefs']>[number];

const descriptions = {
  spec: 'Parents, host names, rules and costs.',
  'spec.parentRefs': 'Gateways that the route attaches to.',
  'spec.hostnames': 'Hosts that requests must ask for.',
  'spec.rules': 'What is done with which requests.',
  'spec.rules.name': 'Name of the rule, unique in the route.',
  'spec.rules.matches':
    'Requests the rule is for: one of these must match; empty matches all. The model is in the header x-ai-eg-model.',
  'spec.rules.backendRefs': 'Where the requests go: AIServiceBackends, or one InferencePool.',
  'spec.rules.backendRefs.name': 'Name of the AIServiceBackend or InferencePool.',
  'spec.rules.backendRefs.group': 'inference.networking.k8s.io for an InferencePool, else absent.',
  'spec.rules.backendRefs.kind': 'InferencePool, or absent for an AIServiceBackend.',
  'spec.rules.backendRefs.modelNameOverride': 'Model that the backend is asked for instead of that of the client.',
  ...under('spec.rules.backendRefs', mutationDescriptions),
  'spec.rules.backendRefs.weight': 'Share of the requests among backends of one priority; 0 means none.',
  'spec.rules.backendRefs.priority': 'Lower is tried first; the next one takes over when all of a priority fail.',
  'spec.rules.timeouts': 'How long a request (60s when not set) and a single attempt may take.',
  'spec.rules.modelsOwnedBy': 'owned_by of the models of this rule in /v1/models.',
  'spec.rules.modelsCreatedAt': 'created of the models of this rule in /v1/models; the age of the route when not set.',
  'spec.llmRequestCosts': 'What is counted of each request, for rate limits.',
  ...under('spec.llmRequestCosts', costDescriptions),
  status: 'What the controllers found out.',
};

export const AIGatewayRoute = defineKind<AIGatewayRoute>({
  group: apiGroup,
  kind: 'AIGatewayRoute',
  plural: 'aigatewayroutes',
  versions: versions(
    describeFields(
      objectSchema({ spec, status: Type.Optional(conditionsStatus) }),
      'Says which model names go to which AI backends.',
      descriptions,
    ),
  ),
});
