import { Type } from 'typebox';
import { backendObjectReference } from '../gateway/fields.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { objectSchema, stringEnum } from '../schema.ts';
import { apiGroup, conditionsStatus, httpBodyMutation, httpHeaderMutation, versions } from './fields.ts';

/** AIServiceBackend: one provider of models, the API it speaks and where it is (aigateway.md 1.2). */

const spec = Type.Object({
  schema: Type.Object({
    name: stringEnum([
      'OpenAI',
      'Cohere',
      'AWSBedrock',
      'AzureOpenAI',
      'GCPVertexAI',
      'GCPAnthropic',
      'Anthropic',
      'AWSAnthropic',
    ]),
    version: Type.Optional(Type.String()),
    prefix: Type.Optional(Type.String()),
  }),
  backendRef: backendObjectReference({
    'x-kubernetes-validations': [
      {
        rule: "self.kind == 'Backend' && self.group == 'gateway.envoyproxy.io'",
        message:
          'BackendRef must be a Backend resource of Envoy Gateway. See https://github.com/envoyproxy/ai-gateway/issues/902 for more details.',
      },
    ],
  }),
  headerMutation: Type.Optional(httpHeaderMutation),
  bodyMutation: Type.Optional(httpBodyMutation),
});

export type AIServiceBackend = ObjectOf<typeof spec, typeof conditionsStatus>;

export const AIServiceBackend = defineKind<AIServiceBackend>({
  group: apiGroup,
  kind: 'AIServiceBackend',
  plural: 'aiservicebackends',
  versions: versions(objectSchema({ spec, status: Type.Optional(conditionsStatus) })),
});
