import { Type } from '../type.ts';
import { describeFields } from '../describe.ts';
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
      // Without a limit kube-apiserver finds the rule below too costly.
      maxItems: 64,
      'x-kubernetes-validations': [
        {
          rule: 'self.all(t, has(t.weight)) || self.all(t, !has(t.weight))',
          message: 'Weights must be specified for either all targets or none.',
        },
      ],
    },
  ),
});

const spec = Type.Object({ poolRef: poolReference(), rules: Type.Array(rule, { maxItems: 256 }) });

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

const descriptions = {
  spec: 'Pool and rules.',
  'spec.poolRef': 'The InferencePool it is for.',
  'spec.rules': 'The first rule that matches applies.',
  'spec.rules.matches': 'Requests the rule is for: one of these must match; empty matches all.',
  'spec.rules.matches.model': 'The model that the client asked for.',
  'spec.rules.matches.model.type': 'How names are compared.',
  'spec.rules.matches.model.value': 'Name of the model.',
  'spec.rules.targets': 'Models of which one is chosen by weight.',
  'spec.rules.targets.weight': 'Share of the requests; on all targets or on none.',
  'spec.rules.targets.modelRewrite': 'Name of the model that the server is asked for.',
  status: 'What the controllers found out.',
};

export const InferenceModelRewrite = defineKind<InferenceModelRewrite>({
  group: 'inference.networking.x-k8s.io',
  kind: 'InferenceModelRewrite',
  plural: 'inferencemodelrewrites',
  versions: [
    {
      name: 'v1alpha2',
      served: true,
      schema: describeFields(
        objectSchema({ spec, status: Type.Optional(status) }),
        'Asks the servers of a pool for another model than the client did.',
        descriptions,
      ),
      printerColumns: [
        { name: 'Inference Pool', type: 'string', jsonPath: '.spec.poolRef.name' },
        { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
      ],
    },
  ],
});
