import { Type } from '../type.ts';
import { controllerName, group, kind, namespace, objectName } from '../gateway/fields.ts';
import { describeFields } from '../describe.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { conditions, int32, mapOf, objectSchema, stringEnum } from '../schema.ts';

/** InferencePool v1: a set of model-server pods, their ports and the picker that chooses among them (epp.md 1.1). */

const spec = Type.Object({
  selector: Type.Object({
    matchLabels: mapOf(Type.String({ maxLength: 63, pattern: '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$' }), {
      minProperties: 1,
      maxProperties: 64,
    }),
  }),
  targetPorts: Type.Array(Type.Object({ number: int32({ minimum: 1, maximum: 65535 }) }), {
    minItems: 1,
    maxItems: 8,
    'x-kubernetes-list-type': 'atomic',
    'x-kubernetes-validations': [
      { rule: 'self.all(p1, self.exists_one(p2, p1.number==p2.number))', message: 'port number must be unique' },
    ],
  }),
  appProtocol: Type.Optional(stringEnum(['http', 'kubernetes.io/h2c'], { default: 'http' })),
  endpointPickerRef: Type.Optional(
    Type.Object(
      {
        group: Type.Optional(group({ default: '' })),
        kind: Type.Optional(kind({ default: 'Service' })),
        name: objectName(),
        port: Type.Optional(Type.Object({ number: int32({ minimum: 1, maximum: 65535 }) })),
        failureMode: Type.Optional(stringEnum(['FailOpen', 'FailClose'], { default: 'FailClose' })),
      },
      {
        'x-kubernetes-validations': [
          {
            rule: "self.kind != 'Service' || has(self.port)",
            message: "port is required when kind is 'Service' or unspecified (defaults to 'Service')",
          },
        ],
      },
    ),
  ),
});

const status = Type.Object({
  parents: Type.Optional(
    Type.Array(
      Type.Object({
        parentRef: Type.Object({
          group: Type.Optional(group({ default: 'gateway.networking.k8s.io' })),
          kind: Type.Optional(kind({ default: 'Gateway' })),
          name: objectName(),
          namespace: Type.Optional(namespace()),
        }),
        controllerName: Type.Optional(controllerName()),
        conditions: Type.Optional(conditions({ maxItems: 8 })),
      }),
      { maxItems: 32, 'x-kubernetes-list-type': 'atomic' },
    ),
  ),
});

export type InferencePool = ObjectOf<typeof spec, typeof status>;

const descriptions = {
  spec: 'Pods, ports and picker.',
  'spec.selector': 'The pods of the pool, all in its namespace.',
  'spec.selector.matchLabels': 'Labels that the pods have.',
  'spec.targetPorts': 'Ports on which the pods serve; each is an endpoint of its own.',
  'spec.targetPorts.number': 'The port.',
  'spec.appProtocol': 'Protocol the pods speak: http, or kubernetes.io/h2c for HTTP/2 without TLS.',
  'spec.endpointPickerRef': 'The picker; without it Headgate picks by itself.',
  'spec.endpointPickerRef.port': 'Port of the Service; required for Services.',
  'spec.endpointPickerRef.port.number': 'The port.',
  'spec.endpointPickerRef.failureMode':
    'Without an answer of the picker: FailClose refuses requests, FailOpen sends them to any pod.',
  status: 'What the controllers found out.',
  'status.parents': 'What each Gateway that uses the pool makes of it.',
  'status.parents.parentRef': 'The Gateway.',
};

export const InferencePool = defineKind<InferencePool>({
  group: 'inference.networking.k8s.io',
  kind: 'InferencePool',
  plural: 'inferencepools',
  shortNames: ['infpool'],
  annotations: {
    'api-approved.kubernetes.io': 'https://github.com/kubernetes-sigs/gateway-api-inference-extension/pull/1173',
    'inference.networking.k8s.io/bundle-version': 'v1.6.0',
  },
  versions: [
    {
      name: 'v1',
      served: true,
      schema: describeFields(
        objectSchema({ spec, status: Type.Optional(status) }),
        'A set of model-server pods and the picker that chooses among them for each request.',
        descriptions,
      ),
      printerColumns: [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
    },
  ],
});
