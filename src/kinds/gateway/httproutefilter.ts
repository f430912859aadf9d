import { Type } from 'typebox';
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
