import { Type } from 'typebox';
import { policyAncestorStatuses } from '../gateway/fields.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { freeForm, intOrString, objectSchema } from '../schema.ts';
import { anyTargetRule, apiGroup, policyColumns, policyTargets, targetKindRule } from './fields.ts';

/**
 * ClientTrafficPolicy: how a Gateway treats its clients' connections. Headgate carries out `connection.bufferLimit`; the
 * other fields are kept as they are and reported as unsupported in the policy's status.
 */

const spec = Type.Object(
  {
    ...policyTargets,
    connection: Type.Optional(
      Type.Object({
        bufferLimit: Type.Optional(intOrString({ pattern: '^[1-9]+[0-9]*([EPTGMK]i|[EPTGMk])?$|^[1-9]+[0-9]*$' })),
        connectionLimit: Type.Optional(freeForm()),
        socketBufferLimit: Type.Optional(intOrString()),
        maxAcceptPerSocketEvent: Type.Optional(Type.Integer()),
      }),
    ),
    tcpKeepalive: Type.Optional(freeForm()),
    enableProxyProtocol: Type.Optional(Type.Boolean()),
    proxyProtocol: Type.Optional(freeForm()),
    clientIPDetection: Type.Optional(freeForm()),
    headers: Type.Optional(freeForm()),
    tls: Type.Optional(freeForm()),
    path: Type.Optional(freeForm()),
    timeout: Type.Optional(freeForm()),
    http1: Type.Optional(freeForm()),
    http2: Type.Optional(freeForm()),
    http3: Type.Optional(freeForm()),
    healthCheck: Type.Optional(freeForm()),
    scheme: Type.Optional(Type.String()),
  },
  {
    'x-kubernetes-validations': [
      anyTargetRule,
      ...targetKindRule(
        ['Gateway', 'XListenerSet', 'ListenerSet'],
        'this policy can only have a targetRef.kind of Gateway/XListenerSet',
      ),
    ],
  },
);

const status = Type.Object({ ancestors: policyAncestorStatuses() });

export type ClientTrafficPolicy = ObjectOf<typeof spec, typeof status>;

export const ClientTrafficPolicy = defineKind<ClientTrafficPolicy>({
  group: apiGroup,
  kind: 'ClientTrafficPolicy',
  plural: 'clienttrafficpolicies',
  shortNames: ['ctp'],
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
