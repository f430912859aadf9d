import type { IncomingHttpHeaders } from 'node:http';
import { badRequest } from '../status.ts';
import { accessForbidden, type ResourceAttributes } from './attributes.ts';
import type { Authorizer } from './rbac.ts';
import {
  anonymousUser,
  authenticatedGroup,
  serviceAccountGroups,
  serviceAccountOf,
  unauthenticatedGroup,
  type User,
} from './user.ts';

/** The user that a request is to be treated as coming from (`kubectl --as`): the `Impersonate-*` headers, if allowed. */
export function impersonated(user: User, headers: IncomingHttpHeaders, authorizer: Authorizer): User {
  const name = single(headers['impersonate-user']);
  const groups = several(headers['impersonate-group']);
  const uid = single(headers['impersonate-uid']);
  const extra = extraOf(headers);
  if (name === undefined) {
    if (groups.length === 0 && uid === undefined && Object.keys(extra).length === 0) return user;
    throw badRequest('requested Impersonate-* headers without impersonating a user');
  }
  const account = serviceAccountOf(name);
  const require = (wanted: Pick<ResourceAttributes, 'group' | 'resource' | 'name'> & Partial<ResourceAttributes>) => {
    const attributes = { verb: 'impersonate', namespace: undefined, subresource: undefined, ...wanted };
    if (!authorizer.authorize(user, attributes).allowed) throw accessForbidden(user, attributes);
  };
  if (account === undefined) require({ group: '', resource: 'users', name });
  else require({ group: '', resource: 'serviceaccounts', ...account });
  for (const group of groups) require({ group: '', resource: 'groups', name: group });
  const authentication = 'authentication.k8s.io';
  if (uid !== undefined) require({ group: authentication, resource: 'uids', name: uid });
  for (const [key, values] of Object.entries(extra)) {
    for (const value of values) {
      require({ group: authentication, resource: 'userextras', subresource: key, name: value });
    }
  }
  const given = groups.length > 0 || account === undefined ? groups : serviceAccountGroups(account.namespace);
  return {
    name,
    groups: withAuthentication(name, given),
    ...(uid !== undefined && { uid }),
    ...(Object.keys(extra).length > 0 && { extra }),
  };
}

/** Everybody is in one of the groups of those who are authenticated and those who are not. */
function withAuthentication(name: string, groups: readonly string[]): string[] {
  if (groups.includes(unauthenticatedGroup)) return [...groups];
  if (name === anonymousUser) return [...groups, unauthenticatedGroup];
  return groups.includes(authenticatedGroup) ? [...groups] : [...groups, authenticatedGroup];
}

const extraPrefix = 'impersonate-extra-';

function extraOf(headers: IncomingHttpHeaders): Record<string, string[]> {
  const entries = Object.entries(headers)
    .filter(([header]) => header.startsWith(extraPrefix))
    .map(([header, value]): [string, string[]] => [header.slice(extraPrefix.length), several(value)]);
  try {
    return Object.fromEntries(entries.map(([key, values]) => [decodeURIComponent(key), values]));
  } catch {
    throw badRequest('an Impersonate-Extra- header is not valid percent-encoding');
  }
}

function single(value: string | string[] | undefined): string | undefined {
  return several(value)[0];
}

/** Node joins repeated headers of one name with a comma and a space. */
function several(value: string | string[] | undefined): string[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : value.split(', ')).filter((one) => one !== '');
}
