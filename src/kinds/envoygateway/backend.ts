import { Type } from '../type.ts';
import { describeFields } from '../describe.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { localObjectReference, secretObjectReference } from '../gateway/fields.ts';
import { conditions, objectSchema, stringEnum } from '../schema.ts';
import { apiGroup, port } from './fields.ts';

/** Backend: addresses outside the cluster's Services that routes may send to (aigateway.md 1.2). */

const endpoint = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1 })),
    fqdn: Type.Optional(
      Type.Object({
        hostname: Type.String({
          minLength: 1,
          maxLength: 253,
          pattern: '^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
        }),
        port: port(),
      }),
    ),
    ip: Type.Optional(
      Type.Object({
        address: Type.String({
          minLength: 3,
          maxLength: 45,
          pattern:
            '^((25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\\.){3}(25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)$|^[0-9a-fA-F:]+(:[0-9.]+)?$',
        }),
        port: port(),
      }),
    ),
    unix: Type.Optional(Type.Object({ path: Type.String({ minLength: 1, maxLength: 108 }) })),
    zone: Type.Optional(Type.String()),
  },
  {
    'x-kubernetes-validations': [
      {
        rule: '(has(self.fqdn) || has(self.ip) || has(self.unix))',
        message: 'one of fqdn, ip or unix must be specified',
      },
      {
        rule: '((has(self.fqdn) && !(has(self.ip) || has(self.unix))) || (has(self.ip) && !(has(self.fqdn) || has(self.unix))) || (has(self.unix) && !(has(self.ip) || has(self.fqdn)))) || (!has(self.fqdn) && !has(self.ip) && !has(self.unix))',
        message: 'only one of fqdn, ip or unix can be specified',
      },
    ],
  },
);

const tlsVersion = stringEnum(['Auto', '1.0', '1.1', '1.2', '1.3']);
const hasRefs = '(has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0)';
const hasWellKnown = "(has(self.wellKnownCACertificates) && self.wellKnownCACertificates != '')";

const tls = Type.Object(
  {
    caCertificateRefs: Type.Optional(Type.Array(localObjectReference, { maxItems: 8 })),
    wellKnownCACertificates: Type.Optional(stringEnum(['System'])),
    insecureSkipVerify: Type.Optional(Type.Boolean({ default: false })),
    sni: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
    clientCertificateRef: Type.Optional(secretObjectReference),
    minVersion: Type.Optional(tlsVersion),
    maxVersion: Type.Optional(tlsVersion),
    ciphers: Type.Optional(Type.Array(Type.String())),
    ecdhCurves: Type.Optional(Type.Array(Type.String())),
    signatureAlgorithms: Type.Optional(Type.Array(Type.String())),
    alpnProtocols: Type.Optional(Type.Array(Type.String())),
  },
  {
    'x-kubernetes-validations': [
      {
        rule: `!(${hasRefs} && ${hasWellKnown})`,
        message: 'must not contain both CACertificateRefs and WellKnownCACertificates',
      },
      {
        rule: `!((has(self.insecureSkipVerify) && self.insecureSkipVerify) && (${hasRefs} || ${hasWellKnown}))`,
        message:
          'must not contain either CACertificateRefs or WellKnownCACertificates when InsecureSkipVerify is enabled',
      },
    ],
  },
);

const spec = Type.Object(
  {
    type: Type.Optional(stringEnum(['Endpoints', 'DynamicResolver'], { default: 'Endpoints' })),
    endpoints: Type.Optional(
      Type.Array(endpoint, {
        minItems: 1,
        maxItems: 64,
        'x-kubernetes-validations': [
          {
            rule: 'self.all(f, has(f.fqdn)) || !self.exists(f, has(f.fqdn))',
            message: 'fqdn addresses cannot be mixed with other address types',
          },
        ],
      }),
    ),
    appProtocols: Type.Optional(
      Type.Array(stringEnum(['gateway.envoyproxy.io/h2c', 'gateway.envoyproxy.io/ws', 'gateway.envoyproxy.io/wss'])),
    ),
    fallback: Type.Optional(Type.Boolean()),
    tls: Type.Optional(tls),
  },
  {
    'x-kubernetes-validations': [
      {
        rule: "self.type != 'DynamicResolver' || (!has(self.endpoints) && !has(self.appProtocols))",
        message: 'DynamicResolver type cannot have endpoints and appProtocols specified',
      },
    ],
  },
);

const status = Type.Object({ conditions: Type.Optional(conditions({ maxItems: 8 })) });

export type Backend = ObjectOf<typeof spec, typeof status>;
export type BackendEndpoint = NonNullable<Backend['spec']['endpoints']>[number];

const descriptions = {
  spec: 'The addresses.',
  'spec.type': 'Endpoints for the listed ones; DynamicResolver for the host of each request.',
  'spec.endpoints': 'The addresses, each a host name, an IP address or a Unix socket.',
  'spec.endpoints.name': 'Name of the endpoint.',
  'spec.endpoints.fqdn': 'A host name.',
  'spec.endpoints.fqdn.hostname': 'The name.',
  'spec.endpoints.fqdn.port': 'The port.',
  'spec.endpoints.ip': 'An IP address.',
  'spec.endpoints.ip.address': 'The address.',
  'spec.endpoints.ip.port': 'The port.',
  'spec.endpoints.unix': 'A Unix socket.',
  'spec.endpoints.unix.path': 'Path of the socket.',
  'spec.endpoints.zone': 'Zone the endpoint is in.',
  'spec.appProtocols': 'Protocols the backend speaks beside HTTP/1.1.',
  'spec.fallback': 'Used only when the other backends of a rule fail.',
  'spec.tls': 'TLS towards the backend; where a BackendTLSPolicy says otherwise, that counts.',
  'spec.tls.caCertificateRefs': 'ConfigMaps or Secrets with certificates of authorities under ca.crt.',
  'spec.tls.wellKnownCACertificates': 'System: the authorities that the system trusts.',
  'spec.tls.insecureSkipVerify': 'The certificate is not verified.',
  'spec.tls.sni': 'The server name that is sent; the certificate must carry it.',
  'spec.tls.clientCertificateRef': 'Secret of this namespace with the certificate that is shown to the backend.',
  'spec.tls.minVersion': 'Lowest version of TLS.',
  'spec.tls.maxVersion': 'Highest version of TLS.',
  'spec.tls.ciphers': 'Cipher suites, for versions before 1.3.',
  'spec.tls.ecdhCurves': 'Curves for the exchange of keys.',
  'spec.tls.signatureAlgorithms': 'Algorithms of signatures.',
  'spec.tls.alpnProtocols': 'Protocols that are offered.',
  status: 'What the controllers found out.',
};

export const Backend = defineKind<Backend>({
  group: apiGroup,
  kind: 'Backend',
  plural: 'backends',
  shortNames: ['be'],
  categories: ['envoy-gateway'],
  versions: [
    {
      name: 'v1alpha1',
      served: true,
      schema: describeFields(
        objectSchema({ spec, status: Type.Optional(status) }),
        'Addresses outside the Services of the cluster that routes may send to.',
        descriptions,
      ),
      printerColumns: [
        { name: 'Status', type: 'string', jsonPath: '.status.conditions[?(@.type=="Accepted")].reason' },
        { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
      ],
    },
  ],
});
