import { Type } from '../type.ts';
import { describeFields } from '../describe.ts';
import { defineKind, type ObjectOf, type PrinterColumn } from '../kind.ts';
import { conditions, int32, labelSelector, listMap, objectSchema, stringEnum } from '../schema.ts';
import {
  annotationMap,
  apiGroup,
  definitionAnnotations,
  domainPrefixedPath,
  group,
  hostname,
  kind,
  localObjectReference,
  objectName,
  namespace,
  pendingConditions,
  portNumber,
  secretObjectReference,
  sectionName,
} from './fields.ts';

/** Gateway: addresses and listeners that routes attach to (gatewayapi.md 3). */

const allowedRoutes = Type.Object(
  {
    namespaces: Type.Optional(
      Type.Object(
        {
          from: Type.Optional(stringEnum(['All', 'Selector', 'Same'], { default: 'Same' })),
          selector: Type.Optional(labelSelector()),
        },
        { default: { from: 'Same' } },
      ),
    ),
    kinds: Type.Optional(
      Type.Array(Type.Object({ group: Type.Optional(group({ default: apiGroup })), kind: kind() }), { maxItems: 8 }),
    ),
  },
  { default: { namespaces: { from: 'Same' } } },
);

const listener = Type.Object({
  name: sectionName(),
  hostname: Type.Optional(hostname()),
  port: portNumber(),
  protocol: Type.String({
    minLength: 1,
    maxLength: 255,
    pattern:
      '^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\/[A-Za-z0-9]+$',
  }),
  tls: Type.Optional(
    Type.Object(
      {
        mode: Type.Optional(stringEnum(['Terminate', 'Passthrough'], { default: 'Terminate' })),
        certificateRefs: Type.Optional(Type.Array(secretObjectReference, { maxItems: 64 })),
        options: Type.Optional(annotationMap({ maxProperties: 16 })),
      },
      {
        'x-kubernetes-validations': [
          {
            rule: "self.mode == 'Terminate' ? (has(self.certificateRefs) && size(self.certificateRefs) > 0) || (has(self.options) && size(self.options) > 0) : true",
            message: 'certificateRefs or options must be specified when mode is Terminate',
          },
        ],
      },
    ),
  ),
  allowedRoutes: Type.Optional(allowedRoutes),
});

const listeners = listMap(['name'], listener, {
  minItems: 1,
  maxItems: 64,
  'x-kubernetes-validations': [
    {
      rule: "self.all(l, l.protocol in ['HTTP', 'TCP', 'UDP'] ? !has(l.tls) : true)",
      message: "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']",
    },
    {
      rule: "self.all(l, (l.protocol == 'HTTPS' && has(l.tls)) ? (l.tls.mode == '' || l.tls.mode == 'Terminate') : true)",
      message: 'tls mode must be Terminate for protocol HTTPS',
    },
    {
      rule: "self.all(l, (l.protocol == 'TLS' ? has(l.tls) && has(l.tls.mode) && l.tls.mode != '' : true))",
      message: 'tls mode must be set for protocol TLS',
    },
    {
      rule: "self.all(l, l.protocol in ['TCP', 'UDP'] ? (!has(l.hostname) || l.hostname == '') : true)",
      message: "hostname must not be specified for protocols ['TCP', 'UDP']",
    },
    {
      rule: 'self.all(l1, self.exists_one(l2, l1.name == l2.name))',
      message: 'Listener name must be unique within the Gateway',
    },
    {
      rule: 'self.all(l1, self.exists_one(l2, l1.port == l2.port && l1.protocol == l2.protocol && (has(l1.hostname) && has(l2.hostname) ? l1.hostname == l2.hostname : !has(l1.hostname) && !has(l2.hostname))))',
      message: 'Combination of port, protocol and hostname must be unique for each listener',
    },
  ],
});

function addressType() {
  const pattern = `^Hostname$|^IPAddress$|^NamedAddress$|${domainPrefixedPath}`;
  return Type.String({ default: 'IPAddress', minLength: 1, maxLength: 253, pattern });
}

