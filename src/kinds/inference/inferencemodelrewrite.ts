import { Type } from 'typebox';
import { defineKind, type ObjectOf } from '../kind.ts';
import { conditions, int32, objectSchema, stringEnum } from '../schema.ts';
import { poolReference } from './poolreference.ts';

/** InferenceModelRewrite: which model name a pool's servers are asked for instead of the client's (epp.md 1.4). */

const rule = Type.Object({
  matches: Type.Optional(
    Type.Array(
      Type.Object({
        model: Type.Optional(
          Type.Object({
            type: Type.Optional(stringEnum(['Exact'], { default: 'Exact' })),
            value: Type.String({ minLength: 1 }),
          }),
        ),
      }),
    ),
  ),
  targets: Type.Array(
    Type.Object({
      weight: Type.Optional(int32({ minimum: 1, maximum: 1_000_000 })),
      modelRewrite: Type.String(),
    }),
    {
      minItems: 1,
      'x-kubernetes-validations': [
        {
          rule: 'self.all(t, has(t.weight)) || self.all(t, !has(t.weight))',
          message: 'Weights must be specified for either all targets or none.',
        },
      ],
    },
  ),
});

const spec = Type.Object({ poolRef: poolReference(), rules: Type.Array(rule) });

const pending = [
  {
    type: 'Accepted',
    status: 'Unknown',
    reason: 'Pending',
    message: 'Waiting for controller',
    lastTransitionTime: '1970-01-01T00:00:00Z',
  },
];

const status = Type.Object({
  conditions: Type.Optional(conditions({ maxItems: 8, default: pending })),
});

export type InferenceModelRewrite = ObjectOf<typeof spec, typeof status>;

export const InferenceModelRewrite = defineKind<InferenceModelRewrite>({
  group: 'inference.networking.x-k8s.io',
  kind: 'InferenceModelRewrite',
  plural: 'inferencemodelrewrites',
  versions: [
    {
      name: 'v1alpha2',
      served: true,
      schema: objectSchema({ spec, status: Type.Optional(status) }),
      printerColumns: [
        { name: 'Inference Pool', type: 'string', jsonPath: '.spec.poolRef.name' },
        { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
      ],
    },
  ],
});
