import { connect, createServer, type Server, type Socket } from 'node:net';
import type { ServicePort } from 'kubernetes-types/core/v1.js';
import { Service } from '../kinds/core/service.ts';
import { EndpointSlice } from '../kinds/discovery/endpointslice.ts';
import { keyOf, refOf } from '../kinds/object.ts';
import type { KubeClient } from '../kube/client.ts';
import { timestamp } from '../kinds/timestamp.ts';
import { startController, watch } from '../kube/controller.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { InformerCache } from '../kube/informer.ts';
import type { Log } from '../telemetry/log.ts';
import { serviceNameLabel } from './endpointslices.ts';

export interface ServiceProxy {
  stop(): Promise<void>;
}

export interface Endpoint {
  address: string;
  port: number;
}

/** Connections one Service port may have at a time, and how long connecting to one endpoint may take. */
const maxConnections = 4096;
const connectTimeoutMs = 5_000;

/** The ready endpoints behind a port of a Service. */
export function readyEndpoints(slices: readonly EndpointSlice[], port: Pick<ServicePort, 'name'>): Endpoint[] {
  return slices.flatMap(({ ports = [], endpoints }) => {
    const number = ports.find(({ name = '' }) => name === (port.name ?? ''))?.port;
    if (number === undefined) return [];
    return endpoints
      .filter(({ conditions }) => conditions?.ready !== false)
      .flatMap(({ addresses }) => addresses.map((address) => ({ address, port: number })));
  });
}

interface PortProxy {
  close(): Promise<void>;
}

/**
 * Listens on every Service's cluster IP and ports and passes TCP connections on to its ready endpoints in turn. What cannot be
 * listened on, such as a port below 1024 without the right to it, is told by an event of the Service.
 */
export function startServiceProxy(options: {
  client: KubeClient;
  informers: InformerCache;
  events: EventRecorder;
  log: Log;
}): ServiceProxy {
  const { client, informers, events, log } = options;
  const services = informers.informer(Service);
  const slices = informers.informer(EndpointSlice);
  const listening = new Map<string, Map<string, PortProxy>>();

  const endpointsOf = (service: Service, port: ServicePort): Endpoint[] => {
    const { namespace, name } = service.metadata;
    const own = slices.list(namespace).filter(({ metadata }) => metadata.labels?.[serviceNameLabel] === name);
    return readyEndpoints(own, port);
  };

  const reconcile = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
    const service = services.get(refOf(key));
    const wanted = new Map<string, ServicePort>();
    for (const port of service === undefined ? [] : proxiedPorts(service)) {
      wanted.set(`${service?.spec.clusterIP ?? ''}:${String(port.port)}:${port.name ?? ''}`, port);
    }
    const open = listening.get(key) ?? new Map<string, PortProxy>();
    listening.set(key, open);
    for (const [id, proxy] of open) {
      if (wanted.has(id)) continue;
      open.delete(id);
      await proxy.close();
    }
    const refused: string[] = [];
    for (const [id, port] of wanted) {
      if (service === undefined || open.has(id)) continue;
      const address = service.spec.clusterIP ?? '';
      const result = await openPort(address, port.port, () => endpointsOf(service, port));
      if (typeof result !== 'string') {
        open.set(id, result);
        continue;
      }
      const message = `cannot listen on ${address}:${String(port.port)} (${result}): the Service has endpoints, but its cluster IP does not answer on this port`;
      events.event(service, 'Warning', 'PortNotAvailable', message);
      log.info({ service: key, address, port: port.port, reason: result }, 'service port not available');
      if (result !== 'EACCES') refused.push(`cannot listen on ${address}:${String(port.port)} (${result})`);
    }
    if (service === undefined) listening.delete(key);
    else await tellAddress(client, service, refused);
    // A port that is taken may become free; a privileged one stays so.
    return refused.length > 0 ? { requeueAfterMs: retryMs } : undefined;
  };

  const controller = startController({
    name: 'serviceproxy',
    log,
    watches: [watch(services, ({ object }) => [keyOf(object.metadata)])],
    reconcile,
  });
  return {
    stop: async () => {
      await controller.stop();
      await Promise.all([...listening.values()].flatMap((ports) => [...ports.values()].map((proxy) => proxy.close())));
    },
  };
}

/** False: another program has a port of the cluster IP, and answers who asks there. */
export const addressAvailable = 'headgate.dev/AddressAvailable';
const retryMs = 5_000;

/** A Service that never had the trouble has no such condition. */
async function tellAddress(client: KubeClient, service: Service, refused: readonly string[]): Promise<void> {
  const conditions = service.status?.conditions ?? [];
  const known = conditions.find(({ type }) => type === addressAvailable);
  const available = refused.length === 0;
  const message = available ? '' : `${refused.join('; ')}: another program answers there`;
  if (known === undefined ? available : known.status === (available ? 'True' : 'False') && known.message === message)
    return;
  const condition = {
    type: addressAvailable,
    status: available ? 'True' : 'False',
    reason: available ? 'Available' : 'PortNotAvailable',
    message,
    lastTransitionTime: timestamp(),
  };
  const body = { status: { conditions: [...conditions.filter((other) => other !== known), condition] } };
  await client.patch(Service, service.metadata, { type: 'merge', body, subresource: 'status' });
}

function proxiedPorts(service: Service): ServicePort[] {
  const { clusterIP, type, ports = [] } = service.spec;
  if (clusterIP === undefined || clusterIP === '' || clusterIP === 'None' || type === 'ExternalName') return [];
  return ports.filter(({ protocol = 'TCP' }) => protocol === 'TCP');
}

/** The port being served, or the code of the system's refusal. */
function openPort(address: string, port: number, endpoints: () => readonly Endpoint[]): Promise<PortProxy | string> {
  const sockets = new Set<Socket>();
  let turn = 0;
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    track(sockets, client);
    const ready = endpoints();
    const start = turn++;
    const order = ready.map((_, i) => ready[(start + i) % ready.length]).filter((endpoint) => endpoint !== undefined);
    forward(client, order, sockets);
  });
  server.maxConnections = maxConnections;
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
    server.listen({ host: address, port, exclusive: true }, () => {
      resolve({ close: () => closeAll(server, sockets) });
    });
  });
}

function track(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
  // Its end is passed on by `close`; an error needs no other answer.
  socket.on('error', () => socket.destroy());
}

/** Connects to the first endpoint that answers; the client's bytes wait in its socket meanwhile. */
function forward(client: Socket, order: readonly Endpoint[], sockets: Set<Socket>): void {
  const [endpoint, ...others] = order;
  if (endpoint === undefined) {
    client.resetAndDestroy();
    return;
  }
  const upstream = connect({ host: endpoint.address, port: endpoint.port, allowHalfOpen: true });
  track(sockets, upstream);
  const timer = setTimeout(() => upstream.destroy(new Error('connect timed out')), connectTimeoutMs);
  let connected = false;
  upstream.once('connect', () => {
    connected = true;
    clearTimeout(timer);
    if (client.destroyed) {
      upstream.destroy();
      return;
    }
    client.pipe(upstream).pipe(client);
  });
  upstream.once('close', () => {
    clearTimeout(timer);
    if (connected || client.destroyed) client.destroy();
    else forward(client, others, sockets);
  });
  client.once('close', () => upstream.destroy());
}

async function closeAll(server: Server, sockets: Set<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  for (const socket of sockets) socket.destroy();
  await closed;
}
