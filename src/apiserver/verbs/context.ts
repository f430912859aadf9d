import type { Log } from '../../telemetry/log.ts';
import type { Authenticator } from '../auth/authenticate.ts';
import type { Authorizer } from '../auth/rbac.ts';
import type { ServiceAccountTokens } from '../auth/serviceaccounttokens.ts';
import { badRequest } from '../status.ts';
import type { Objects } from '../objects.ts';
import type { PodLogSource } from '../podlogs.ts';
import type { ApiRequest, ResourcePath } from '../request.ts';
import type { Resources, Served } from '../resources.ts';
import type { Store } from '../store/store.ts';
import type { FieldValidation } from '../writes.ts';

/** What every verb works with. */
export interface Server {
  store: Store;
  resources: Resources;
  objects: Objects;
  authenticator: Authenticator;
  authorizer: Authorizer;
  tokens: ServiceAccountTokens;
  podLogs: PodLogSource | undefined;
  watches: Set<() => void>;
  log: Log;
}

/** A request for a resource that exists. */
export interface ResourceRequest extends ApiRequest {
  resource: ResourcePath;
  served: Served;
}

/** The name in the path; verbs on single objects are only reached with one. */
export function nameOf({ resource }: ResourceRequest): string {
  if (resource.name === undefined) throw badRequest('the request names no object');
  return resource.name;
}

export function refOf(request: ResourceRequest): { namespace: string | undefined; name: string } {
  return { namespace: request.resource.namespace, name: nameOf(request) };
}

export function isDryRun(query: URLSearchParams): boolean {
  const values = query.getAll('dryRun').filter((value) => value !== '');
  if (values.some((value) => value !== 'All')) {
    throw badRequest(`dryRun: Unsupported value: "${values.join(',')}": supported values: "All"`);
  }
  return values.length > 0;
}

export function fieldValidationOf(query: URLSearchParams): FieldValidation {
  const value = query.get('fieldValidation') || 'Warn';
  if (value === 'Strict' || value === 'Warn' || value === 'Ignore') return value;
  throw badRequest(`fieldValidation: Unsupported value: "${value}": supported values: "Ignore", "Strict", "Warn"`);
}
