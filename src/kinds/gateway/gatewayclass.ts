import { Type } from '../type.ts';
import { describeFields } from '../describe.ts';
import { defineKind, type ObjectOf, type PrinterColumn } from '../kind.ts';
import { conditions, listMap, objectSchema } from '../schema.ts';
import {
  apiGroup,
  definitionAnnotations,
  controllerName,
  group,
  kind,
  namespace,
  objectName,
  pendingConditions,
} from './fields.ts';

/** GatewayClass: which controller implements the Gateways of this class (gatewayapi.md 2). */

const spec = Type.Object({
  controllerName: controllerName({
    'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'Value is immutable' }],
  }),
  parametersRef: Type.Optional(
    Type.Object({ group: group(), kind: kind(), name: objectName(), namespace: Type.Optional(namespace()) }),
  ),
  description: Type.Optional(Type.String({ maxLength: 64 })),
});

const status = Type.Object(
  {
    conditions: Type.Optional(conditions({ maxItems: 8, default: pendingConditions('Accepted') })),
    supportedFeatures: Type.Optional(listMap(['name'], Type.Object({ name: Type.String() }), { maxItems: 64 })),
  },
  { default: { conditions: pendingConditions('Accepted') } },
);

export type GatewayClass = ObjectOf<typeof spec, typeof status>;

const descriptions = {
  spec: 'The controller and its settings.',
  'spec.parametersRef': 'An object with settings for the controller.',
  'spec.description': 'A note for people, at most 64 characters.',
  'status.supportedFeatures': 'Optional features of the Gateway API that the controller has, sorted by name.',
  'status.supportedFeatures.name': 'Name of the feature.',
  status: 'What the controllers found out.',
};

const schema = describeFields(
  objectSchema({ spec, status: Type.Optional(status) }),
  'Says which controller is in charge of the Gateways of this class.',
  descriptions,
);
const printerColumns: readonly PrinterColumn[] = [
  { name: 'Controller', type: 'string', jsonPath: '.spec.controllerName' },
  { name: 'Accepted', type: 'string', jsonPath: '.status.conditions[?(@.type=="Accepted")].status' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  { name: 'Description', type: 'string', jsonPath: '.spec.description', priority: 1 },
];

export const GatewayClass = defineKind<GatewayClass>({
  group: apiGroup,
  kind: 'GatewayClass',
  plural: 'gatewayclasses',
  shortNames: ['gc'],
  categories: ['gateway-api'],
  annotations: definitionAnnotations,
  namespaced: false,
  versions: [
    { name: 'v1', served: true, schema, printerColumns },
    { name: 'v1beta1', served: true, schema, printerColumns },
  ],
});
