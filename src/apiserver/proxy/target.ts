import { keyOf } from '../../kinds/object.ts';
import type { Kind } from '../../kinds/kind.ts';
import { listAt, stringAt, valueAt } from '../json.ts';
import { ApiError, badRequest, notFound } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import type { Store } from '../store/store.ts';
import { nameOf, type ResourceRequest } from '../verbs/context.ts';

/** Where requests for `services/proxy`, `pods/proxy` and `nodes/proxy` go. */
export interface ProxyTarget {
  protocol: 'http:' | 'https:';
  address: string;
  port: number;
}

interface Wanted {
  kind: Kind;
  name: string;
  /** A number or a name; empty: none was given. */
  port: string;
}

/**
 * The target of a request whose name is `[https:]name[:port]` (SplitSchemeNamePort of apimachinery).
 *
 * @throws ApiError 400, 404, or 503 where nothing is there to answer
 */
export function targetOf(store: Store, request: ResourceRequest): ProxyTarget {
  const { served, resource } = request;
  const given = nameOf(request);
  const parts = given.split(':');
  const [scheme, name = '', port = ''] = parts.length === 3 ? parts : ['http', ...parts];
  if (parts.length > 3 || name === '' || (scheme !== 'http' && scheme !== 'https')) {
    throw badRequest(`invalid ${served.kind.kind.toLowerCase()} request "${given}": write [http:|https:]name[:port]`);
  }
  const object = store.get(served.id, keyOf({ namespace: resource.namespace, name }));
  if (object === undefined) throw notFound(served.kind, name);
  const wanted = { kind: served.kind, name, port };
  const place =
    served.id === '/services'
      ? serviceEndpoint(store, object, wanted)
      : served.id === '/pods'
        ? podEndpoint(object, wanted)
        : nodeEndpoint(object, wanted);
  return { protocol: `${scheme}:`, ...place };
}

function serviceEndpoint(store: Store, service: StoredObject, wanted: Wanted) {
  const ports = listAt(service, 'spec', 'ports');
  const meant =
    wanted.port === ''
      ? ports.filter((port) => ports.length === 1 || (stringAt(port, 'name') ?? '') === '')
      : ports.filter((port) => String(valueAt(port, 'port')) === wanted.port || stringAt(port, 'name') === wanted.port);
  const [port] = meant;
  if (port === undefined) throw unavailable(`no service port "${wanted.port}" found for service "${wanted.name}"`);
  const endpoints = readyEndpoints(store, service, stringAt(port, 'name') ?? '');
  const chosen = endpoints[Math.floor(Math.random() * endpoints.length)];
  if (chosen === undefined) throw unavailable(`no endpoints available for service "${wanted.name}"`);
  return chosen;
}

function readyEndpoints(store: Store, { metadata }: StoredObject, portName: string) {
  return store
    .list('discovery.k8s.io/endpointslices', metadata.namespace)
    .filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === metadata.name)
    .flatMap((slice) => {
      const found = listAt(slice, 'ports').find((port) => (stringAt(port, 'name') ?? '') === portName);
      const port = valueAt(found, 'port');
      if (typeof port !== 'number') return [];
      return listAt(slice, 'endpoints')
        .filter((endpoint) => valueAt(endpoint, 'conditions', 'ready') !== false)
        .flatMap((endpoint) => listAt(endpoint, 'addresses'))
        .flatMap((address) => (typeof address === 'string' ? [{ address, port }] : []));
    });
}

/** Without a port the first that a container declares. */
function podEndpoint(pod: StoredObject, { name, port: given }: Wanted) {
  const address = stringAt(pod, 'status', 'podIP') ?? '';
  if (address === '') throw unavailable(`pod "${name}" has no address`);
  const declared = listAt(pod, 'spec', 'containers').flatMap((container) => listAt(container, 'ports'));
  const meant = given === '' ? declared[0] : declared.find((port) => stringAt(port, 'name') === given);
  const port = /^\d+$/.test(given) ? Number(given) : valueAt(meant, 'containerPort');
  if (typeof port !== 'number' || port < 1 || port > 65_535) {
    throw badRequest(`pod "${name}" declares no port "${given}": write ${name}:PORT`);
  }
  return { address, port };
}

function nodeEndpoint(node: StoredObject, { name, port: given }: Wanted) {
  const addresses = listAt(node, 'status', 'addresses');
  const address = stringAt(
    addresses.find((one) => stringAt(one, 'type') === 'InternalIP'),
    'address',
  );
  if (address === undefined) throw unavailable(`node "${name}" has no address`);
  const port = Number(given);
  if (given === '' || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw badRequest(`the embedded node has no kubelet API: write ${name}:PORT for a port that is listened on there`);
  }
  return { address, port };
}

function unavailable(message: string): ApiError {
  return new ApiError(503, 'ServiceUnavailable', message);
}
