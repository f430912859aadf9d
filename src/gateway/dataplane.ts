/** The data plane: sockets in front of pipelines, fed with whole route tables (design sections 3 and 6). */
import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Credentials } from '../credentials/credentials.ts';
import type { CredentialEnvironment } from '../credentials/environment.ts';
import { secretReader } from '../credentials/secretreader.ts';
import { systemEnvironment } from '../credentials/system.ts';
import { TlsDials } from '../credentials/tls.ts';
import type { Picker } from '../picker/picker.ts';
import type { WriteLine } from '../routes/accesslog.ts';
import { linkTable, nothingLinked, type LinkedTable } from '../routes/index.ts';
import type { RouteTable } from '../routes/table.ts';
import { credentialsIn, idsIn } from '../routes/visit.ts';
import type { Log } from '../telemetry/log.ts';
import type { Places } from '../wire/places.ts';
import { createForeignPickers } from './foreignpicker.ts';
import { createGatewayMetrics } from './metrics.ts';
import type { RequestObserver } from './requestrecord.ts';
import { Pipeline } from './pipeline.ts';
import type { GatewayContext, SocketView } from './request.ts';
import { closeServer, createHttpServer } from './server.ts';
import { defaultServerLimits, type ServerLimits } from './serverlimits.ts';
import { defaultTransportLimits, type TransportLimits } from './transport.ts';
import { createUndiciTransport } from './undicitransport.ts';

export interface DataPlaneOptions {
  readonly log: Log;
  /** Chooses endpoints of InferencePools; without one they are chosen like those of Services. */
  readonly picker?: Picker;
  /** What credentials of backends need; without it there are no Secrets. */
  readonly credentials?: CredentialEnvironment;
  /** Takes lines of access logs; without it there are none. */
  readonly writeLine?: WriteLine;
  /** Hosts for which DNS is not asked. */
  readonly places?: Places;
  /** In [0, 1). */
  readonly random?: () => number;
  /** Answer the request header `x-headgate-debug: true` with the route, backend, endpoint and table that served the request. */
  readonly debugHeaders?: boolean;
  /** Told of requests that have ended. */
  readonly requests?: RequestObserver;
  readonly serverLimits?: Partial<ServerLimits>;
  readonly upstreamLimits?: Partial<TransportLimits>;
  /** Bytes of request bodies held at a time, over all requests. */
  readonly maxBufferedBytes?: number;
  readonly defaultIdleTimeoutMs?: number;
  /** Longest wait for the choice of an endpoint: in the queue of the picker, 300 s by default; for somebody else's picker, 30 s. */
  readonly pickTimeoutMs?: number;
  readonly foreignPickerTimeoutMs?: number;
}

export interface ListenAddress {
  readonly address: string;
  readonly listeners: readonly {
    /** Declared port: finds the listeners in the route table. */
    readonly port: number;
    /** The port to bind; 0 takes any free one. */
    readonly bindPort: number;
  }[];
}

export interface BoundListener {
  /** Declared port. */
  readonly port: number;
  /** Where it listens; 0 when it could not be bound. */
  readonly boundPort: number;
  /** Why not: `EACCES`, `EADDRINUSE`, ... */
  readonly error?: string;
}

export interface DataPlaneStats {
  readonly generation: number;
  readonly requests: number;
  readonly inFlight: number;
  readonly connections: number;
  readonly upstreamPools: number;
  readonly bufferedBytes: number;
}

export interface DataPlane {
  /** Serves this table from the next request on; requests in flight finish on theirs. */
  apply(table: RouteTable): void;
  /** The table that is served now. */
  routes(): LinkedTable;
  /**
   * Makes a Gateway (`namespace/name`) listen at exactly these places. Sockets that stay keep their connections; others are
   * closed, requests on them finish. Never throws: what cannot be bound says why.
   */
  bind(gatewayKey: string, listen: ListenAddress): Promise<readonly BoundListener[]>;
  unbind(gatewayKey: string): Promise<void>;
  /** Stops accepting, waits for requests in flight for so long, then cuts them. */
  close(graceMs: number): Promise<void>;
  stats(): DataPlaneStats;
  /** Prometheus text. */
  metrics(): Promise<string>;
}

/** Requests on a socket that is no longer wanted get so long to finish. */
const unbindGraceMs = 30_000;

interface GatewaySocket {
  readonly gatewayKey: string;
  readonly address: string;
  readonly port: number;
  readonly bindPort: number;
  readonly server: Server;
  readonly connections: Set<Socket>;
  view: SocketView;
  draining: boolean;
}

