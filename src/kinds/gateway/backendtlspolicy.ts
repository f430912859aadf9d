import { Type } from '../type.ts';
import { describeFields } from '../describe.ts';
import { defineKind, type ObjectOf, type PrinterColumn } from '../kind.ts';
import { objectSchema, stringEnum } from '../schema.ts';
import {
  annotationMap,
  apiGroup,
  definitionAnnotations,
  group,
  hostname,
  kind,
  localObjectReference,
  objectName,
  policyAncestorStatuses,
  preciseHostname,
  sectionName,
} from './fields.ts';

/** BackendTLSPolicy: TLS from a Gateway to a backend, and how the backend is known (gatewayapi.md 9). */

const sameTarget = 'p1.group == p2.group && p1.kind == p2.kind && p1.name == p2.name';
const noSection = (ref: string): string => `(!has(${ref}.sectionName) || ${ref}.sectionName == '')`;

const targetRefs = Type.Array(
  Type.Object({ group: group(), kind: kind(), name: objectName(), sectionName: Type.Optional(sectionName()) }),
  {
    minItems: 1,
    maxItems: 16,
    'x-kubernetes-list-type': 'atomic',
    'x-kubernetes-validations': [
      {
        rule: `self.all(p1, self.all(p2, ${sameTarget} ? (${noSection('p1')} == ${noSection('p2')}) : true))`,
        message: 'sectionName must be specified when targetRefs includes 2 or more references to the same target',
      },
      {
        rule: `self.all(p1, self.exists_one(p2, ${sameTarget} && ((${noSection('p1')} && ${noSection('p2')}) || (has(p1.sectionName) && has(p2.sectionName) && p1.sectionName == p2.sectionName))))`,
        message: 'sectionName must be unique when targetRefs includes 2 or more references to the same target',
      },
    ],
  },
);

const isSet = (field: string): string => `(has(self.${field}) && self.${field} != '')`;
const subjectAltName = Type.Object(
  {
    type: stringEnum(['Hostname', 'URI']),
    hostname: Type.Optional(hostname()),
    uri: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 253,
        pattern: '^(([^:/?#]+):)(//([^/?#]*))([^?#]*)(\\?([^#]*))?(#(.*))?',
      }),
    ),
  },
  {
    'x-kubernetes-validations': [
      {
        rule: `!(self.type == 'Hostname' && !${isSet('hostname')})`,
        message: 'SubjectAltName element must contain Hostname, if Type is set to Hostname',
      },
      {
        rule: `!(self.type != 'Hostname' && ${isSet('hostname')})`,
        message: 'SubjectAltName element must not contain Hostname, if Type is not set to Hostname',
      },
      {
        rule: `!(self.type == 'URI' && !${isSet('uri')})`,
        message: 'SubjectAltName element must contain URI, if Type is set to URI',
      },
      {
        rule: `!(self.type != 'URI' && ${isSet('uri')})`,
        message: 'SubjectAltName element must not contain URI, if Type is not set to URI',
      },
    ],
  },
);

const hasRefs = '(has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0)';
const validation = Type.Object(
  {
    caCertificateRefs: Type.Optional(
      Type.Array(localObjectReference, { maxItems: 8, 'x-kubernetes-list-type': 'atomic' }),
    ),
    wellKnownCACertificates: Type.Optional(stringEnum(['System'])),
    hostname: preciseHostname(),
    subjectAltNames: Type.Optional(Type.Array(subjectAltName, { maxItems: 5, 'x-kubernetes-list-type': 'atomic' })),
  },
  {
    'x-kubernetes-validations': [
      {
        rule: `!(${hasRefs} && ${isSet('wellKnownCACertificates')})`,
        message: 'must not contain both CACertificateRefs and WellKnownCACertificates',
      },
      {
        rule: `${hasRefs} || ${isSet('wellKnownCACertificates')}`,
        message: 'must specify either CACertificateRefs or WellKnownCACertificates',
      },
    ],
  },
);

const spec = Type.Object({
  targetRefs,
  validation,
  options: Type.Optional(annotationMap({ maxProperties: 16 })),
});

const status = Type.Object({ ancestors: policyAncestorStatuses() });

export type BackendTLSPolicy = ObjectOf<typeof spec, typeof status>;

const descriptions = {
  spec: 'Targets, and how they are verified.',
  'spec.targetRefs': 'Services or Backends of this namespace; of a Service one port by its name.',
  'spec.validation': 'How the certificate of the backend is verified.',
  'spec.validation.caCertificateRefs': 'ConfigMaps with certificates of authorities under ca.crt.',
  'spec.validation.wellKnownCACertificates': 'System: the authorities that the system trusts.',
  'spec.validation.hostname':
    'Sent as server name (SNI); the certificate must carry it, unless subjectAltNames say what it must carry.',
  'spec.validation.subjectAltNames': 'The certificate must carry one of these names.',
  'spec.validation.subjectAltNames.type': 'Hostname or URI.',
  'spec.validation.subjectAltNames.uri': 'A URI with its scheme, such as a SPIFFE ID.',
  'spec.options': 'Settings of the implementation; Headgate has none.',
  status: 'What the controllers found out.',
  'status.ancestors': 'What each Gateway that reaches the targets makes of the policy.',
  'status.ancestors.ancestorRef': 'The Gateway.',
};

const schema = describeFields(
  objectSchema({ spec, status: Type.Optional(status) }),
  'How a Gateway connects to a backend over TLS.',
  descriptions,
);
const printerColumns: readonly PrinterColumn[] = [
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

export const BackendTLSPolicy = defineKind<BackendTLSPolicy>({
  group: apiGroup,
  kind: 'BackendTLSPolicy',
  plural: 'backendtlspolicies',
  shortNames: ['btlspolicy'],
  categories: ['gateway-api'],
  labels: { 'gateway.networking.k8s.io/policy': 'Direct' },
  annotations: definitionAnnotations,
  versions: [
    { name: 'v1', served: true, schema, printerColumns },
    // Not of the standard channel, but what most manifests of AI gateways are written in.
    { name: 'v1alpha3', served: true, schema, printerColumns },
  ],
});
