import { Type } from '../type.ts';
import { under } from '../describe.ts';
import { int32, listMap, listSet, stringEnum } from '../schema.ts';
import {
  backendObjectReference,
  headerName,
  headerValue,
  localObjectReference,
  portNumber,
  preciseHostname,
} from './fields.ts';

/** The filters of HTTPRoute rules and backendRefs (gatewayapi.md 8). */

const header = Type.Object({ name: headerName(), value: headerValue() });

const headerFilter = Type.Object({
  set: Type.Optional(listMap(['name'], header, { maxItems: 16 })),
  add: Type.Optional(listMap(['name'], header, { maxItems: 16 })),
  remove: Type.Optional(listSet(Type.String(), { maxItems: 16 })),
});

const pathModifier = Type.Object(
  {
    type: stringEnum(['ReplaceFullPath', 'ReplacePrefixMatch']),
    replaceFullPath: Type.Optional(Type.String({ maxLength: 1024 })),
    replacePrefixMatch: Type.Optional(Type.String({ maxLength: 1024 })),
  },
  {
    'x-kubernetes-validations': [
      {
        rule: "self.type == 'ReplaceFullPath' ? has(self.replaceFullPath) : true",
        message: "replaceFullPath must be specified when type is set to 'ReplaceFullPath'",
      },
      {
        rule: "has(self.replaceFullPath) ? self.type == 'ReplaceFullPath' : true",
        message: "type must be 'ReplaceFullPath' when replaceFullPath is set",
      },
      {
        rule: "self.type == 'ReplacePrefixMatch' ? has(self.replacePrefixMatch) : true",
        message: "replacePrefixMatch must be specified when type is set to 'ReplacePrefixMatch'",
      },
      {
        rule: "has(self.replacePrefixMatch) ? self.type == 'ReplacePrefixMatch' : true",
        message: "type must be 'ReplacePrefixMatch' when replacePrefixMatch is set",
      },
    ],
  },
);

const requestMirror = Type.Object(
  {
    backendRef: backendObjectReference(),
    percent: Type.Optional(int32({ minimum: 0, maximum: 100 })),
    fraction: Type.Optional(
      Type.Object(
        { numerator: int32({ minimum: 0 }), denominator: Type.Optional(int32({ minimum: 1, default: 100 })) },
        {
          'x-kubernetes-validations': [
            {
              rule: 'self.numerator <= self.denominator',
              message: 'numerator must be less than or equal to denominator',
            },
          ],
        },
      ),
    ),
  },
  {
    'x-kubernetes-validations': [
      {
        rule: '!(has(self.percent) && has(self.fraction))',
        message: 'Only one of percent or fraction may be specified in HTTPRequestMirrorFilter',
      },
    ],
  },
);

const requestRedirect = Type.Object({
  scheme: Type.Optional(stringEnum(['http', 'https'])),
  hostname: Type.Optional(preciseHostname()),
  path: Type.Optional(pathModifier),
  port: Type.Optional(portNumber()),
  statusCode: Type.Optional(
    Type.Unsafe<301 | 302 | 303 | 307 | 308>({ type: 'integer', enum: [301, 302, 303, 307, 308], default: 302 }),
  ),
});

const aloneRule = (field: string) => ({
  rule: "!('*' in self && self.size() > 1)",
  message: `${field} cannot contain '*' alongside other values`,
});

/** `*`, or a scheme and a host, which may begin with `*.` or be `*`. */
const corsOrigin = '^\\*$|^[a-zA-Z][a-zA-Z0-9+.-]+://[^:/?#]+(:[0-9]{1,5})?$';

const cors = Type.Object({
  allowOrigins: Type.Optional(
    listSet(Type.String({ minLength: 1, maxLength: 253, pattern: corsOrigin }), {
      maxItems: 64,
      'x-kubernetes-validations': [
        {
          rule: "!('*' in self && self.size() > 1)",
          message: "AllowOrigins cannot contain '*' alongside other origins",
        },
      ],
    }),
  ),
  allowCredentials: Type.Optional(Type.Boolean()),
  allowMethods: Type.Optional(
    listSet(stringEnum(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', '*']), {
      maxItems: 9,
      'x-kubernetes-validations': [
        {
          rule: "!('*' in self && self.size() > 1)",
          message: "AllowMethods cannot contain '*' alongside other methods",
        },
      ],
    }),
  ),
  allowHeaders: Type.Optional(
    listSet(headerName(), { maxItems: 64, 'x-kubernetes-validations': [aloneRule('AllowHeaders')] }),
  ),
  exposeHeaders: Type.Optional(listSet(headerName(), { maxItems: 64 })),
  maxAge: Type.Optional(int32({ minimum: 1, default: 5 })),
});

