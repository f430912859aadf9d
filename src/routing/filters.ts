import type { HTTPRouteFilter } from '../kinds/envoygateway/httproutefilter.ts';
import type { HTTPRouteRule } from '../kinds/gateway/httproute.ts';
import type { ObjectRef } from '../kinds/object.ts';
import { backendGroup } from './backends.ts';
import { fitsHeader, headerText } from '../routes/headertext.ts';
import type { PathRewrite, RouteFilter } from '../routes/table.ts';

/** HTTPRoute filters as the data plane carries them out (gatewayapi.md 8). */

export type HTTPFilter = NonNullable<HTTPRouteRule['filters']>[number];

/** What is wrong with a route: `unsupported` refuses it, `unresolved` makes the rule or backend answer 500. */
export type Problem =
  | { readonly type: 'unsupported'; readonly message: string }
  | { readonly type: 'unresolved'; readonly reason: string; readonly message: string };

export interface FilterContext {
  /** Where the filters stand, for messages: `spec.rules[0]`. */
  readonly at: string;
  readonly namespace: string;
  /** The value of the rule's only PathPrefix match, which ReplacePrefixMatch replaces. */
  readonly prefix: string | undefined;
  findFilter(ref: ObjectRef): HTTPRouteFilter | undefined;
}

export function compileFilters(
  filters: readonly HTTPFilter[] | undefined,
  context: FilterContext,
  problems: Problem[],
): RouteFilter[] {
  return (filters ?? []).flatMap((filter, i) => {
    const at = `${context.at}.filters[${i}]`;
    return compileFilter(filter, { ...context, at }, problems);
  });
}

function compileFilter(filter: HTTPFilter, context: FilterContext, problems: Problem[]): RouteFilter[] {
  const unsupported = (what: string): RouteFilter[] => {
    const message = `${context.at}: ${what} is not supported yet`;
    problems.push({ type: 'unsupported', message });
    return [{ type: 'Invalid', message }];
  };
  switch (filter.type) {
    case 'RequestHeaderModifier':
    case 'ResponseHeaderModifier': {
      const modifier = filter.requestHeaderModifier ?? filter.responseHeaderModifier;
      const header = [...(modifier?.set ?? []), ...(modifier?.add ?? [])].find(({ value }) => !fitsHeader(value));
      if (header !== undefined) return unsupported(`a control character in the value of header ${header.name}`);
      return [{ type: filter.type, ...headerChanges(modifier) }];
    }
    case 'RequestRedirect': {
      const { scheme, hostname, port, path, statusCode = 302 } = filter.requestRedirect ?? {};
      const rewrite = pathRewrite(path, context.prefix);
      if (rewrite !== undefined && !isPath(rewrite.value)) return unsupported(`the path ${rewrite.value}`);
      return [
        {
          type: 'RequestRedirect',
          statusCode,
          ...(scheme === undefined ? {} : { scheme }),
          ...(hostname === undefined ? {} : { hostname }),
          ...(port === undefined ? {} : { port }),
          ...(rewrite === undefined ? {} : { path: rewrite }),
        },
      ];
    }
    case 'URLRewrite': {
      const { hostname, path } = filter.urlRewrite ?? {};
      const rewrite = pathRewrite(path, context.prefix);
      if (rewrite !== undefined && !isPath(rewrite.value)) return unsupported(`the path ${rewrite.value}`);
      return [
        {
          type: 'URLRewrite',
          ...(hostname === undefined ? {} : { hostname }),
          ...(rewrite === undefined ? {} : { path: rewrite }),
        },
      ];
    }
    case 'ExtensionRef':
      return compileExtension(filter, context, problems, unsupported);
    case 'RequestMirror':
    case 'CORS':
      return unsupported(`type ${filter.type}`);
    default:
      // A cluster's API may be newer than these types.
      return unsupported(`type ${String(filter.type)}`);
  }
}

type HeaderModifier = HTTPFilter['requestHeaderModifier'];

function headerChanges(modifier: HeaderModifier) {
  const lower = (headers: readonly { name: string; value: string }[] | undefined) =>
    (headers ?? []).map(({ name, value }) => ({ name: name.toLowerCase(), value: headerText(value) }));
  return {
    set: lower(modifier?.set),
    add: lower(modifier?.add),
    remove: (modifier?.remove ?? []).map((name) => name.toLowerCase()),
  };
}

type PathModifier = NonNullable<HTTPFilter['urlRewrite']>['path'];

function pathRewrite(path: PathModifier, prefix: string | undefined): PathRewrite | undefined {
  if (path === undefined) return undefined;
  if (path.type === 'ReplaceFullPath') return { type: 'ReplaceFullPath', value: path.replaceFullPath ?? '/' };
  return { type: 'ReplacePrefixMatch', value: path.replacePrefixMatch ?? '', prefix: prefix ?? '/' };
}

/** What may stand in a request line or a Location header; everything else has to be percent-encoded. */
function isPath(text: string): boolean {
  return /^[\x21-\x7e]*$/.test(text);
}

/** Envoy Gateway's HTTPRouteFilter. */
function compileExtension(
  filter: HTTPFilter,
  context: FilterContext,
  problems: Problem[],
  unsupported: (what: string) => RouteFilter[],
): RouteFilter[] {
  const { group = '', kind = '', name = '' } = filter.extensionRef ?? {};
  const unresolved = (reason: string, text: string): RouteFilter[] => {
    const message = `${context.at}: ${text}`;
    problems.push({ type: 'unresolved', reason, message });
    return [{ type: 'Invalid', message }];
  };
  if (group !== backendGroup || kind !== 'HTTPRouteFilter') {
    return unresolved('InvalidKind', `extensionRef ${group}/${kind} is not supported`);
  }
  const found = context.findFilter({ namespace: context.namespace, name });
  if (found === undefined)
    return unresolved('BackendNotFound', `HTTPRouteFilter ${context.namespace}/${name} not found`);
  const field = unsupportedField(found);
  if (field !== undefined) return unsupported(`HTTPRouteFilter ${name}: ${field}`);
  const { urlRewrite, directResponse } = found.spec;
  if (directResponse !== undefined) {
    const { statusCode = 200, contentType, body } = directResponse;
    return [
      {
        type: 'DirectResponse',
        statusCode,
        ...(contentType === undefined ? {} : { contentType: headerText(contentType) }),
        body: body?.inline ?? '',
      },
    ];
  }
  return urlRewrite?.hostname?.type === 'Backend' ? [{ type: 'BackendHostRewrite' }] : [];
}

/** The first field of an HTTPRouteFilter that cannot be carried out. */
function unsupportedField({ spec }: HTTPRouteFilter): string | undefined {
  if (spec.credentialInjection !== undefined) return 'spec.credentialInjection';
  if (spec.matches !== undefined) return 'spec.matches';
  if (spec.urlRewrite?.path !== undefined) return 'spec.urlRewrite.path';
  if (spec.urlRewrite?.hostname?.type === 'Header') return 'spec.urlRewrite.hostname.type Header';
  if (spec.directResponse?.header !== undefined) return 'spec.directResponse.header';
  if (spec.directResponse?.body?.type === 'ValueRef') return 'spec.directResponse.body.type ValueRef';
  if (!fitsHeader(spec.directResponse?.contentType ?? ''))
    return 'a control character in spec.directResponse.contentType';
  return undefined;
}
