import { Type } from '../type.ts';
import type { KindVersion, PrinterColumn } from '../kind.ts';
import type { TSchema } from '../type.ts';
import { conditions, listMap, listSet, stringEnum } from '../schema.ts';

/** Field types that the AI gateway kinds share (aigateway.md 1). */

export const apiGroup = 'aigateway.envoyproxy.io';

export const httpHeaderMutation = Type.Object({
  set: Type.Optional(
    listMap(
      ['name'],
      Type.Object({
        name: Type.String({ minLength: 1, maxLength: 256, pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$" }),
        value: Type.String({ minLength: 1, maxLength: 4096 }),
      }),
      { maxItems: 16 },
    ),
  ),
  remove: Type.Optional(listSet(Type.String(), { maxItems: 16 })),
});

export const httpBodyMutation = Type.Object({
  set: Type.Optional(
    listMap(['path'], Type.Object({ path: Type.String({ minLength: 1 }), value: Type.String() }), { maxItems: 16 }),
  ),
  remove: Type.Optional(listSet(Type.String(), { maxItems: 16 })),
});

export const llmRequestCost = Type.Object({
  metadataKey: Type.String(),
  type: stringEnum([
    'OutputToken',
    'InputToken',
    'CachedInputToken',
    'CacheCreationInputToken',
    'TotalToken',
    'ReasoningToken',
    'CEL',
  ]),
  cel: Type.Optional(Type.String()),
});

/** What the fields of the mutations are for. */
export const mutationDescriptions = {
  headerMutation: 'Changes to the headers that go to the backend. Those of a route win over those of a backend.',
  'headerMutation.set': 'Headers set to these values, replacing what the request has.',
  'headerMutation.set.name': 'Name of the header.',
  'headerMutation.set.value': 'Its value.',
  'headerMutation.remove': 'Names of headers taken away.',
  bodyMutation: 'Changes to the JSON body that goes to the backend. Those of a route win over those of a backend.',
  'bodyMutation.set': 'Top-level fields set to these values.',
  'bodyMutation.set.path': 'Name of the top-level field.',
  'bodyMutation.set.value': 'The value as JSON text: "42", "true", "\\"text\\"", "{...}".',
  'bodyMutation.remove': 'Names of top-level fields taken away.',
};

export const costDescriptions = {
  metadataKey: 'Name under which the cost is reported to rate limits.',
  type: 'Which tokens are counted, or CEL for an expression.',
  cel: 'The expression, when the type is CEL; it sees the model, the backend and the token counts.',
};

export const conditionsStatus = Type.Object({ conditions: Type.Optional(conditions({ maxItems: 8 })) });

const printerColumns: readonly PrinterColumn[] = [
  { name: 'Status', type: 'string', jsonPath: '.status.conditions[-1:].type' },
];

/** Stored and current v1beta1, and the v1alpha1 that older manifests carry. */
export function versions(v1beta1: TSchema, v1alpha1: TSchema = v1beta1): KindVersion[] {
  return [
    { name: 'v1beta1', served: true, schema: v1beta1, printerColumns },
    {
      name: 'v1alpha1',
      served: true,
      deprecationWarning: `${apiGroup}/v1alpha1 is deprecated; use ${apiGroup}/v1beta1 instead`,
      schema: v1alpha1,
      printerColumns,
    },
  ];
}
