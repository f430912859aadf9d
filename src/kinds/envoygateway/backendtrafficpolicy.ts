import { Type } from '../type.ts';
import { duration, policyAncestorStatuses } from '../gateway/fields.ts';
import { describeFields } from '../describe.ts';
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

const descriptions = {
  spec: 'Targets and settings.',
  'spec.targetRef': 'What the policy applies to.',
  'spec.targetRefs': 'What the policy applies to.',
  'spec.targetSelectors': 'What the policy applies to, by labels.',
  'spec.mergeType': 'How the policy of a route joins that of its Gateway.',
  'spec.retry': 'When and how failed attempts are repeated.',
  'spec.retry.numRetries': 'How often.',
  'spec.retry.numAttemptsPerPriority': 'How often before backends of the next priority are tried.',
  'spec.retry.retryOn': 'Failures that are repeated.',
  'spec.retry.retryOn.triggers': 'Kinds of failures.',
  'spec.retry.retryOn.httpStatusCodes': 'Statuses of answers, for the trigger retriable-status-codes.',
  'spec.retry.perRetry': 'Limits of each attempt.',
  'spec.retry.perRetry.backOff': 'Wait between attempts.',
  'spec.rateLimit': 'Rate limits.',
  'spec.loadBalancer': 'How endpoints are chosen.',
  'spec.proxyProtocol': 'The PROXY protocol.',
  'spec.tcpKeepalive': 'TCP keep-alive.',
  'spec.healthCheck': 'Health checks of backends.',
  'spec.circuitBreaker': 'Limits of connections and requests.',
  'spec.faultInjection': 'Faults made on purpose.',
  'spec.timeout': 'Timeouts of backends.',
  'spec.connection': 'Buffers of connections.',
  'spec.dns': 'How names are resolved.',
  'spec.http2': 'HTTP/2.',
  'spec.useClientProtocol': 'Whether backends are spoken to as the client speaks.',
  'spec.compression': 'Compression of answers (older form).',
  'spec.compressor': 'Compression of answers.',
  'spec.responseOverride': 'Answers put in the place of those of backends.',
  'spec.httpUpgrade': 'Protocol upgrades.',
  'spec.requestBuffer': 'Buffering of requests.',
  'spec.telemetry': 'Traces and metrics.',
  'spec.routingType': 'Whether endpoints or the Service are sent to.',
  status: 'What the controllers found out.',
  'status.ancestors': 'What each Gateway or route that the policy reaches makes of it.',
  'status.ancestors.ancestorRef': 'The Gateway or route.',
};

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
      schema: describeFields(
        objectSchema({ spec, status: Type.Optional(status) }),
        'How a Gateway treats the backends of a Gateway or route.',
        descriptions,
      ),
      printerColumns: policyColumns,
    },
  ],
});
