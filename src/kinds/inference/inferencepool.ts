import { Type } from 'typebox';
import { controllerName, group, kind, namespace, objectName } from '../gateway/fields.ts';
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
      schema: objectSchema({ spec, status: Type.Optional(status) }),
      printerColumns: [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
    },
  ],
});
