import type { Log } from '../../telemetry/log.ts';
import type { AdmissionPlugin } from '../admission/plugin.ts';
import type { Authenticator } from '../auth/authenticate.ts';
import type { Authorizer } from '../auth/rbac.ts';
import type { ServiceAccountTokens } from '../auth/serviceaccounttokens.ts';
import { badRequest, invalidOptions, invalidValue, notSupported, required, type FieldError } from '../status.ts';
import type { Objects } from '../objects.ts';
import type { InFlight } from '../inflight.ts';
import type { MetricsSource } from '../metricssource.ts';
import type { PodAccess } from '../podaccess/podaccess.ts';
import type { PodLogSource } from '../podlogs.ts';
import type { ApiRequest, ResourcePath } from '../request.ts';
import type { Resources, Served } from '../resources.ts';
import type { Store } from '../store/store.ts';
import type { FieldValidation } from '../writes.ts';
import type { EventLines } from './eventlines.ts';

/** What every verb works with. */
export interface Server {
  store: Store;
  resources: Resources;
  /** In the handling of a request: its user's writes, which pass admission. */
  objects: Objects;
  admission: readonly AdmissionPlugin[];
  authenticator: Authenticator;
  authorizer: Authorizer;
  tokens: ServiceAccountTokens;
  inFlight: InFlight;
  podLogs: PodLogSource | undefined;
  podAccess: PodAccess | undefined;
  metrics: MetricsSource | undefined;
  eventLines: EventLines;
  /** What ends each watch. */
  watches: Set<() => void>;
  maxWatches: number;
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

/** The type that Kubernetes decodes the query of a write into; messages name it. */
export type WriteOptionsName = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions';

export function isDryRun(query: URLSearchParams, options: WriteOptionsName): boolean {
  const values = query.getAll('dryRun').filter((value) => value !== '');
  if (values.some((value) => value !== 'All')) {
    const list = values.map((value) => JSON.stringify(value)).join(', ');
    const message = `Unsupported value: []string{${list}}: supported values: "All"`;
    throw invalidOptions(options, [{ reason: 'FieldValueNotSupported', field: 'dryRun', message }]);
  }
  return values.length > 0;
}

export function fieldValidationOf(query: URLSearchParams, options: WriteOptionsName): FieldValidation {
  const value = query.get('fieldValidation') || 'Warn';
  if (value === 'Strict' || value === 'Warn' || value === 'Ignore') return value;
  throw invalidOptions(options, [notSupported('fieldValidation', value, ['', 'Ignore', 'Strict', 'Warn'])]);
}

const maxManagerBytes = 128;

/**
 * Who makes the write, as metadata.managedFields shall name it: `fieldManager`, else what the user agent begins with. `options`
 * names the query parameters in messages.
 */
export function fieldManagerOf({ query, raw }: ApiRequest, options: WriteOptionsName, isApply = false): string {
  const manager = query.get('fieldManager') ?? '';
  const errors: FieldError[] = [];
  if (manager === '' && isApply) errors.push(required('fieldManager', 'is required for apply patch'));
  if (!isApply && options === 'PatchOptions' && query.get('force')) {
    const message = 'Forbidden: may not be specified for non-apply patch';
    errors.push({ reason: 'FieldValueForbidden', field: 'force', message });
  }
  if (Buffer.byteLength(manager) > maxManagerBytes) {
    const message = `Too long: may not be more than ${maxManagerBytes} bytes`;
    errors.push({ reason: 'FieldValueTooLong', field: 'fieldManager', message });
  }
  const bad = /[^\x20\p{L}\p{M}\p{N}\p{P}\p{S}]/u.exec(manager);
  if (bad !== null) {
    const code = (bad[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    const at = Buffer.byteLength(manager.slice(0, bad.index));
    errors.push(invalidValue('fieldManager', manager, `invalid character U+${code} (at position ${at})`));
  }
  if (errors.length > 0) throw invalidOptions(options, errors);
  return manager === '' ? managerOfAgent(raw.headers['user-agent'] ?? '') : manager;
}

function managerOfAgent(agent: string): string {
  const printable = (agent.split('/', 1)[0] ?? '').replaceAll(/[^\x20\p{L}\p{M}\p{N}\p{P}\p{S}]/gu, '');
  let name = '';
  for (const character of printable) {
    if (Buffer.byteLength(name + character) > maxManagerBytes) break;
    name += character;
  }
  return name;
}