const uniqueAddresses = (type: string) => ({
  rule: `self.all(a1, a1.type == '${type}' && has(a1.value) ? self.exists_one(a2, a2.type == a1.type && has(a2.value) && a2.value == a1.value) : true)`,
  message: `${type} values must be unique`,
});

const frontendTls = Type.Object({
  validation: Type.Optional(
    Type.Object({
      caCertificateRefs: Type.Array(
        Type.Object({ group: group(), kind: kind(), name: objectName(), namespace: Type.Optional(namespace()) }),
        { minItems: 1, maxItems: 16 },
      ),
      mode: Type.Optional(stringEnum(['AllowValidOnly', 'AllowInsecureFallback'], { default: 'AllowValidOnly' })),
    }),
  ),
});

const spec = Type.Object({
  gatewayClassName: objectName(),
  listeners,
  addresses: Type.Optional(
    Type.Array(
      Type.Object({
        type: Type.Optional(addressType()),
        value: Type.Optional(Type.String({ maxLength: 253 })),
      }),
      {
        maxItems: 16,
        'x-kubernetes-validations': [uniqueAddresses('IPAddress'), uniqueAddresses('Hostname')],
      },
    ),
  ),
  infrastructure: Type.Optional(
    Type.Object({
      labels: Type.Optional(annotationMap({ maxProperties: 8 })),
      annotations: Type.Optional(annotationMap({ maxProperties: 16 })),
      parametersRef: Type.Optional(localObjectReference),
    }),
  ),
  allowedListeners: Type.Optional(
    Type.Object({
      namespaces: Type.Optional(
        Type.Object(
          {
            from: Type.Optional(stringEnum(['All', 'Selector', 'Same', 'None'], { default: 'None' })),
            selector: Type.Optional(labelSelector()),
          },
          { default: { from: 'None' } },
        ),
      ),
    }),
  ),
  tls: Type.Optional(
    Type.Object({
      backend: Type.Optional(Type.Object({ clientCertificateRef: Type.Optional(secretObjectReference) })),
      frontend: Type.Optional(
        Type.Object({
          default: frontendTls,
          perPort: Type.Optional(
            listMap(['port'], Type.Object({ port: portNumber(), tls: frontendTls }), { maxItems: 64 }),
          ),
        }),
      ),
    }),
  ),
});

const listenerStatus = Type.Object({
  name: sectionName(),
  supportedKinds: Type.Optional(
    Type.Array(Type.Object({ group: Type.Optional(group({ default: apiGroup })), kind: kind() }), { maxItems: 8 }),
  ),
  attachedRoutes: int32(),
  conditions: conditions({ maxItems: 8 }),
});

const status = Type.Object(
  {
    addresses: Type.Optional(
      Type.Array(
        Type.Object({
          type: Type.Optional(addressType()),
          value: Type.String({ minLength: 1, maxLength: 253 }),
        }),
        { maxItems: 16 },
      ),
    ),
    conditions: Type.Optional(conditions({ maxItems: 8, default: pendingConditions('Accepted', 'Programmed') })),
    listeners: Type.Optional(listMap(['name'], listenerStatus, { maxItems: 64 })),
    attachedListenerSets: Type.Optional(int32()),
  },
  { default: { conditions: pendingConditions('Accepted', 'Programmed') } },
);

export type Gateway = ObjectOf<typeof spec, typeof status>;
export type Listener = Gateway['spec']['listeners'][number];

