import { Type } from '../type.ts';
import { group, kind, namespace, objectName } from '../gateway/fields.ts';
import { describeFields } from '../describe.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { conditions, int32, mapOf, objectSchema, stringEnum } from '../schema.ts';

/**
 * InferencePool as it was before v1: another kind of the same name, in a group of its own (epp.md 1.2), as upstream has it. Its
 * objects are not those of v1; HTTPRoutes may refer to either.
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
  status: 'Unknown' as const,
  reason: 'Pending',
  message: 'Waiting for controller',
  lastTransitionTime: '1970-01-01T00:00:00Z',
};

/** Stands in the status for "no Gateway uses the pool". */
export const placeholderParent = { parentRef: { kind: 'Status', name: 'default' }, conditions: [pending] };

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
  { default: { parent: [placeholderParent] } },
);

export type XInferencePool = ObjectOf<typeof spec, typeof status>;

const descriptions = {
  spec: 'Pods, port and picker.',
  'spec.selector': 'Labels that the pods of the pool have.',
  'spec.targetPortNumber': 'Port on which the pods serve.',
  'spec.extensionRef': 'The picker.',
  'spec.extensionRef.portNumber': 'Port of the picker; 9002 when not set.',
  'spec.extensionRef.failureMode':
    'Without an answer of the picker: FailClose refuses requests, FailOpen sends them to any pod.',
  status: 'What the controllers found out.',
  'status.parent': 'What each Gateway that uses the pool makes of it.',
  'status.parent.parentRef': 'The Gateway.',
};

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
      schema: describeFields(
        objectSchema({ spec, status: Type.Optional(status) }),
        'InferencePool of before v1. AIGatewayRoutes refer to pools of inference.networking.k8s.io/v1 only, HTTPRoutes to either.',
        descriptions,
      ),
      printerColumns: [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
    },
  ],
});
