import { Type } from '../type.ts';
import { policyAncestorStatuses } from '../gateway/fields.ts';
import { describeFields } from '../describe.ts';
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

const descriptions = {
  spec: 'Targets and settings.',
  'spec.targetRef': 'What the policy applies to.',
  'spec.targetRefs': 'What the policy applies to.',
  'spec.targetSelectors': 'What the policy applies to, by labels.',
  'spec.connection': 'Limits of connections.',
  'spec.connection.bufferLimit': 'Largest body of a request, such as 50Mi; larger ones get 413.',
  'spec.connection.connectionLimit': 'Most connections at a time.',
  'spec.connection.socketBufferLimit': 'Buffer of each socket.',
  'spec.connection.maxAcceptPerSocketEvent': 'Most connections accepted at once.',
  'spec.tcpKeepalive': 'TCP keep-alive.',
  'spec.enableProxyProtocol': 'Whether clients send the PROXY protocol.',
  'spec.proxyProtocol': 'The PROXY protocol.',
  'spec.clientIPDetection': 'How the address of the client is found.',
  'spec.headers': 'How headers are treated.',
  'spec.tls': 'TLS towards clients.',
  'spec.path': 'How paths are normalized.',
  'spec.timeout': 'Timeouts of clients.',
  'spec.http1': 'HTTP/1.1.',
  'spec.http2': 'HTTP/2.',
  'spec.http3': 'HTTP/3.',
  'spec.healthCheck': 'Health checks of the Gateway.',
  'spec.scheme': 'How the scheme header is treated.',
  status: 'What the controllers found out.',
  'status.ancestors': 'What each Gateway or route that the policy reaches makes of it.',
  'status.ancestors.ancestorRef': 'The Gateway or route.',
};

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
      schema: describeFields(
        objectSchema({ spec, status: Type.Optional(status) }),
        'How a Gateway treats the connections of its clients. Headgate carries out connection.bufferLimit.',
        descriptions,
      ),
      printerColumns: policyColumns,
    },
  ],
});
