import { Type } from '../type.ts';
import { backendObjectReference } from '../gateway/fields.ts';
import { describeFields, under } from '../describe.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { objectSchema, stringEnum } from '../schema.ts';
import {
  apiGroup,
  conditionsStatus,
  httpBodyMutation,
  httpHeaderMutation,
  versions,
  mutationDescriptions,
} from './fields.ts';

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

const descriptions = {
  spec: 'API and address.',
  'spec.schema': 'The API that the backend speaks.',
  'spec.schema.name': 'Name of the API.',
  'spec.schema.version':
    'Version, where the API has one: api-version of AzureOpenAI, anthropic_version, path of Cohere.',
  'spec.schema.prefix': 'Path before the endpoints of OpenAI and Anthropic; v1 when not set.',
  'spec.backendRef': 'The Backend of gateway.envoyproxy.io that holds the address.',
  ...under('spec', mutationDescriptions),
  status: 'What the controllers found out.',
};

export const AIServiceBackend = defineKind<AIServiceBackend>({
  group: apiGroup,
  kind: 'AIServiceBackend',
  plural: 'aiservicebackends',
  versions: versions(
    describeFields(
      objectSchema({ spec, status: Type.Optional(conditionsStatus) }),
      'A provider of models: the API it speaks and where it is.',
      descriptions,
    ),
  ),
});
