import { Type } from '../type.ts';
import { describeFields } from '../describe.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { conditions, int32, objectSchema } from '../schema.ts';
import { poolReference } from './poolreference.ts';

/** InferenceObjective: the priority of requests that name it, within one pool (epp.md 1.3). */

const spec = Type.Object({
  priority: Type.Optional(int32()),
  poolRef: poolReference(),
});

const pending = [
  {
    type: 'Ready',
    status: 'Unknown',
    reason: 'Pending',
    message: 'Waiting for controller',
    lastTransitionTime: '1970-01-01T00:00:00Z',
  },
];

const status = Type.Object({
  conditions: Type.Optional(conditions({ maxItems: 8, default: pending })),
});

export type InferenceObjective = ObjectOf<typeof spec, typeof status>;

const descriptions = {
  spec: 'Pool and priority.',
  'spec.priority': 'Larger is more important. Requests of negative priority are shed under load.',
  'spec.poolRef': 'The InferencePool it is for.',
  status: 'What the controllers found out.',
};

export const InferenceObjective = defineKind<InferenceObjective>({
  group: 'inference.networking.x-k8s.io',
  kind: 'InferenceObjective',
  plural: 'inferenceobjectives',
  versions: [
    {
      name: 'v1alpha2',
      served: true,
      schema: describeFields(
        objectSchema({ spec, status: Type.Optional(status) }),
        'The priority of requests that name it in the header x-gateway-inference-objective.',
        descriptions,
      ),
      printerColumns: [
        { name: 'Inference Pool', type: 'string', jsonPath: '.spec.poolRef.name' },
        { name: 'Priority', type: 'string', jsonPath: '.spec.priority' },
        { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
      ],
    },
  ],
});
