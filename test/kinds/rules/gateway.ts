import { times, long, tooMany, tooLong, object, array, type BadRow, type GoodRow } from './manifest.ts';

/** The rules of gatewayapi.md 2 to 4. */

const l0 = 'spec.listeners[0]';
const listener = (fields: object) => ({ listeners: [{ name: 'l', port: 80, protocol: 'HTTP', ...fields }] });
const listeners = (...list: object[]) => ({
  listeners: list.map((fields, i) => ({ name: `l${i}`, port: 80, protocol: 'HTTP', ...fields })),
});
const certificateRefs = [{ name: 'cert' }];

export const bad: readonly BadRow[] = [
  ['Gateway', { gatewayClassName: undefined }, 'spec.gatewayClassName', 'Required value'],
  ['Gateway', { listeners: [] }, 'spec.listeners', 'should have at least 1 items'],
  ['Gateway', listeners(...times(65, (i) => ({ port: i + 1 }))), 'spec.listeners', tooMany(65, 64)],
  [
    'Gateway',
    listener({ tls: { certificateRefs } }),
    'spec.listeners',
    array("tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']"),
  ],
  [
    'Gateway',
    listener({ protocol: 'HTTPS', tls: { mode: 'Passthrough' } }),
    'spec.listeners',
    array('tls mode must be Terminate for protocol HTTPS'),
  ],
  ['Gateway', listener({ protocol: 'TLS' }), 'spec.listeners', array('tls mode must be set for protocol TLS')],
  [
    'Gateway',
    listener({ protocol: 'TCP', hostname: 'h.test' }),
    'spec.listeners',
    array("hostname must not be specified for protocols ['TCP', 'UDP']"),
  ],
  [
    'Gateway',
    listeners({ name: 'l' }, { name: 'l', port: 81 }),
    'spec.listeners[1]',
    'Duplicate value: map[string]interface {}{"name":"l"}',
  ],
  [
    'Gateway',
    listeners({ name: 'l' }, { name: 'l', port: 81 }),
    'spec.listeners',
    array('Listener name must be unique within the Gateway'),
  ],
  [
    'Gateway',
    listeners({}, {}),
    'spec.listeners',
    array('Combination of port, protocol and hostname must be unique for each listener'),
  ],
  [
    'Gateway',
    listeners({ hostname: 'h.test' }, { hostname: 'h.test' }),
    'spec.listeners',
    array('Combination of port, protocol and hostname must be unique for each listener'),
  ],
  [
    'Gateway',
    listener({ protocol: 'HTTPS', tls: { mode: 'Terminate' } }),
    `${l0}.tls`,
    object('certificateRefs or options must be specified when mode is Terminate'),
  ],
  [
    'Gateway',
    listener({ protocol: 'HTTPS', tls: { mode: 'Off', certificateRefs } }),
    `${l0}.tls.mode`,
    'Unsupported value: "Off": supported values: "Terminate", "Passthrough"',
  ],
  [
    'Gateway',
    listener({ protocol: 'HTTPS', tls: { certificateRefs: times(65, (i) => ({ name: `c${i}` })) } }),
    `${l0}.tls.certificateRefs`,
    tooMany(65, 64),
  ],
  [
    'Gateway',
    listener({ protocol: 'HTTPS', tls: { options: Object.fromEntries(times(17, (i) => [`k${i}`, 'v'])) } }),
    `${l0}.tls.options`,
    tooMany(17, 16),
  ],
  ['Gateway', listener({ port: 0 }), `${l0}.port`, 'should be greater than or equal to 1'],
  ['Gateway', listener({ name: 'Upper' }), `${l0}.name`, 'should match'],
  ['Gateway', listener({ hostname: '*.*.test' }), `${l0}.hostname`, 'should match'],
  [
    'Gateway',
    listener({ allowedRoutes: { namespaces: { from: 'Some' } } }),
    `${l0}.allowedRoutes.namespaces.from`,
    'Unsupported value: "Some": supported values: "All", "Selector", "Same"',
  ],
  [
    'Gateway',
    listener({ allowedRoutes: { kinds: times(9, () => ({ kind: 'HTTPRoute' })) } }),
    `${l0}.allowedRoutes.kinds`,
    tooMany(9, 8),
  ],
  ['Gateway', { addresses: times(17, (i) => ({ value: `10.0.0.${i}` })) }, 'spec.addresses', tooMany(17, 16)],
  [
    'Gateway',
    { addresses: [{ value: '10.0.0.1' }, { value: '10.0.0.1' }] },
    'spec.addresses',
    array('IPAddress values must be unique'),
  ],
  [
    'Gateway',
    { addresses: times(2, () => ({ type: 'Hostname', value: 'h.test' })) },
    'spec.addresses',
    array('Hostname values must be unique'),
  ],
  ['Gateway', { addresses: [{ type: 'Street', value: 'x' }] }, 'spec.addresses[0].type', 'should match'],
  ['Gateway', { addresses: [{ value: long(254) }] }, 'spec.addresses[0].value', tooLong(253)],
  [
    'Gateway',
    { infrastructure: { labels: Object.fromEntries(times(9, (i) => [`k${i}`, 'v'])) } },
    'spec.infrastructure.labels',
    tooMany(9, 8),
  ],
  [
    'Gateway',
    { infrastructure: { annotations: Object.fromEntries(times(17, (i) => [`k${i}`, 'v'])) } },
    'spec.infrastructure.annotations',
    tooMany(17, 16),
  ],
  [
    'Gateway',
    { allowedListeners: { namespaces: { from: 'Any' } } },
    'spec.allowedListeners.namespaces.from',
    'Unsupported value: "Any": supported values: "All", "Selector", "Same", "None"',
  ],
  [
    'Gateway',
    { tls: { frontend: { default: { validation: { caCertificateRefs: [] } } } } },
    'spec.tls.frontend.default.validation.caCertificateRefs',
    'should have at least 1 items',
  ],
  ['GatewayClass', { controllerName: 'no-path' }, 'spec.controllerName', 'should match'],
  ['GatewayClass', { description: long(65) }, 'spec.description', tooLong(64)],
  ['ReferenceGrant', { from: [] }, 'spec.from', 'should have at least 1 items'],
  [
    'ReferenceGrant',
    { from: times(17, () => ({ group: '', kind: 'Service', namespace: 'n' })) },
    'spec.from',
    tooMany(17, 16),
  ],
  ['ReferenceGrant', { to: [] }, 'spec.to', 'should have at least 1 items'],
  ['ReferenceGrant', { to: times(17, () => ({ group: '', kind: 'Service' })) }, 'spec.to', tooMany(17, 16)],
  ['ReferenceGrant', { 'from.0.namespace': undefined }, 'spec.from[0].namespace', 'Required value'],
  ['ReferenceGrant', { 'from.0.namespace': '*' }, 'spec.from[0].namespace', 'should match'],
  ['ReferenceGrant', { 'to.0.group': undefined }, 'spec.to[0].group', 'Required value'],
];

export const good: readonly GoodRow[] = [
  ['Gateway', listeners({ hostname: 'a.test' }, { hostname: '*.a.test' }, {})],
  [
    'Gateway',
    listeners(
      { protocol: 'HTTPS', port: 443, tls: { certificateRefs } },
      { protocol: 'TLS', port: 444, tls: { mode: 'Passthrough' } },
    ),
  ],
  [
    'Gateway',
    { addresses: [{ value: '10.0.0.1' }, { type: 'Hostname', value: 'h.test' }, { type: 'a.test/named', value: 'x' }] },
  ],
  ['ReferenceGrant', { 'to.0.name': 'one' }],
];
