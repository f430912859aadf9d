import { Type } from '../type.ts';
import { describeFields, under } from '../describe.ts';
import { defineKind, type ObjectOf, type PrinterColumn } from '../kind.ts';
import { int32, listMap, objectSchema, stringEnum } from '../schema.ts';
import {
  apiGroup,
  definitionAnnotations,
  backendReferenceWith,
  headerMatches,
  headerName,
  hostname,
  httpRouteTimeouts,
  parentReferences,
  routeParentStatuses,
  sectionName,
} from './fields.ts';
import { httpRouteFilterDescriptions, httpRouteFilters } from './httproutefilter.ts';

/** HTTPRoute: which requests of its parents' listeners go to which backends (gatewayapi.md 5 to 9). */

const literalPath = "self.type in ['Exact','PathPrefix']";
const literalTypes = "when type one of ['Exact', 'PathPrefix']";
const mustNotContain = (text: string) => ({
  rule: `(${literalPath}) ? !self.value.contains('${text}') : true`,
  message: `must not contain '${text}' ${literalTypes}`,
});
const mustNotEndWith = (text: string) => ({
  rule: `(${literalPath}) ? !self.value.endsWith('${text}') : true`,
  message: `must not end with '${text}' ${literalTypes}`,
});

const pathMatch = Type.Object(
  {
    type: Type.Optional(stringEnum(['Exact', 'PathPrefix', 'RegularExpression'], { default: 'PathPrefix' })),
    value: Type.Optional(Type.String({ default: '/', maxLength: 1024 })),
  },
  {
    default: { type: 'PathPrefix', value: '/' },
    'x-kubernetes-validations': [
      {
        rule: `(${literalPath}) ? self.value.startsWith('/') : true`,
        message: `value must be an absolute path and start with '/' ${literalTypes}`,
      },
      ...['//', '/./', '/../', '%2f', '%2F', '#'].map(mustNotContain),
      ...['/..', '/.'].map(mustNotEndWith),
      {
        rule: `(${literalPath}) ? self.value.matches(r"""^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$""") : true`,
        message:
          "must only contain valid characters (matching ^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$) for types ['Exact', 'PathPrefix']",
      },
    ],
  },
);

const match = Type.Object({
  path: Type.Optional(pathMatch),
  headers: Type.Optional(headerMatches()),
  queryParams: Type.Optional(
    listMap(
      ['name'],
      Type.Object({
        type: Type.Optional(stringEnum(['Exact', 'RegularExpression'], { default: 'Exact' })),
        name: headerName(),
        value: Type.String({ minLength: 1, maxLength: 1024 }),
      }),
      { maxItems: 16 },
    ),
  ),
  method: Type.Optional(stringEnum(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'])),
});

const needsOnePrefix = "(size(self.matches) == 1 && self.matches.all(m, has(m.path) && m.path.type == 'PathPrefix'))";
const replacesPrefix = (field: string) =>
  `has(f.${field}) && has(f.${field}.path) && f.${field}.path.type == 'ReplacePrefixMatch' && has(f.${field}.path.replacePrefixMatch)`;
const prefixRules = ([field, name]: readonly [string, string]) => [
  {
    rule: `(has(self.filters) && self.filters.exists_one(f, ${replacesPrefix(field)})) ? ${needsOnePrefix} : true`,
    message: `When using ${name} filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified`,
  },
  {
    rule: `(has(self.backendRefs) && self.backendRefs.exists_one(b, (has(b.filters) && b.filters.exists_one(f, ${replacesPrefix(field)})))) ? ${needsOnePrefix} : true`,
    message: `Within backendRefs, When using ${name} filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified`,
  },
];

const rule = Type.Object(
  {
    name: Type.Optional(sectionName()),
    matches: Type.Optional(
      Type.Array(match, { maxItems: 64, default: [{ path: { type: 'PathPrefix', value: '/' } }] }),
    ),
    filters: Type.Optional(httpRouteFilters()),
    backendRefs: Type.Optional(
      Type.Array(
        backendReferenceWith({
          weight: Type.Optional(int32({ default: 1, minimum: 0, maximum: 1_000_000 })),
          filters: Type.Optional(httpRouteFilters()),
        }),
        { maxItems: 16 },
      ),
    ),
    timeouts: Type.Optional(httpRouteTimeouts),
  },
  {
    'x-kubernetes-validations': [
      {
        rule: '(has(self.backendRefs) && size(self.backendRefs) > 0) ? (!has(self.filters) || self.filters.all(f, !has(f.requestRedirect))): true',
        message: 'RequestRedirect filter must not be used together with backendRefs',
      },
      ...(
        [
          ['requestRedirect', 'RequestRedirect'],
          ['urlRewrite', 'URLRewrite'],
        ] as const
      ).flatMap(prefixRules),
    ],
  },
);

// CEL has no sum; `has` of an indexed element is written through a list of that one element, which every CEL understands.
const matchCount = Array.from(
  { length: 16 },
  (_, i) => `(self.size() > ${i} ? [self[${i}]].map(r, has(r.matches) ? r.matches.size() : 0)[0] : 0)`,
).join(' + ');

const spec = Type.Object({
  parentRefs: Type.Optional(parentReferences()),
  hostnames: Type.Optional(Type.Array(hostname(), { maxItems: 16 })),
  rules: Type.Optional(
    Type.Array(rule, {
      minItems: 1,
      maxItems: 16,
      default: [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }] }],
      'x-kubernetes-validations': [
        {
          rule: `${matchCount} <= 128`,
          message:
            'While 16 rules and 64 matches per rule are allowed, the total number of matches across all rules in a route must be less than 128',
        },
        {
          rule: 'self.all(l1, !has(l1.name) || self.exists_one(l2, has(l2.name) && l1.name == l2.name))',
          message: 'Rule name must be unique within the route',
        },
      ],
    }),
  ),
});