export function createDataPlane(options: DataPlaneOptions): DataPlane {
  const { log } = options;
  const now = (): number => performance.now();
  const metrics = createGatewayMetrics();
  const transport = createUndiciTransport(
    { ...defaultTransportLimits, ...options.upstreamLimits },
    now,
    options.places,
  );
  const limits = { ...defaultServerLimits, ...options.serverLimits };
  const foreignPickers = createForeignPickers({
    timeoutMs: options.foreignPickerTimeoutMs ?? 30_000,
    log,
    limitHit: () => {
      metrics.limitHit('picker_answer');
    },
  });
  const world =
    options.credentials ??
    systemEnvironment(
      secretReader(() => undefined),
      {},
    );
  const credentials = new Credentials(world);
  const context: GatewayContext = {
    log,
    credentials,
    tls: new TlsDials(world.secrets),
    picker: options.picker,
    foreignPickers,
    transport,
    metrics,
    random: options.random ?? Math.random,
    now,
    debugHeaders: options.debugHeaders ?? false,
    accessLog: log.isLevelEnabled('debug'),
    writeLine: options.writeLine ?? (() => undefined),
    requests: options.requests,
    maxBufferedBytes: options.maxBufferedBytes ?? 1024 ** 3,
    defaultIdleTimeoutMs: options.defaultIdleTimeoutMs ?? 300_000,
    pickTimeoutMs: options.pickTimeoutMs ?? 300_000,
  };
  let linked: LinkedTable = nothingLinked;
  const sockets = new Set<GatewaySocket>();
  // One change of a gateway's sockets at a time: a second one must see what the first has done.
  const changes = new Map<string, Promise<unknown>>();

  const viewOf = (gatewayKey: string, port: number): SocketView => {
    const gateway = linked.gateways.get(gatewayKey);
    // An HTTPS listener is never served in the clear: it is not served at all until certificates are.
    const listeners = (gateway?.listeners ?? []).filter(
      (listener) => listener.port === port && listener.protocol === 'HTTP',
    );
    return { table: linked, gateway, port, listeners };
  };

  const open = async (gatewayKey: string, address: string, port: number, bindPort: number): Promise<GatewaySocket> => {
    const connections = new Set<Socket>();
    const server = createHttpServer(
      limits,
      () => socket.draining,
      (exchange) => {
        new Pipeline(context, socket.view, exchange).advance();
      },
    );
    const socket: GatewaySocket = {
      gatewayKey,
      address,
      port,
      bindPort,
      server,
      connections,
      view: viewOf(gatewayKey, port),
      draining: false,
    };
    server.on('connection', (connection: Socket) => {
      connections.add(connection);
      connection.on('close', () => connections.delete(connection));
    });
    await listening(server, address, bindPort);
    server.on('error', (error) => {
      log.error({ gateway: gatewayKey, port, error: error.message }, 'listener failed');
    });
    sockets.add(socket);
    return socket;
  };

  const drain = async (socket: GatewaySocket, graceMs: number): Promise<void> => {
    socket.draining = true;
    await closeServer(socket.server, socket.connections, graceMs);
    sockets.delete(socket);
  };

  const rebind = async (gatewayKey: string, listen: ListenAddress): Promise<BoundListener[]> => {
    const wanted = listen.listeners;
    const stays = (socket: GatewaySocket): boolean =>
      socket.address === listen.address &&
      wanted.some(({ port, bindPort }) => port === socket.port && bindPort === socket.bindPort);
    const kept: GatewaySocket[] = [];
    for (const socket of socketsOf(gatewayKey)) {
      if (stays(socket)) kept.push(socket);
      // It stops listening at once; its requests finish in the background.
      else void drain(socket, unbindGraceMs);
    }
    const bound: BoundListener[] = [];
    for (const { port, bindPort } of wanted) {
      try {
        const socket =
          kept.find((known) => known.port === port && known.bindPort === bindPort) ??
          (await open(gatewayKey, listen.address, port, bindPort));
        bound.push({ port, boundPort: boundPortOf(socket.server) });
      } catch (error) {
        bound.push({ port, boundPort: 0, error: errorCode(error) });
      }
    }
    return bound;
  };

  const socketsOf = (gatewayKey: string): GatewaySocket[] =>
    [...sockets].filter((socket) => socket.gatewayKey === gatewayKey && !socket.draining);

  const inTurn = async <T>(gatewayKey: string, change: () => Promise<T>): Promise<T> => {
    const previous = changes.get(gatewayKey) ?? Promise.resolve();
    const current = previous.then(change, change);
    changes.set(gatewayKey, current);
    try {
      return await current;
    } finally {
      if (changes.get(gatewayKey) === current) changes.delete(gatewayKey);
    }
  };

  return {
    apply(next) {
      const sameRoutes = next.routes === linked.table.routes;
      linked = linkTable(next, linked);
      for (const socket of sockets) socket.view = viewOf(socket.gatewayKey, socket.port);
      if (!sameRoutes) {
        metrics.keepOnly(idsIn(next));
        credentials.retain(credentialsIn(next));
      }
      foreignPickers.keepOnly(next);
    },
    routes: () => linked,
    bind: (gatewayKey, listen) => inTurn(gatewayKey, () => rebind(gatewayKey, listen)),
    unbind: (gatewayKey) =>
      inTurn(gatewayKey, async () => {
        await Promise.all(socketsOf(gatewayKey).map((socket) => drain(socket, unbindGraceMs)));
      }),
    async close(graceMs) {
      await Promise.all([...sockets].map((socket) => drain(socket, graceMs)));
      foreignPickers.close();
      await transport.close();
    },
    stats: () => ({
      generation: linked.table.generation,
      requests: metrics.requests(),
      inFlight: metrics.inFlight,
      connections: [...sockets].reduce((sum, socket) => sum + socket.connections.size, 0),
      upstreamPools: transport.size,
      bufferedBytes: metrics.bufferedBytes,
    }),
    metrics: () => Promise.resolve(metrics.render()),
  };
}

function listening(server: Server, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function boundPortOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return address === null || typeof address === 'string' ? 0 : address.port;
}

function errorCode(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.message : String(error);
}
