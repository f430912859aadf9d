import { times, long, tooMany, tooLong, object, array, r0, m0, type BadRow, type GoodRow } from './manifest.ts';

/** The rules of gatewayapi.md 5 to 9. */

const path = (value: string, type = 'PathPrefix') => ({ 'rules.0.matches': [{ path: { type, value } }] });
const literal = "when type one of ['Exact', 'PathPrefix']";
const filters = (...list: unknown[]) => ({ 'rules.0.filters': list });
const redirect = { type: 'RequestRedirect', requestRedirect: { hostname: 'h.test' } };
const rewritePath = (path: unknown) => ({ type: 'URLRewrite', urlRewrite: { path } });
const replacesPrefix = { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' };
const mirror = (more: object) => ({
  type: 'RequestMirror',
  requestMirror: { backendRef: { name: 's', port: 80 }, ...more },
});
const cors = (fields: object) => filters({ type: 'CORS', cors: fields });
const withoutBackends = (changes: object) => ({ 'rules.0.backendRefs': undefined, ...changes });
const filterFields: Record<string, [field: string, value: unknown]> = {
  RequestHeaderModifier: ['requestHeaderModifier', { remove: ['a'] }],
  ResponseHeaderModifier: ['responseHeaderModifier', { remove: ['a'] }],
  RequestMirror: ['requestMirror', { backendRef: { name: 's', port: 80 } }],
  RequestRedirect: ['requestRedirect', { hostname: 'h.test' }],
  URLRewrite: ['urlRewrite', { hostname: 'h.test' }],
  ExtensionRef: ['extensionRef', { group: 'a.test', kind: 'A', name: 'a' }],
  CORS: ['cors', { maxAge: 5 }],
};
const repeated = (type: string) => {
  const [field, value] = filterFields[type] ?? ['', {}];
  return filters({ type, [field]: value }, { type, [field]: value });
};

export const bad: readonly BadRow[] = [
  ['HTTPRoute', { parentRefs: times(33, (i) => ({ name: `g${i}` })) }, 'spec.parentRefs', tooMany(33, 32)],
  [
    'HTTPRoute',
    { parentRefs: [{ name: 'g' }, { name: 'g', sectionName: 'a' }] },
    'spec.parentRefs',
    array('sectionName must be specified when parentRefs includes 2 or more references to the same parent'),
  ],
  [
    'HTTPRoute',
    {
      parentRefs: [
        { name: 'g', sectionName: 'a' },
        { name: 'g', sectionName: 'a' },
      ],
    },
    'spec.parentRefs',
    array('sectionName must be unique when parentRefs includes 2 or more references to the same parent'),
  ],
  [
    'HTTPRoute',
    {
      parentRefs: [
        { name: 'g', namespace: 'n' },
        { name: 'g', namespace: 'n' },
      ],
    },
    'spec.parentRefs',
    array('sectionName must be unique when parentRefs includes 2 or more references to the same parent'),
  ],
  ['HTTPRoute', { hostnames: times(17, (i) => `h${i}.test`) }, 'spec.hostnames', tooMany(17, 16)],
  ['HTTPRoute', { hostnames: ['Upper.test'] }, 'spec.hostnames[0]', 'should match'],
  ['HTTPRoute', { hostnames: ['h.test:80'] }, 'spec.hostnames[0]', 'should match'],
  ['HTTPRoute', { rules: [] }, 'spec.rules', 'should have at least 1 items'],
  ['HTTPRoute', { rules: times(17, () => ({})) }, 'spec.rules', tooMany(17, 16)],
  [
    'HTTPRoute',
    { rules: times(3, () => ({ matches: times(43, () => ({})) })) },
    'spec.rules',
    array(
      'While 16 rules and 64 matches per rule are allowed, the total number of matches across all rules in a route must be less than 128',
    ),
  ],
  [
    'HTTPRoute',
    { rules: [{ name: 'a' }, { name: 'a' }] },
    'spec.rules',
    array('Rule name must be unique within the route'),
  ],
  ['HTTPRoute', { 'rules.0.matches': times(65, () => ({})) }, `${r0}.matches`, tooMany(65, 64)],
  ['HTTPRoute', path('a'), `${m0}.path`, object(`value must be an absolute path and start with '/' ${literal}`)],
  ...['//', '/./', '/../', '%2f', '%2F', '#'].map((text): BadRow => [
    'HTTPRoute',
    path(`/a${text}b`),
    `${m0}.path`,
    object(`must not contain '${text}' ${literal}`),
  ]),
  ...['/..', '/.'].map((text): BadRow => [
    'HTTPRoute',
    path(`/a${text}`, 'Exact'),
    `${m0}.path`,
    object(`must not end with '${text}' ${literal}`),
  ]),
  [
    'HTTPRoute',
    path('/a b'),
    `${m0}.path`,
    object(
      "must only contain valid characters (matching ^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$) for types ['Exact', 'PathPrefix']",
    ),
  ],
  ['HTTPRoute', path(`/${long(1024)}`), `${m0}.path.value`, tooLong(1024)],
  [
    'HTTPRoute',
    path('/', 'Regex'),
    `${m0}.path.type`,
    'Unsupported value: "Regex": supported values: "Exact", "PathPrefix", "RegularExpression"',
  ],
  [
    'HTTPRoute',
    { 'rules.0.matches': [{ headers: times(17, (i) => ({ name: `h${i}`, value: 'v' })) }] },
    `${m0}.headers`,
    tooMany(17, 16),
  ],
  [
    'HTTPRoute',
    { 'rules.0.matches': [{ headers: [{ name: 'a b', value: 'v' }] }] },
    `${m0}.headers[0].name`,
    'should match',
  ],
  [
    'HTTPRoute',
    { 'rules.0.matches': [{ headers: [{ name: long(257), value: 'v' }] }] },
    `${m0}.headers[0].name`,
    tooLong(256),
  ],
  [
    'HTTPRoute',
    { 'rules.0.matches': [{ queryParams: times(17, (i) => ({ name: `h${i}`, value: 'v' })) }] },
    `${m0}.queryParams`,
    tooMany(17, 16),
  ],
  [
    'HTTPRoute',
    { 'rules.0.matches': [{ queryParams: [{ name: 'q', value: long(1025) }] }] },
    `${m0}.queryParams[0].value`,
    tooLong(1024),
  ],
  [
    'HTTPRoute',
    { 'rules.0.matches': [{ method: 'get' }] },
    `${m0}.method`,
    'Unsupported value: "get": supported values: "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"',
  ],
  ['HTTPRoute', filters(...times(17, () => mirror({}))), `${r0}.filters`, tooMany(17, 16)],
  [
    'HTTPRoute',
    { 'rules.0.backendRefs': times(17, () => ({ name: 's', port: 80 })) },
    `${r0}.backendRefs`,
    tooMany(17, 16),
  ],
  [
    'HTTPRoute',
    { 'rules.0.backendRefs': [{ name: 's' }] },
    `${r0}.backendRefs[0]`,
    object('Must have port for Service reference'),
  ],
  [
    'HTTPRoute',
    { 'rules.0.backendRefs': [{ name: 's', port: 80, weight: 1_000_001 }] },
    `${r0}.backendRefs[0].weight`,
    'should be less than or equal to 1000000',
  ],
  [
    'HTTPRoute',
    { 'rules.0.timeouts': { request: '1s', backendRequest: '2s' } },
    `${r0}.timeouts`,
    object('backendRequest timeout cannot be longer than request timeout'),
  ],
  ...['0', '', '1.5s', '-1s', '5us'].map((text): BadRow => [
    'HTTPRoute',
    { 'rules.0.timeouts': { request: text } },
    `${r0}.timeouts.request`,
    "should match '^([0-9]{1,5}(h|m|s|ms)){1,4}$'",
  ]),
  ['HTTPRoute', filters(redirect), r0, object('RequestRedirect filter must not be used together with backendRefs')],
  [
    'HTTPRoute',
    { ...filters(rewritePath(replacesPrefix)), 'rules.0.matches': [{ path: { type: 'Exact', value: '/a' } }] },
    r0,
    object('When using URLRewrite filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified'),
  ],
  [
    'HTTPRoute',
    withoutBackends({
      ...filters({ type: 'RequestRedirect', requestRedirect: { path: replacesPrefix } }),
      'rules.0.matches': [{}, {}],
    }),
    r0,
    object(
      'When using RequestRedirect filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified',
    ),
  ],
  [
    'HTTPRoute',
    {
      'rules.0.matches': [{}, {}],
      'rules.0.backendRefs': [{ name: 's', port: 80, filters: [rewritePath(replacesPrefix)] }],
    },
    r0,
    object(
      'Within backendRefs, When using URLRewrite filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified',
    ),
  ],
  [
    'HTTPRoute',
    {
      'rules.0.matches': [{}, {}],
      'rules.0.backendRefs': [
        { name: 's', port: 80, filters: [{ type: 'RequestRedirect', requestRedirect: { path: replacesPrefix } }] },
      ],
    },
    r0,
    object(
      'Within backendRefs, When using RequestRedirect filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified',
    ),
  ],
  [
    'HTTPRoute',
    withoutBackends(filters(redirect, rewritePath({ type: 'ReplaceFullPath', replaceFullPath: '/a' }))),
    `${r0}.filters`,
    array('May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both'),
  ],
  ...['RequestHeaderModifier', 'ResponseHeaderModifier', 'URLRewrite', 'CORS'].map((type): BadRow => [
    'HTTPRoute',
    repeated(type),
    `${r0}.filters`,
    array(`${type} filter cannot be repeated`),
  ]),
  [
    'HTTPRoute',
    withoutBackends(repeated('RequestRedirect')),
    `${r0}.filters`,
    array('RequestRedirect filter cannot be repeated'),
  ],
  ...Object.entries(filterFields).flatMap(([type, [field, value]]): BadRow[] => {
    const other = type === 'CORS' ? 'ExtensionRef' : 'CORS';
    const [otherField, otherValue] = filterFields[other] ?? ['', {}];
    return [
      [
        'HTTPRoute',
        filters({ type }),
        `${r0}.filters[0]`,
        object(`filter.${field} must be specified for ${type} filter.type`),
      ],
      [
        'HTTPRoute',
        filters({ type: other, [otherField]: otherValue, [field]: value }),
        `${r0}.filters[0]`,
        object(`filter.${field} must be nil if the filter.type is not ${type}`),
      ],
    ];
  }),
  [
    'HTTPRoute',
    filters(rewritePath({ type: 'ReplaceFullPath' })),
    `${r0}.filters[0].urlRewrite.path`,
    object("replaceFullPath must be specified when type is set to 'ReplaceFullPath'"),
  ],
  [
    'HTTPRoute',
    filters(rewritePath({ type: 'ReplacePrefixMatch' })),
    `${r0}.filters[0].urlRewrite.path`,
    object("replacePrefixMatch must be specified when type is set to 'ReplacePrefixMatch'"),
  ],
  [
    'HTTPRoute',
    filters(rewritePath({ type: 'ReplaceFullPath', replaceFullPath: '/', replacePrefixMatch: '/' })),
    `${r0}.filters[0].urlRewrite.path`,
    object("type must be 'ReplacePrefixMatch' when replacePrefixMatch is set"),
  ],
  [
    'HTTPRoute',
    filters(rewritePath({ ...replacesPrefix, replaceFullPath: '/' })),
    `${r0}.filters[0].urlRewrite.path`,
    object("type must be 'ReplaceFullPath' when replaceFullPath is set"),
  ],
  [
    'HTTPRoute',
    withoutBackends(filters({ type: 'RequestRedirect', requestRedirect: { statusCode: 304 } })),
    `${r0}.filters[0].requestRedirect.statusCode`,
    'Unsupported value: 304: supported values: "301", "302", "303", "307", "308"',
  ],
  [
    'HTTPRoute',
    withoutBackends(filters({ type: 'RequestRedirect', requestRedirect: { scheme: 'ftp' } })),
    `${r0}.filters[0].requestRedirect.scheme`,
    'Unsupported value: "ftp": supported values: "http", "https"',
  ],
  [
    'HTTPRoute',
    filters({
      type: 'RequestHeaderModifier',
      requestHeaderModifier: { add: times(17, (i) => ({ name: `h${i}`, value: 'v' })) },
    }),
    `${r0}.filters[0].requestHeaderModifier.add`,
    tooMany(17, 16),
  ],
  [
    'HTTPRoute',
    filters(mirror({ percent: 101 })),
    `${r0}.filters[0].requestMirror.percent`,
    'should be less than or equal to 100',
  ],
  [
    'HTTPRoute',
    filters(mirror({ percent: 1, fraction: { numerator: 1 } })),
    `${r0}.filters[0].requestMirror`,
    object('Only one of percent or fraction may be specified in HTTPRequestMirrorFilter'),
  ],
  [
    'HTTPRoute',
    filters(mirror({ fraction: { numerator: 2, denominator: 1 } })),
    `${r0}.filters[0].requestMirror.fraction`,
    object('numerator must be less than or equal to denominator'),
  ],
  [
    'HTTPRoute',
    cors({ allowOrigins: ['*', 'https://a.test'] }),
    `${r0}.filters[0].cors.allowOrigins`,
    array("AllowOrigins cannot contain '*' alongside other origins"),
  ],
  ['HTTPRoute', cors({ allowOrigins: ['a.test'] }), `${r0}.filters[0].cors.allowOrigins[0]`, 'should match'],
  [
    'HTTPRoute',
    cors({ allowMethods: ['*', 'GET'] }),
    `${r0}.filters[0].cors.allowMethods`,
    array("AllowMethods cannot contain '*' alongside other methods"),
  ],
  [
    'HTTPRoute',
    cors({ allowHeaders: ['*', 'a'] }),
    `${r0}.filters[0].cors.allowHeaders`,
    array("AllowHeaders cannot contain '*' alongside other values"),
  ],
  ['HTTPRoute', cors({ maxAge: 0 }), `${r0}.filters[0].cors.maxAge`, 'should be greater than or equal to 1'],
];

export const good: readonly GoodRow[] = [
  ['HTTPRoute', { rules: undefined }],
  ['HTTPRoute', { rules: times(2, () => ({ matches: times(64, () => ({})) })) }],
  [
    'HTTPRoute',
    {
      parentRefs: [
        { name: 'g', namespace: 'a' },
        { name: 'g', namespace: 'b' },
      ],
    },
  ],
  [
    'HTTPRoute',
    {
      parentRefs: [
        { name: 'g', sectionName: 'a' },
        { name: 'g', sectionName: 'b' },
      ],
    },
  ],
  ['HTTPRoute', path('a//b#', 'RegularExpression')],
  ['HTTPRoute', path("/a.b/~c%20d!$&'()*+,;=:@")],
  [
    'HTTPRoute',
    { ...filters(rewritePath(replacesPrefix)), 'rules.0.matches': [{ path: { type: 'PathPrefix', value: '/a' } }] },
  ],
  [
    'HTTPRoute',
    { 'rules.0.backendRefs': [{ name: 'p', group: 'inference.networking.k8s.io', kind: 'InferencePool' }] },
  ],
  ['HTTPRoute', { 'rules.0.timeouts': { request: '1h30m10s500ms', backendRequest: '1h' } }],
  ['HTTPRoute', cors({ allowOrigins: ['https://*.a.test', 'http://b.test:8080'], allowMethods: ['*'] })],
  ['HTTPRoute', filters(mirror({}), mirror({ fraction: { numerator: 1, denominator: 3 } }))],
  ['HTTPRoute', withoutBackends(filters(redirect))],
];