/** Field that belongs to each filter type. */
const fieldOf = {
  RequestHeaderModifier: 'requestHeaderModifier',
  ResponseHeaderModifier: 'responseHeaderModifier',
  RequestMirror: 'requestMirror',
  RequestRedirect: 'requestRedirect',
  URLRewrite: 'urlRewrite',
  ExtensionRef: 'extensionRef',
  CORS: 'cors',
} as const;

const filter = Type.Object(
  {
    type: stringEnum([
      'RequestHeaderModifier',
      'ResponseHeaderModifier',
      'RequestMirror',
      'RequestRedirect',
      'URLRewrite',
      'ExtensionRef',
      'CORS',
    ]),
    requestHeaderModifier: Type.Optional(headerFilter),
    responseHeaderModifier: Type.Optional(headerFilter),
    requestMirror: Type.Optional(requestMirror),
    requestRedirect: Type.Optional(requestRedirect),
    urlRewrite: Type.Optional(
      Type.Object({ hostname: Type.Optional(preciseHostname()), path: Type.Optional(pathModifier) }),
    ),
    extensionRef: Type.Optional(localObjectReference),
    cors: Type.Optional(cors),
  },
  {
    'x-kubernetes-validations': Object.entries(fieldOf).flatMap(([type, field]) => [
      {
        rule: `!(has(self.${field}) && self.type != '${type}')`,
        message: `filter.${field} must be nil if the filter.type is not ${type}`,
      },
      {
        rule: `!(!has(self.${field}) && self.type == '${type}')`,
        message: `filter.${field} must be specified for ${type} filter.type`,
      },
    ]),
  },
);

const pathDescriptions = (what: string) => ({
  path: `The new path of the ${what}.`,
  'path.type': 'ReplaceFullPath or ReplacePrefixMatch.',
  'path.replaceFullPath': 'Takes the place of the whole path; the query stays.',
  'path.replacePrefixMatch': 'Takes the place of the prefix that the rule matched.',
});
const headerDescriptions = {
  set: 'Headers set to a value, replacing those that are there.',
  add: 'Values appended to headers.',
  remove: 'Names of headers taken away.',
};

/** What the fields of a filter are for. */
export const httpRouteFilterDescriptions = {
  type: 'Which filter this is; the field of that name holds its settings.',
  requestHeaderModifier: 'Changes headers of the request.',
  ...under('requestHeaderModifier', headerDescriptions),
  responseHeaderModifier: 'Changes headers of the response.',
  ...under('responseHeaderModifier', headerDescriptions),
  requestMirror: 'Sends a copy of requests to another backend and ignores its answer.',
  'requestMirror.backendRef': 'The backend that gets the copies.',
  'requestMirror.percent': 'Share of the requests, 0 to 100; all when neither this nor fraction is set.',
  'requestMirror.fraction': 'Share of the requests as a fraction.',
  'requestMirror.fraction.numerator': 'Part of the denominator.',
  'requestMirror.fraction.denominator': 'The whole, 100 when not set.',
  requestRedirect: 'Answers with a redirect.',
  'requestRedirect.scheme': 'Scheme to redirect to; that of the request when not set.',
  ...under('requestRedirect', pathDescriptions('redirect')),
  'requestRedirect.statusCode': 'Status of the answer.',
  urlRewrite: 'Changes host and path of the request to the backend.',
  ...under('urlRewrite', pathDescriptions('request')),
  extensionRef: 'An object that defines the filter, such as an HTTPRouteFilter.',
  cors: 'Answers preflight requests and adds CORS headers.',
  'cors.allowOrigins': 'Origins that may read answers: scheme://host[:port], `*.` before the host, or `*` alone.',
  'cors.allowCredentials': 'Whether credentials may be sent.',
  'cors.allowMethods': 'Methods that may be used; `*` alone means all.',
  'cors.allowHeaders': 'Request headers that may be used; `*` alone means all.',
  'cors.exposeHeaders': 'Response headers that pages may read.',
  'cors.maxAge': 'How long a preflight answer may be kept, in seconds.',
};

const onlyOnce = ['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect', 'URLRewrite', 'CORS'];

export function httpRouteFilters() {
  return Type.Array(filter, {
    maxItems: 16,
    'x-kubernetes-validations': [
      {
        rule: "!(self.exists(f, f.type == 'RequestRedirect') && self.exists(f, f.type == 'URLRewrite'))",
        message: 'May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both',
      },
      ...onlyOnce.map((type) => ({
        rule: `self.filter(f, f.type == '${type}').size() <= 1`,
        message: `${type} filter cannot be repeated`,
      })),
    ],
  });
}
