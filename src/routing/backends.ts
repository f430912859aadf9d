import type { Backend } from '../kinds/envoygateway/backend.ts';
import type { Service } from '../kinds/core/service.ts';
import { keyOf, refOf, type ObjectRef } from '../kinds/object.ts';
import { backendTarget, policyFor, serviceTarget, tlsOf, type FoundTls } from './backendtls.ts';
import { settingsProblem } from './backendtlssettings.ts';
import { endpointSource, endpointsOf, poolEndpoints, serviceEndpoints } from './endpoints.ts';
import { identified } from '../routes/identity.ts';
import { isPermitted, type Referrer } from './grants.ts';
import { poolPicker } from './poolpicker.ts';
import { groupOf, isPoolGroup, type DeclaredPool } from './pools.ts';
import type { Lookup } from './resources.ts';
import type { BackendTarget, EndpointSet, InvalidTarget, Pool } from '../routes/table.ts';

/** What a backendRef points to, as a target the data plane can use or with the reason why not (gatewayapi.md 9). */

export interface BackendReference {
  readonly group?: string;
  readonly kind?: string;
  readonly name: string;
  readonly namespace?: string;
  readonly port?: number;
}

export const poolGroup = 'inference.networking.k8s.io';
export const backendGroup = 'gateway.envoyproxy.io';

export function invalid(reason: string, message: string): InvalidTarget {
  return { type: 'invalid', reason, message };
}

/** Resolves the reference of an HTTPRoute; `from` is the route. */
export function resolveBackend(lookup: Lookup, from: Referrer, reference: BackendReference): BackendTarget {
  const { group = '', kind = 'Service', name, port } = reference;
  const ref = { namespace: reference.namespace ?? from.namespace, name };
  const resolve = resolverOf(group, kind);
  if (resolve === undefined) {
    return invalid(
      'InvalidKind',
      `backendRef ${name}: kind ${group === '' ? '' : `${group}/`}${kind} is not supported`,
    );
  }
  if (!isPermitted(lookup.grants(), from, { group, kind, ...ref })) {
    return invalid(
      'RefNotPermitted',
      `backendRef ${keyOf(ref)}: no ReferenceGrant permits ${kind}s of namespace ${ref.namespace} here`,
    );
  }
  return resolve(lookup, ref, port, group);
}

type Resolver = (lookup: Lookup, ref: ObjectRef, port: number | undefined, group: string) => BackendTarget;

function resolverOf(group: string, kind: string): Resolver | undefined {
  if (group === '' && kind === 'Service') return resolveService;
  if (isPoolGroup(group) && kind === 'InferencePool') return resolvePool;
  if (group === backendGroup && kind === 'Backend') return resolveDeclaredBackend;
  return undefined;
}

const resolveService: Resolver = (lookup, ref, port) => {
  const service = lookup.service(ref);
  if (service === undefined) return invalid('BackendNotFound', `Service ${keyOf(ref)} not found`);
  if (service.spec.type === 'ExternalName') {
    return invalid('UnsupportedProtocol', `Service ${keyOf(ref)} is of type ExternalName, which routes may not use`);
  }
  const servicePort = service.spec.ports?.find((candidate) => candidate.port === port);
  if (servicePort === undefined)
    return invalid('BackendNotFound', `Service ${keyOf(ref)} has no port ${port ?? '(none given)'}`);
  if (servicePort.appProtocol === 'https' && policyFor(lookup, serviceTarget(service, servicePort)) === undefined) {
    return invalid(
      'UnsupportedProtocol',
      `Service ${keyOf(ref)} port ${servicePort.port}: appProtocol https needs a BackendTLSPolicy`,
    );
  }
  const protocol = protocolOf(servicePort.appProtocol);
  if (protocol === undefined) {
    return invalid(
      'UnsupportedProtocol',
      `Service ${keyOf(ref)} port ${servicePort.port}: appProtocol ${servicePort.appProtocol} is not supported`,
    );
  }
  return { type: 'endpoints', key: serviceKey(ref, servicePort.port) };
};

function serviceHost({ metadata }: Service): string {
  return `${metadata.name}.${metadata.namespace ?? ''}.svc.cluster.local`;
}

function hostHeader(host: string, port: number, { protocol }: Pick<Secured, 'protocol'>): string {
  return port === (protocol === 'https' ? 443 : 80) ? host : `${host}:${port}`;
}

/** Without TLS; `https` is plain HTTP in what a BackendTLSPolicy says. */
function protocolOf(appProtocol: string | undefined): 'http' | 'h2c' | undefined {
  switch (appProtocol) {
    case undefined:
    case 'http':
    case 'https':
      return 'http';
    case 'kubernetes.io/h2c':
      return 'h2c';
    default:
      return undefined;
  }
}

const resolvePool: Resolver = (lookup, ref, _port, group) => {
  const declared = lookup.pool(group, ref);
  if (declared !== undefined) return { type: 'pool', key: declared.key };
  const which = group === poolGroup ? '' : ` of ${group}`;
  return invalid('BackendNotFound', `InferencePool ${keyOf(ref)}${which} not found`);
};

