import { Type } from 'typebox';
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

const schema = objectSchema({ spec });
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
