import { keyOf } from '../../kinds/object.ts';
import { ApiError, badRequest } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import { firstObjectFrom } from '../store/objects.ts';
import type { Store } from '../store/store.ts';
import { checkReached, expiredVersion, type ListOptions } from './listoptions.ts';

/** The pages of a list: all of them show one revision, as long as its past is known. */

export interface PageRequest {
  limit: number;
  /** Where to go on, and at which revision; undefined for the first page. */
  from: ContinueToken | undefined;
}

/** storage.continueToken. A revision of -1 goes on with the newest state: the client has agreed to an inconsistent list. */
interface ContinueToken {
  v: 'meta.k8s.io/v1';
  rv: number;
  start: string;
}

export interface ListMetadata {
  resourceVersion: string;
  continue?: string;
  remainingItemCount?: number;
}

export function parsePageRequest(query: URLSearchParams): PageRequest {
  const text = query.get('limit') ?? '';
  const limit = text === '' ? 0 : Number(text);
  if (!Number.isSafeInteger(limit)) throw badRequest(`limit: Invalid value: "${text}": must be a number`);
  const token = query.get('continue') ?? '';
  const version = query.get('resourceVersion') ?? '';
  if (token !== '' && version !== '' && version !== '0') {
    throw badRequest('specifying resource version is not allowed when using continue');
  }
  return { limit: Math.max(limit, 0), from: token === '' ? undefined : decodeToken(token) };
}

/** The state a list shows: objects in key order, from where the page begins, and their revision. */
export function selectState(
  store: Store,
  resource: string,
  namespace: string | undefined,
  { revision: wanted = 0, match }: ListOptions,
  { limit, from }: PageRequest,
): { objects: readonly StoredObject[]; revision: number } {
  if (from !== undefined) return continueFrom(store, resource, namespace, from);
  checkReached(wanted, store);
  // Without a match, a limited list of a version is that version: what later pages will show.
  const exact = wanted > 0 && (match === 'Exact' || (match === undefined && limit > 0));
  if (!exact) return { objects: store.list(resource, namespace), revision: store.revision() };
  const objects = store.listAt(wanted, resource, namespace);
  if (objects === undefined) throw expiredVersion();
  return { objects, revision: wanted };
}

function continueFrom(store: Store, resource: string, namespace: string | undefined, { rv, start }: ContinueToken) {
  checkReached(rv, store);
  const objects = rv < 0 ? store.list(resource, namespace) : store.listAt(rv, resource, namespace);
  if (objects === undefined) {
    const goOn = encodeToken({ v: 'meta.k8s.io/v1', rv: -1, start });
    throw new ApiError(410, 'Expired', inconsistentContinue, undefined, goOn);
  }
  return { objects: objects.slice(firstObjectFrom(objects, start)), revision: rv < 0 ? store.revision() : rv };
}

const inconsistentContinue =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
  'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
  'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted ' +
  'between the time the first chunk was returned and now may show up in the list.';

/** Cuts the page off `selected`. `counts`: whether the number of objects left is known (not with selectors, as in Kubernetes). */
export function cutPage(
  selected: readonly StoredObject[],
  limit: number,
  revision: number,
  counts: boolean,
): { page: readonly StoredObject[]; metadata: ListMetadata } {
  const resourceVersion = String(revision);
  const last = selected[limit - 1];
  if (limit === 0 || selected.length <= limit || last === undefined)
    return { page: selected, metadata: { resourceVersion } };
  // The smallest key after the last one.
  const next: ContinueToken = { v: 'meta.k8s.io/v1', rv: revision, start: `${keyOf(last.metadata)}\u0000` };
  return {
    page: selected.slice(0, limit),
    metadata: {
      resourceVersion,
      continue: encodeToken(next),
      ...(counts && { remainingItemCount: selected.length - limit }),
    },
  };
}

function encodeToken(token: ContinueToken): string {
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

function decodeToken(text: string): ContinueToken {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    // Reported below, like any other token that is not ours.
  }
  if (typeof value === 'object' && value !== null && 'rv' in value && 'start' in value && 'v' in value) {
    const { v, rv, start } = value;
    if (
      v === 'meta.k8s.io/v1' &&
      typeof rv === 'number' &&
      Number.isInteger(rv) &&
      rv !== 0 &&
      typeof start === 'string'
    ) {
      return { v, rv, start };
    }
  }
  throw badRequest('invalid continue token: continue key is not valid: it must be the one returned by the list before');
}