const resolveDeclaredBackend: Resolver = (lookup, ref) => {
  const backend = lookup.backend(ref);
  if (backend === undefined) return invalid('BackendNotFound', `Backend ${keyOf(ref)} not found`);
  const problem = backendProblem(backend);
  if (problem !== undefined) return invalid('UnsupportedProtocol', `Backend ${keyOf(ref)}: ${problem}`);
  for (const declared of backend.spec.endpoints ?? []) {
    const found = endpointSource(lookup, declared);
    if ('problem' in found) return invalid('BackendNotFound', `Backend ${keyOf(ref)}: ${found.problem}`);
  }
  return { type: 'endpoints', key: `${backendKeyPrefix}${keyOf(ref)}` };
};

const serviceKeyPrefix = 'service/';
const backendKeyPrefix = 'backend/';
const serviceKey = (ref: ObjectRef, port: number): string => `${serviceKeyPrefix}${keyOf(ref)}:${port}`;

/** How the names begin under which endpoint sets and pools are remembered. */
export const findingsOf = { endpoints: 'endpoint set ', pool: 'pool ' };

/** The endpoints that a target's key stands for; undefined when what it names is gone. */
export function endpointSet(lookup: Lookup, key: string): EndpointSet | undefined {
  return lookup.remember(`${findingsOf.endpoints}${key}`, (at) =>
    key.startsWith(serviceKeyPrefix)
      ? serviceSet(at, key, key.slice(serviceKeyPrefix.length))
      : backendSet(at, key, key.slice(backendKeyPrefix.length)),
  );
}

function serviceSet(lookup: Lookup, key: string, place: string): EndpointSet | undefined {
  const colon = place.lastIndexOf(':');
  const service = lookup.service(refOf(place.slice(0, colon)));
  const port = service?.spec.ports?.find((candidate) => candidate.port === Number(place.slice(colon + 1)));
  const protocol = protocolOf(port?.appProtocol);
  if (service === undefined || port === undefined || protocol === undefined) return undefined;
  const secured = securedBy(tlsOf(lookup, serviceTarget(service, port)), protocol);
  return identified<EndpointSet>({
    type: 'endpoints',
    key,
    host: hostHeader(serviceHost(service), port.port, secured),
    ...secured,
    endpoints: secured.problem === undefined ? serviceEndpoints(lookup, service, port) : [],
  });
}

function backendSet(lookup: Lookup, key: string, name: string): EndpointSet | undefined {
  const backend = lookup.backend(refOf(name));
  if (backend === undefined) return undefined;
  const declared = backend.spec.endpoints ?? [];
  const fqdn = declared[0]?.fqdn;
  const protocol = backend.spec.appProtocols?.includes('gateway.envoyproxy.io/h2c') === true ? 'h2c' : 'http';
  const secured = securedBy(tlsOf(lookup, backendTarget(backend), backend), protocol);
  const endpoints = declared.flatMap((one) => endpointsOf(lookup, endpointSource(lookup, one)));
  return identified<EndpointSet>({
    type: 'endpoints',
    key,
    ...(fqdn === undefined ? {} : { host: hostHeader(fqdn.hostname, fqdn.port, secured) }),
    ...secured,
    endpoints: secured.problem === undefined ? endpoints : [],
  });
}

type Secured = Pick<EndpointSet, 'protocol' | 'tls' | 'problem'>;

function securedBy(found: FoundTls | undefined, protocol: 'http' | 'h2c'): Secured {
  if (found === undefined) return { protocol };
  if ('problem' in found) return { protocol, problem: found.problem };
  if (protocol === 'h2c') return { protocol, problem: `${found.tls.declaredBy}: HTTP/2 over TLS is not supported yet` };
  return { protocol: 'https', tls: found.tls };
}

/** A pool as the data plane sees it. */
export function poolOf(lookup: Lookup, declared: DeclaredPool): Pool {
  return lookup.remember(`${findingsOf.pool}${declared.key}`, (at): Pool => {
    const { spec } = (at.pool(groupOf(declared), declared.pool.metadata) ?? declared).pool;
    return identified<Pool>({
      type: 'pool',
      key: declared.key,
      failureMode: spec.endpointPickerRef?.failureMode ?? 'FailClose',
      protocol: spec.appProtocol === 'kubernetes.io/h2c' ? 'h2c' : 'http',
      endpoints: poolEndpoints(at, declared),
      ...(spec.endpointPickerRef === undefined ? {} : { picker: poolPicker(at, declared) }),
    });
  });
}

/** What a Backend asks for that is not supported, by field. */
export function backendProblem({ metadata, spec }: Backend): string | undefined {
  if (spec.type === 'DynamicResolver') return 'spec.type DynamicResolver is not supported yet';
  const tlsProblem = spec.tls && settingsProblem(spec.tls, metadata.namespace ?? '');
  if (tlsProblem !== undefined) return tlsProblem;
  if (spec.fallback === true) return 'spec.fallback is not supported yet; use the priority of an AIGatewayRoute';
  const protocol = spec.appProtocols?.find((name) => name !== 'gateway.envoyproxy.io/h2c');
  if (protocol !== undefined) return `spec.appProtocols ${protocol} is not supported yet`;
  const endpoints = spec.endpoints ?? [];
  if (endpoints.length === 0) return 'spec.endpoints is empty';
  const unix = endpoints.findIndex((declared) => declared.unix !== undefined);
  if (unix >= 0) return `spec.endpoints[${unix}].unix is not supported yet`;
  const hosts = new Set(endpoints.flatMap(({ fqdn }) => (fqdn === undefined ? [] : [`${fqdn.hostname}:${fqdn.port}`])));
  if (hosts.size > 1)
    return 'spec.endpoints with different hostnames or ports are not supported yet; use one Backend each';
  return undefined;
}
