import { times, tooMany, object, array, type BadRow, type GoodRow } from './manifest.ts';

/** The rules of BackendTLSPolicy (gatewayapi.md 9), of the `tls` of a Backend and of EnvoyProxy. */

const target = { group: '', kind: 'Service', name: 's' };
const validation = 'spec.validation';
const names = `${validation}.subjectAltNames[0]`;
const ca = { group: '', kind: 'ConfigMap', name: 'ca' };
const san = (name: object) => ({ 'validation.subjectAltNames': [name] });
const tls = (settings: object) => ({ endpoints: [{ fqdn: { hostname: 'h.test', port: 443 } }], tls: settings });

export const bad: readonly BadRow[] = [
  ['BackendTLSPolicy', { targetRefs: [] }, 'spec.targetRefs', 'should have at least 1 items'],
  [
    'BackendTLSPolicy',
    { targetRefs: times(17, (i) => ({ ...target, name: `s${i}` })) },
    'spec.targetRefs',
    tooMany(17, 16),
  ],
  [
    'BackendTLSPolicy',
    { targetRefs: [target, { ...target, sectionName: 'a' }] },
    'spec.targetRefs',
    array('sectionName must be specified when targetRefs includes 2 or more references to the same target'),
  ],
  [
    'BackendTLSPolicy',
    { targetRefs: [target, target] },
    'spec.targetRefs',
    array('sectionName must be unique when targetRefs includes 2 or more references to the same target'),
  ],
  ['BackendTLSPolicy', { 'validation.hostname': undefined }, `${validation}.hostname`, 'Required value'],
  ['BackendTLSPolicy', { 'validation.hostname': '*.h.test' }, `${validation}.hostname`, 'should match'],
  [
    'BackendTLSPolicy',
    { 'validation.caCertificateRefs': [ca] },
    validation,
    object('must not contain both CACertificateRefs and WellKnownCACertificates'),
  ],
  [
    'BackendTLSPolicy',
    { 'validation.wellKnownCACertificates': undefined },
    validation,
    object('must specify either CACertificateRefs or WellKnownCACertificates'),
  ],
  [
    'BackendTLSPolicy',
    { 'validation.wellKnownCACertificates': 'Mine' },
    `${validation}.wellKnownCACertificates`,
    'Unsupported value: "Mine": supported values: "System"',
  ],
  [
    'BackendTLSPolicy',
    { validation: { hostname: 'h.test', caCertificateRefs: times(9, () => ca) } },
    `${validation}.caCertificateRefs`,
    tooMany(9, 8),
  ],
  [
    'BackendTLSPolicy v1alpha3',
    { 'validation.subjectAltNames': times(6, () => ({ type: 'Hostname', hostname: 'h.test' })) },
    `${validation}.subjectAltNames`,
    tooMany(6, 5),
  ],
  [
    'BackendTLSPolicy',
    san({ type: 'Hostname' }),
    names,
    object('SubjectAltName element must contain Hostname, if Type is set to Hostname'),
  ],
  [
    'BackendTLSPolicy',
    san({ type: 'URI', uri: 'spiffe://x/y', hostname: 'h.test' }),
    names,
    object('SubjectAltName element must not contain Hostname, if Type is not set to Hostname'),
  ],
  [
    'BackendTLSPolicy',
    san({ type: 'URI' }),
    names,
    object('SubjectAltName element must contain URI, if Type is set to URI'),
  ],
  [
    'BackendTLSPolicy',
    san({ type: 'Hostname', hostname: 'h.test', uri: 'spiffe://x/y' }),
    names,
    object('SubjectAltName element must not contain URI, if Type is not set to URI'),
  ],
  [
    'Backend',
    tls({ caCertificateRefs: [ca], wellKnownCACertificates: 'System' }),
    'spec.tls',
    object('must not contain both CACertificateRefs and WellKnownCACertificates'),
  ],
  [
    'Backend',
    tls({ insecureSkipVerify: true, wellKnownCACertificates: 'System' }),
    'spec.tls',
    object('must not contain either CACertificateRefs or WellKnownCACertificates when InsecureSkipVerify is enabled'),
  ],
  [
    'EnvoyProxy',
    { provider: { type: 'Kubernetes', kubernetes: { envoyDeployment: {}, envoyDaemonSet: {} } } },
    'spec.provider.kubernetes',
    object('only one of envoyDeployment or envoyDaemonSet can be specified'),
  ],
];

export const good: readonly GoodRow[] = [
  [
    'BackendTLSPolicy',
    {
      targetRefs: [
        { ...target, sectionName: 'a' },
        { ...target, sectionName: 'b' },
      ],
    },
  ],
  ['BackendTLSPolicy', { validation: { hostname: 'h.test', caCertificateRefs: [ca] } }],
  ['BackendTLSPolicy v1alpha3', san({ type: 'Hostname', hostname: '*.h.test' })],
  ['Backend', tls({ wellKnownCACertificates: 'System', sni: 'other.test', minVersion: '1.2' })],
  [
    'EnvoyProxy',
    {
      telemetry: {
        accessLog: {
          settings: [
            {
              matches: ["'x-ai-eg-model' in request.headers"],
              format: { type: 'JSON', json: { model: '%REQ(X-AI-EG-MODEL)%' } },
              sinks: [{ type: 'File', file: { path: '/dev/stdout' } }],
            },
          ],
        },
      },
    },
  ],
];
