import {
  ApiError,
  badRequest,
  expired,
  forbiddenField,
  invalidOptions,
  notSupported,
  type FieldError,
} from '../status.ts';
import type { Store } from '../store/store.ts';

/** metav1.ListOptions of lists and watches: which state of the store is asked for. Texts are kube-apiserver's. */
export interface ListOptions {
  /** undefined: not given. 0 means any. */
  revision: number | undefined;
  match: 'Exact' | 'NotOlderThan' | undefined;
  sendInitialEvents: boolean | undefined;
}

export function parseListOptions(query: URLSearchParams, watch: boolean): ListOptions {
  const version = query.get('resourceVersion') ?? '';
  const match = query.get('resourceVersionMatch') ?? '';
  const initial = query.get('sendInitialEvents') ?? '';
  const errors = watch ? watchErrors(query, match, initial) : listErrors(query, version, match, initial);
  if (errors.length > 0) throw invalidOptions('ListOptions', errors);
  return {
    revision: version === '' ? undefined : revisionOf(version),
    match: match === 'Exact' || match === 'NotOlderThan' ? match : undefined,
    sendInitialEvents: initial === '' ? undefined : isTrue(initial),
  };
}

const forbidden = (why: string): FieldError => forbiddenField('resourceVersionMatch', why);

function listErrors(query: URLSearchParams, version: string, match: string, initial: string): FieldError[] {
  const errors: FieldError[] = [];
  if (match !== '') {
    if (version === '') errors.push(forbidden('resourceVersionMatch is forbidden unless resourceVersion is provided'));
    if (hasContinue(query)) errors.push(forbidden('resourceVersionMatch is forbidden when continue is provided'));
    if (match !== 'Exact' && match !== 'NotOlderThan') {
      errors.push(notSupported('resourceVersionMatch', match, ['Exact', 'NotOlderThan', '']));
    }
    if (match === 'Exact' && version === '0') {
      errors.push(forbidden('resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
    }
  }
  if (initial !== '') errors.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  return errors;
}

function watchErrors(query: URLSearchParams, match: string, initial: string): FieldError[] {
  const errors: FieldError[] = [];
  if (initial !== '' && match !== 'NotOlderThan') {
    errors.push(forbidden('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  }
  if (match === '') return errors;
  if (initial === '') {
    errors.push(forbidden('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'));
  }
  if (match !== 'NotOlderThan') errors.push(notSupported('resourceVersionMatch', match, ['NotOlderThan']));
  if (hasContinue(query)) errors.push(forbidden('resourceVersionMatch is forbidden when continue is provided'));
  return errors;
}

function hasContinue(query: URLSearchParams): boolean {
  return (query.get('continue') ?? '') !== '';
}

export function isTrue(value: string | null): boolean {
  return value === 'true' || value === '1';
}

export function revisionOf(version: string): number {
  // Versions are unsigned 64-bit numbers; those beyond a double's precision are far in the future anyway.
  if (/^\d{1,20}$/.test(version)) return Number(version);
  throw badRequest(`resourceVersion: Invalid value: "${version}": must be a number`);
}

/** A version that this API has not reached: a client that comes from another cluster, or from before a restore. */
export function checkReached(revision: number, store: Store): void {
  if (revision <= store.revision()) return;
  throw new ApiError(504, 'Timeout', `Timeout: Too large resource version: ${revision}, current: ${store.revision()}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

export function expiredVersion(): ApiError {
  return expired('The resourceVersion for the provided list is too old.');
}
