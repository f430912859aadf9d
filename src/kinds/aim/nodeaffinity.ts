import type * as core from 'kubernetes-types/core/v1.js';
import { Type } from '../type.ts';
import { int32 } from '../schema.ts';

const requirements = (description: string) =>
  Type.Array(
    Type.Object({
      key: Type.String({ description: 'Label, or field for matchFields.' }),
      operator: Type.String({ description: 'In, NotIn, Exists, DoesNotExist, Gt or Lt.' }),
      values: Type.Optional(Type.Array(Type.String(), { description: 'Values the operator compares with.' })),
    }),
    { description },
  );

const nodeSelectorTerm = {
  matchExpressions: Type.Optional(requirements('Labels that the node must have.')),
  matchFields: Type.Optional(requirements('Fields that the node must have.')),
};

/** core/v1 NodeAffinity. */
export function nodeAffinity(description: string) {
  return Type.Unsafe<core.NodeAffinity>(
    Type.Object(
      {
        requiredDuringSchedulingIgnoredDuringExecution: Type.Optional(
          Type.Object(
            {
              nodeSelectorTerms: Type.Array(Type.Object(nodeSelectorTerm), {
                description: 'Terms of which one must hold.',
              }),
            },
            { description: 'What a node must have.' },
          ),
        ),
        preferredDuringSchedulingIgnoredDuringExecution: Type.Optional(
          Type.Array(
            Type.Object({
              weight: int32({ description: 'How much it counts, 1 to 100.' }),
              preference: Type.Object(nodeSelectorTerm, { description: 'What the node should have.' }),
            }),
            { description: 'What a node should have.' },
          ),
        ),
      },
      { description },
    ),
  );
}
