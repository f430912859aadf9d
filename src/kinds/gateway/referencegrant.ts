import { Type } from '../type.ts';
import { describeFields } from '../describe.ts';
import { defineKind, type ObjectOf, type PrinterColumn } from '../kind.ts';
import { objectSchema } from '../schema.ts';
import { apiGroup, definitionAnnotations, group, kind, namespace, objectName } from './fields.ts';

/** ReferenceGrant: which kinds of other namespaces may refer to which objects of this one (gatewayapi.md 4). */

const spec = Type.Object({
  from: Type.Array(Type.Object({ group: group(), kind: kind(), namespace: namespace() }), {
    minItems: 1,
    maxItems: 16,
  }),
  to: Type.Array(Type.Object({ group: group(), kind: kind(), name: Type.Optional(objectName()) }), {
    minItems: 1,
    maxItems: 16,
  }),
});

const status = Type.Object({});

export type ReferenceGrant = ObjectOf<typeof spec, typeof status>;

const descriptions = {
  spec: 'Who may refer to what; every pair of from and to is allowed.',
  'spec.from': 'Kinds of objects, and their namespaces, that may refer.',
  'spec.to': 'Kinds of objects of this namespace, or single ones, that may be referred to.',
};

const schema = describeFields(
  objectSchema({ spec }),
  'Lets objects of other namespaces refer to objects of this one.',
  descriptions,
);
const printerColumns: readonly PrinterColumn[] = [
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

export const ReferenceGrant = defineKind<ReferenceGrant>({
  group: apiGroup,
  kind: 'ReferenceGrant',
  plural: 'referencegrants',
  shortNames: ['refgrant'],
  categories: ['gateway-api'],
  annotations: definitionAnnotations,
  status: false,
  versions: [
    { name: 'v1beta1', served: true, schema, printerColumns },
    { name: 'v1', served: true, schema, printerColumns },
  ],
});