const status = Type.Object({ parents: routeParentStatuses() });

export type HTTPRoute = ObjectOf<typeof spec, typeof status>;
export type HTTPRouteRule = NonNullable<HTTPRoute['spec']['rules']>[number];

const descriptions = {
  spec: 'Parents, host names and rules.',
  'spec.parentRefs': 'Gateways, or single listeners of them, that the route attaches to.',
  'spec.hostnames': 'Hosts that requests must ask for; empty means those of the listeners.',
  'spec.rules': 'What is done with which requests. The most specific match of all rules and routes wins.',
  'spec.rules.matches': 'Requests that the rule is for: one of these must match.',
  'spec.rules.matches.path': 'The path, compared as it was sent.',
  'spec.rules.matches.path.type': 'Exact, PathPrefix (by whole elements) or RegularExpression.',
  'spec.rules.matches.path.value': 'What the path is compared with.',
  'spec.rules.matches.queryParams': 'Query parameters that must all match.',
  'spec.rules.matches.queryParams.type': 'How the value is compared.',
  'spec.rules.matches.queryParams.value': 'Value of the parameter.',
  'spec.rules.matches.method': 'The method; absent means any.',
  'spec.rules.filters': 'Changes to requests and responses, in this order.',
  ...under('spec.rules.filters', httpRouteFilterDescriptions),
  'spec.rules.backendRefs': 'Where the requests go, shared out by weight: Services, InferencePools and Backends.',
  'spec.rules.backendRefs.weight': 'Share of the requests; 0 means none.',
  'spec.rules.backendRefs.filters': 'Filters for requests to this backend only.',
  ...under('spec.rules.backendRefs.filters', httpRouteFilterDescriptions),
  'spec.rules.timeouts': 'How long a request (all attempts) and a single attempt may take.',
  status: 'What the controllers found out.',
  'status.parents': 'What each Gateway makes of the route.',
  'status.parents.parentRef': 'The parent, as the route names it.',
};

const schema = describeFields(
  objectSchema({ spec, status: Type.Optional(status) }),
  'Says which HTTP requests of a listener go to which backends.',
  descriptions,
);
const printerColumns: readonly PrinterColumn[] = [
  { name: 'Hostnames', type: 'string', jsonPath: '.spec.hostnames' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

export const HTTPRoute = defineKind<HTTPRoute>({
  group: apiGroup,
  kind: 'HTTPRoute',
  plural: 'httproutes',
  categories: ['gateway-api'],
  annotations: definitionAnnotations,
  versions: [
    { name: 'v1', served: true, schema, printerColumns },
    { name: 'v1beta1', served: true, schema, printerColumns },
  ],
});
