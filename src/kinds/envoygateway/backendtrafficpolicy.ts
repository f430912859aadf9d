import { Type } from 'typebox';
import { duration, policyAncestorStatuses } from '../gateway/fields.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { freeForm, int32, objectSchema, stringEnum } from '../schema.ts';
import { anyTargetRule, apiGroup, policyColumns, policyTargets, targetKindRule } from './fields.ts';

/** BackendTrafficPolicy: how a Gateway treats the backends of a Gateway or route (aigateway.md 2.2). */

const retry = Type.Object({
  numRetries: Type.Optional(int32({ minimum: 0, default: 2 })),
  numAttemptsPerPriority: Type.Optional(int32()),
  retryOn: Type.Optional(
    Type.Object({
      triggers: Type.Optional(
        Type.Array(
          stringEnum([
            '5xx',
            'gateway-error',
            'reset',
            'reset-before-request',
            'connect-failure',
            'retriable-4xx',
            'refused-stream',
            'retriable-status-codes',
            'cancelled',
            'deadline-exceeded',
            'internal',
            'resource-exhausted',
            'unavailable',
            'envoy-ratelimited',
          ]),
        ),
      ),
      httpStatusCodes: Type.Optional(Type.Array(int32({ minimum: 100, maximum: 599 }))),
    }),
  ),
  perRetry: Type.Optional(
    Type.Object({
      timeout: Type.Optional(duration()),
      backOff: Type.Optional(
        Type.Object({ baseInterval: Type.Optional(duration()), maxInterval: Type.Optional(duration()) }),
      ),
    }),
  ),
});

const spec = Type.Object(
  {
    ...policyTargets,
    mergeType: Type.Optional(Type.String()),
    retry: Type.Optional(retry),
    rateLimit: Type.Optional(freeForm()),
    loadBalancer: Type.Optional(freeForm()),
    proxyProtocol: Type.Optional(freeForm()),
    tcpKeepalive: Type.Optional(freeForm()),
    healthCheck: Type.Optional(freeForm()),
    circuitBreaker: Type.Optional(freeForm()),
    faultInjection: Type.Optional(freeForm()),
    timeout: Type.Optional(freeForm()),
    connection: Type.Optional(freeForm()),
    dns: Type.Optional(freeForm()),
    http2: Type.Optional(freeForm()),
    useClientProtocol: Type.Optional(Type.Boolean()),
    compression: Type.Optional(Type.Array(freeForm())),
    compressor: Type.Optional(Type.Array(freeForm())),
    responseOverride: Type.Optional(Type.Array(freeForm())),
    httpUpgrade: Type.Optional(Type.Array(freeForm())),
    requestBuffer: Type.Optional(freeForm()),
    telemetry: Type.Optional(freeForm()),
    routingType: Type.Optional(Type.String()),
  },
  {
    'x-kubernetes-validations': [
      anyTargetRule,
      ...targetKindRule(
        ['Gateway', 'HTTPRoute', 'GRPCRoute', 'UDPRoute', 'TCPRoute', 'TLSRoute'],
        'this policy can only have a targetRef.kind of Gateway/HTTPRoute/GRPCRoute/TCPRoute/UDPRoute/TLSRoute',
      ),
    ],
  },
);

const status = Type.Object({ ancestors: policyAncestorStatuses() });

export type BackendTrafficPolicy = ObjectOf<typeof spec, typeof status>;

export const BackendTrafficPolicy = defineKind<BackendTrafficPolicy>({
  group: apiGroup,
  kind: 'BackendTrafficPolicy',
  plural: 'backendtrafficpolicies',
  shortNames: ['btp'],
  categories: ['envoy-gateway'],
  labels: { 'gateway.networking.k8s.io/policy': 'Direct' },
  versions: [
    {
      name: 'v1alpha1',
      served: true,
      schema: objectSchema({ spec, status: Type.Optional(status) }),
      printerColumns: policyColumns,
    },
  ],
});
