import { Type } from '../type.ts';
import { describeFields } from '../describe.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { freeForm, int32, objectSchema, stringEnum } from '../schema.ts';
import { apiGroup } from './fields.ts';

/** HTTPRouteFilter: what an HTTPRoute's ExtensionRef filter may point to (aigateway.md 2.1). */

const urlRewrite = Type.Object({
  hostname: Type.Optional(
    Type.Object(
      {
        type: stringEnum(['Header', 'Backend']),
        header: Type.Optional(Type.String()),
      },
      {
        'x-kubernetes-validations': [
          {
            rule: "self.type == 'Header' ? has(self.header) : !has(self.header)",
            message: 'header must be nil if the type is not Header',
          },
        ],
      },
    ),
  ),
  path: Type.Optional(
    Type.Object({
      type: stringEnum(['ReplaceRegexMatch']),
      replaceRegexMatch: Type.Optional(
        Type.Object({ pattern: Type.String({ minLength: 1 }), substitution: Type.String() }),
      ),
    }),
  ),
});

const body = Type.Object(
  {
    type: Type.Optional(stringEnum(['Inline', 'ValueRef'], { default: 'Inline' })),
    inline: Type.Optional(Type.String()),
    valueRef: Type.Optional(
      Type.Object({ group: Type.String(), kind: Type.String(), name: Type.String({ minLength: 1 }) }),
    ),
  },
  {
    'x-kubernetes-validations': [
      {
        rule: "self.type == 'Inline' ? has(self.inline) : true",
        message: 'inline must be set for type Inline',
      },
      {
        rule: "self.type == 'ValueRef' ? has(self.valueRef) : true",
        message: 'valueRef must be set for type ValueRef',
      },
    ],
  },
);

const spec = Type.Object({
  urlRewrite: Type.Optional(urlRewrite),
  directResponse: Type.Optional(
    Type.Object({
      contentType: Type.Optional(Type.String()),
      body: Type.Optional(body),
      statusCode: Type.Optional(int32({ minimum: 200, maximum: 599 })),
      header: Type.Optional(freeForm()),
    }),
  ),
  credentialInjection: Type.Optional(freeForm()),
  matches: Type.Optional(Type.Array(freeForm())),
});

const status = Type.Object({});

export type HTTPRouteFilter = ObjectOf<typeof spec, typeof status>;

const descriptions = {
  spec: 'The filter.',
  'spec.urlRewrite': 'Changes host and path of the request to the backend.',
  'spec.urlRewrite.hostname': 'The new host.',
  'spec.urlRewrite.hostname.type': 'Header takes it from a header, Backend from the address of the backend.',
  'spec.urlRewrite.hostname.header': 'The header, for Header.',
  'spec.urlRewrite.path': 'The new path.',
  'spec.urlRewrite.path.type': 'How the path is replaced.',
  'spec.urlRewrite.path.replaceRegexMatch': 'Replaces what an expression matches.',
  'spec.urlRewrite.path.replaceRegexMatch.pattern': 'The expression.',
  'spec.urlRewrite.path.replaceRegexMatch.substitution': 'What takes its place.',
  'spec.directResponse': 'Answers without a backend.',
  'spec.directResponse.contentType': 'Content type of the answer.',
  'spec.directResponse.body': 'Body of the answer.',
  'spec.directResponse.body.type': 'Inline or ValueRef.',
  'spec.directResponse.body.inline': 'The body itself.',
  'spec.directResponse.body.valueRef': 'A ConfigMap with the body.',
  'spec.directResponse.body.valueRef.group': 'API group of the object.',
  'spec.directResponse.body.valueRef.kind': 'Kind of the object.',
  'spec.directResponse.body.valueRef.name': 'Name of the object.',
  'spec.directResponse.statusCode': 'Status of the answer.',
  'spec.directResponse.header': 'Headers of the answer.',
  'spec.credentialInjection': 'Adds credentials to requests.',
  'spec.matches': 'Conditions for the filter.',
};

export const HTTPRouteFilter = defineKind<HTTPRouteFilter>({
  group: apiGroup,
  kind: 'HTTPRouteFilter',
  plural: 'httproutefilters',
  shortNames: ['hrf'],
  categories: ['envoy-gateway'],
  status: false,
  versions: [
    {
      name: 'v1alpha1',
      served: true,
      schema: describeFields(
        objectSchema({ spec }),
        'A filter that HTTPRoutes refer to by extensionRef.',
        descriptions,
      ),
      printerColumns: [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
    },
  ],
});
