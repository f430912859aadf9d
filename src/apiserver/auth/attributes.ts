import { qualifiedResource } from '../../kinds/kind.ts';
import { ApiError } from '../status.ts';
import type { ResourcePath } from '../request.ts';
import type { User } from './user.ts';

/** What is to be decided about: a request as authorizers see it. */
export type Attributes = ResourceAttributes | PathAttributes;

export interface ResourceAttributes {
  verb: string;
  group: string;
  resource: string;
  subresource: string | undefined;
  namespace: string | undefined;
  /** Empty for verbs on collections. */
  name: string;
}

/** A request for something that is no resource, such as `/healthz`. */
export interface PathAttributes {
  verb: string;
  path: string;
}

/** The attributes of a request (RequestInfo of kube-apiserver). */
export function attributesOf(
  method: string,
  path: string,
  query: URLSearchParams,
  resource: ResourcePath | undefined,
): Attributes {
  if (resource === undefined) return { verb: method.toLowerCase(), path };
  const { group, plural, subresource } = resource;
  const name = resource.name ?? selectedName(query.get('fieldSelector') ?? '');
  // A namespace lies in itself, so that a Role can allow to read it.
  const namespace = group === '' && plural === 'namespaces' ? resource.name : resource.namespace;
  return { verb: verbOf(method, query, resource), group, resource: plural, subresource, namespace, name };
}

function verbOf(method: string, query: URLSearchParams, { name }: ResourcePath): string {
  switch (method) {
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return name === undefined ? 'deletecollection' : 'delete';
    case 'GET':
    case 'HEAD': {
      const watch = query.get('watch');
      if (name !== undefined) return 'get';
      return watch === 'true' || watch === '1' ? 'watch' : 'list';
    }
    default:
      return method.toLowerCase();
  }
}

/** A list or watch of one name may be allowed by that name. */
function selectedName(fieldSelector: string): string {
  return /^metadata\.name==?([^,=!]+)$/.exec(fieldSelector)?.[1] ?? '';
}

export function isResource(attributes: Attributes): attributes is ResourceAttributes {
  return 'resource' in attributes;
}

/** `pods/log`: a resource with its subresource, as rules name it. */
export function fullResource({ resource, subresource }: ResourceAttributes): string {
  return subresource === undefined ? resource : `${resource}/${subresource}`;
}

/** The refusal in kube-apiserver's words. */
export function accessForbidden(user: User, attributes: Attributes): ApiError {
  if (!isResource(attributes)) {
    const text = `User ${quoted(user.name)} cannot ${attributes.verb} path ${quoted(attributes.path)}`;
    return new ApiError(403, 'Forbidden', `forbidden: ${text}`, {});
  }
  const { verb, group, resource, namespace, name } = attributes;
  const where =
    namespace === undefined || namespace === '' ? 'at the cluster scope' : `in the namespace ${quoted(namespace)}`;
  const what = `${verb} resource ${quoted(fullResource(attributes))} in API group ${quoted(group)} ${where}`;
  const about = `${qualifiedResource({ group, plural: resource })}${name === '' ? '' : ` ${quoted(name)}`}`;
  return new ApiError(403, 'Forbidden', `${about} is forbidden: User ${quoted(user.name)} cannot ${what}`, {
    ...(name !== '' && { name }),
    ...(group !== '' && { group }),
    kind: resource,
  });
}

function quoted(text: string): string {
  return JSON.stringify(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