const descriptions = {
  spec: 'Class, listeners and addresses.',
  'spec.listeners': 'Where connections are accepted, each under a name that routes can refer to.',
  'spec.listeners.protocol': 'HTTP, HTTPS, TLS, TCP, UDP, or an own one as domain/name.',
  'spec.listeners.tls': 'Certificates; only for HTTPS and TLS.',
  'spec.listeners.tls.mode': 'Terminate ends TLS here; Passthrough leaves it to the backend.',
  'spec.listeners.tls.certificateRefs': 'Secrets of type kubernetes.io/tls.',
  'spec.listeners.tls.options': 'Settings of the implementation.',
  'spec.listeners.allowedRoutes': 'Which routes may attach.',
  'spec.listeners.allowedRoutes.namespaces': 'Namespaces that the routes may be in.',
  'spec.listeners.allowedRoutes.namespaces.from': 'All, Same (the namespace of the Gateway) or Selector.',
  'spec.listeners.allowedRoutes.namespaces.selector': 'Labels of the namespaces, for Selector.',
  'spec.listeners.allowedRoutes.kinds': 'Kinds of routes; empty means those of the protocol.',
  'spec.addresses': 'Addresses the Gateway asks for; empty leaves the choice to Headgate.',
  'spec.addresses.type': 'IPAddress, Hostname, or an own one as domain/name.',
  'spec.addresses.value': 'The address; empty asks for any of this type.',
  'spec.infrastructure': 'What is copied to the objects made for the Gateway.',
  'spec.infrastructure.labels': 'Labels to copy.',
  'spec.infrastructure.annotations': 'Annotations to copy.',
  'spec.infrastructure.parametersRef': 'An object with settings for the controller.',
  'spec.allowedListeners': 'Which ListenerSets may add listeners.',
  'spec.allowedListeners.namespaces': 'Namespaces that the ListenerSets may be in.',
  'spec.allowedListeners.namespaces.from': 'None, Same, All or Selector.',
  'spec.allowedListeners.namespaces.selector': 'Labels of the namespaces, for Selector.',
  'spec.tls': 'TLS settings of the whole Gateway.',
  'spec.tls.backend': 'TLS towards backends.',
  'spec.tls.backend.clientCertificateRef': 'Secret with the certificate that the Gateway shows to backends.',
  'spec.tls.frontend': 'TLS towards clients.',
  'spec.tls.frontend.default': 'For ports without settings of their own.',
  'spec.tls.frontend.default.validation': 'How client certificates are checked.',
  'spec.tls.frontend.default.validation.caCertificateRefs': 'Authorities that client certificates must come from.',
  'spec.tls.frontend.default.validation.mode':
    'AllowValidOnly refuses other clients; AllowInsecureFallback lets them in.',
  'spec.tls.frontend.perPort': 'Settings for single ports.',
  'spec.tls.frontend.perPort.tls': 'The settings for this port.',
  'spec.tls.frontend.perPort.tls.validation': 'How client certificates are checked.',
  'spec.tls.frontend.perPort.tls.validation.caCertificateRefs': 'Authorities that client certificates must come from.',
  'spec.tls.frontend.perPort.tls.validation.mode':
    'AllowValidOnly refuses other clients; AllowInsecureFallback lets them in.',
  status: 'What the controllers found out.',
  'status.addresses': 'Addresses that clients can use now.',
  'status.addresses.type': 'IPAddress or Hostname.',
  'status.addresses.value': 'The address.',
  'status.listeners': 'The state of each listener.',
  'status.listeners.supportedKinds': 'Kinds of routes that the listener takes.',
  'status.listeners.attachedRoutes': 'How many routes are accepted on the listener.',
  'status.attachedListenerSets': 'How many ListenerSets are accepted.',
};

const schema = describeFields(
  objectSchema({ spec, status: Type.Optional(status) }),
  'A place where requests come in: addresses, and listeners that routes attach to.',
  descriptions,
);
const printerColumns: readonly PrinterColumn[] = [
  { name: 'Class', type: 'string', jsonPath: '.spec.gatewayClassName' },
  { name: 'Address', type: 'string', jsonPath: '.status.addresses[*].value' },
  { name: 'Programmed', type: 'string', jsonPath: '.status.conditions[?(@.type=="Programmed")].status' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

export const Gateway = defineKind<Gateway>({
  group: apiGroup,
  kind: 'Gateway',
  plural: 'gateways',
  shortNames: ['gtw'],
  categories: ['gateway-api'],
  annotations: definitionAnnotations,
  versions: [
    { name: 'v1', served: true, schema, printerColumns },
    { name: 'v1beta1', served: true, schema, printerColumns },
  ],
});
