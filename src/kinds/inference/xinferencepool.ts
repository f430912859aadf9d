import { Type } from 'typebox';
import { group, kind, namespace, objectName } from '../gateway/fields.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { conditions, int32, mapOf, objectSchema, stringEnum } from '../schema.ts';

/**
 * InferencePool as it was before v1: another kind of the same name, in a group of its own (epp.md 1.2), as upstream has it. Its
 * objects are not those of v1, and nothing converts between them: routes of Headgate refer to pools of v1.
 */

const spec = Type.Object({
  selector: mapOf(Type.String({ maxLength: 63, pattern: '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$' })),
  targetPortNumber: int32({ minimum: 1, maximum: 65535 }),
  extensionRef: Type.Object({
    group: Type.Optional(group({ default: '' })),
    kind: Type.Optional(kind({ default: 'Service' })),
    name: objectName(),
    portNumber: Type.Optional(int32({ minimum: 1, maximum: 65535 })),
    failureMode: Type.Optional(stringEnum(['FailOpen', 'FailClose'], { default: 'FailClose' })),
  }),
});

const pending = {
  type: 'Accepted',
  status: 'Unknown',
  reason: 'Pending',
  message: 'Waiting for controller',
  lastTransitionTime: '1970-01-01T00:00:00Z',
};

const status = Type.Object(
  {
    parent: Type.Optional(
      Type.Array(
        Type.Object({
          parentRef: Type.Object({
            group: Type.Optional(group({ default: 'gateway.networking.k8s.io' })),
            kind: Type.Optional(kind({ default: 'Gateway' })),
            name: objectName(),
            namespace: Type.Optional(namespace()),
          }),
          conditions: Type.Optional(conditions({ maxItems: 8, default: [pending] })),
        }),
        { maxItems: 32 },
      ),
    ),
  },
  { default: { parent: [{ parentRef: { kind: 'Status', name: 'default' }, conditions: [pending] }] } },
);

export type XInferencePool = ObjectOf<typeof spec, typeof status>;

export const XInferencePool = defineKind<XInferencePool>({
  group: 'inference.networking.x-k8s.io',
  kind: 'InferencePool',
  plural: 'inferencepools',
  shortNames: ['xinfpool'],
  versions: [
    {
      name: 'v1alpha2',
      served: true,
      deprecationWarning:
        'inference.networking.x-k8s.io/v1alpha2 InferencePool is deprecated; use inference.networking.k8s.io/v1 instead',
      schema: objectSchema({ spec, status: Type.Optional(status) }),
      printerColumns: [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
    },
  ],
});
