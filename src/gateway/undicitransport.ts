/** The `Transport` over undici: one bounded pool of connections per destination, made on first use and closed when it has been idle. */
import { isIPv6 } from 'node:net';
import type { buildConnector as connectors, Dispatcher } from 'undici';
import { serverNameFor, type TlsDial } from '../credentials/tls.ts';
import { noPlaces, placeOf, type Place, type Places } from '../wire/places.ts';
import { buildConnector, H2CClient, Pool } from '../wire/undici.ts';
import { UpgradeCall } from './nodeupgrade.ts';
import {
  connectionHeaders,
  type Destination,
  type Transport,
  type TransportCall,
  type TransportEvents,
  type TransportLimits,
  type UpstreamRequest,
} from './transport.ts';

interface Connections {
  pool: Dispatcher;
  inFlight: number;
  lastUsedMs: number;
}

/** `now` in milliseconds on a clock that never goes back. */
export function createUndiciTransport(
  limits: TransportLimits,
  now: () => number,
  places: Places = noPlaces,
): Transport {
  const placeOfEndpoint = ({ endpoint }: Destination): Place => placeOf(places, endpoint.address, endpoint.port);
  const known = new Map<string, Connections>();
  const sweep = (): void => {
    const before = now() - limits.idlePoolMs;
    for (const [key, connections] of known) {
      if (connections.inFlight > 0 || connections.lastUsedMs > before) continue;
      known.delete(key);
      void connections.pool.close();
    }
  };
  const timer = setInterval(sweep, limits.idlePoolMs / 2);
  timer.unref();
  let closed = false;

  return {
    send(destination, request, events, fresh) {
      if (closed) return undefined;
      const key = keyOf(destination);
      let connections = known.get(key);
      if (connections === undefined) {
        connections = { pool: openPool(destination, placeOfEndpoint(destination), limits), inFlight: 0, lastUsedMs: 0 };
        known.set(key, connections);
      } else if (connections.inFlight >= limits.connectionsPerEndpoint) return undefined;
      else if (fresh === true) {
        // What is on the old connections is finished there; none of them is used again.
        void connections.pool.close();
        connections.pool = openPool(destination, placeOfEndpoint(destination), limits);
      }
      if (request.upgrade === undefined) {
        return new UndiciCall(connections, destination, events, now).send(request);
      }
      const upgraded = connections;
      upgraded.inFlight += 1;
      return new UpgradeCall(destination, placeOfEndpoint(destination), request, events, limits, () => {
        upgraded.inFlight -= 1;
        upgraded.lastUsedMs = now();
      });
    },
    inFlight: (destination) => known.get(keyOf(destination))?.inFlight ?? 0,
    get size() {
      return known.size;
    },
    async close() {
      closed = true;
      clearInterval(timer);
      const pools = [...known.values()];
      known.clear();
      await Promise.all(pools.map(({ pool }) => pool.destroy()));
    },
  };
}

function keyOf({ protocol, endpoint, tls }: Destination): string {
  if (protocol === 'http') return endpoint.key;
  return tls === undefined ? `${protocol} ${endpoint.key}` : `${protocol} ${endpoint.key} ${tls.key}`;
}

function openPool({ protocol, endpoint, tls }: Destination, place: Place, limits: TransportLimits): Dispatcher {
  const authority = `${isIPv6(place.address) ? `[${place.address}]` : place.address}:${place.port}`;
  const options = {
    // The gateway has its own time limits, per rule.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    maxHeaderSize: limits.maxHeaderBytes,
    connectTimeout: limits.connectTimeoutMs,
  };
  if (protocol === 'h2c') return new H2CClient(`http://${authority}`, { ...options, pipelining: 100 });
  return new Pool(`${protocol}://${authority}`, {
    ...options,
    connections: limits.connectionsPerEndpoint,
    pipelining: 1,
    allowH2: false,
    ...(tls === undefined ? {} : { connect: securedConnector(tls, endpoint.address, limits.connectTimeoutMs) }),
  });
}

/** Sessions are kept and resumed (RFC 8446 2.2), so that a new connection costs one round trip less. */
function securedConnector(tls: TlsDial, address: string, timeout: number): connectors.connector {
  const connect = buildConnector({ ...tls.options, timeout, allowH2: false });
  const servername = serverNameFor(tls, address);
  return (place, done) => {
    connect({ ...place, servername }, done);
  };
}

type ResponseHeaders = Record<string, string | string[] | undefined>;

class UndiciCall implements Dispatcher.DispatchHandler, TransportCall {
  readonly #connections: Connections;
  readonly #destination: Destination;
  readonly #events: TransportEvents;
  readonly #now: () => number;
  #controller: Dispatcher.DispatchController | undefined;
  #over = false;

  constructor(connections: Connections, destination: Destination, events: TransportEvents, now: () => number) {
    this.#connections = connections;
    this.#destination = destination;
    this.#events = events;
    this.#now = now;
    connections.inFlight += 1;
  }

  send(request: UpstreamRequest): this {
    const { tls } = this.#destination;
    request.headers.push('host', request.host);
    const options = {
      path: request.target,
      method: request.method,
      headers: request.headers,
      body: request.body ?? null,
      // Known to undici, missing in its types: without it connections would be made anew whenever clients' Host headers differ.
      ...(tls !== undefined && { servername: tls.key }),
    };
    try {
      this.#connections.pool.dispatch(options, this);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)), true);
    }
    return this;
  }

  resume(): void {
    this.#controller?.resume();
  }

  cancel(): void {
    if (this.#over) return;
    this.#end();
    this.#controller?.abort(new Error('cancelled by the gateway'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Cancelled while the connection was being made.
    if (this.#over) controller.abort(new Error('cancelled by the gateway'));
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: ResponseHeaders): void {
    if (this.#over || status < 200) return;
    this.#events.onHead(status, endToEnd(headers));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return;
    if (!this.#events.onChunk(chunk)) controller.pause();
  }

  onResponseEnd(_: Dispatcher.DispatchController, trailers: ResponseHeaders): void {
    if (this.#over) return;
    this.#end();
    this.#events.onEnd(endToEnd(trailers));
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error, this.#controller !== undefined);
  }

  #fail(error: Error, sent: boolean): void {
    if (this.#over) return;
    this.#end();
    const { tls, endpoint } = this.#destination;
    // Which host, what is wrong, and who wants it so.
    const problem = tls?.explain(error, endpoint.key);
    this.#events.onFailure(
      problem === undefined ? { message: error.message, sent } : { message: problem, sent, misconfigured: true },
    );
  }

  #end(): void {
    this.#over = true;
    this.#connections.inFlight -= 1;
    this.#connections.lastUsedMs = this.#now();
  }
}

/** Without what is about the connection, or named so by it. */
function endToEnd(given: ResponseHeaders): string[] {
  const headers: string[] = [];
  const named = connectionOptions(given['connection']);
  for (const name in given) {
    if (connectionHeaders.has(name) || named?.includes(name) === true) continue;
    const value = given[name];
    if (typeof value === 'string') headers.push(name, value);
    else if (value !== undefined) for (const one of value) headers.push(name, one);
  }
  return headers;
}

function connectionOptions(value: string | string[] | undefined): readonly string[] | undefined {
  if (value === undefined || value === 'keep-alive' || value === 'close') return undefined;
  const text = typeof value === 'string' ? value : value.join(',');
  return text.split(',').map((name) => name.trim().toLowerCase());
}
