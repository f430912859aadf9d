/** Connections to endpoints: one bounded undici pool each, made on first use and closed when it has been idle. */
import type { Dispatcher } from 'undici';
import type { Endpoint } from '../routes/table.ts';
import { H2CClient, Pool } from '../wire/undici.ts';

export type UpstreamProtocol = 'http' | 'https' | 'h2c';

export interface UpstreamLimits {
  /** Connections, and so requests at a time, per endpoint; one more counts as unreachable. */
  readonly connectionsPerEndpoint: number;
  readonly connectTimeoutMs: number;
  /** Below the 5 s after which common model servers close idle connections, so that a request does not meet a closing one. */
  readonly keepAliveTimeoutMs: number;
  /** A pool without requests for so long is closed. */
  readonly idlePoolMs: number;
  /** Bytes of an upstream's response head. */
  readonly maxHeaderBytes: number;
}

export const defaultUpstreamLimits: UpstreamLimits = {
  connectionsPerEndpoint: 1024,
  connectTimeoutMs: 5_000,
  keepAliveTimeoutMs: 4_000,
  idlePoolMs: 60_000,
  maxHeaderBytes: 64 * 1024,
};

export interface Upstream {
  readonly pool: Dispatcher;
  inFlight: number;
  lastUsedMs: number;
}

export interface Upstreams {
  /** Undefined: the endpoint has as many requests as it may have. */
  acquire(protocol: UpstreamProtocol, endpoint: Endpoint): Upstream | undefined;
  release(upstream: Upstream): void;
  inFlight(protocol: UpstreamProtocol, endpoint: Endpoint): number;
  readonly size: number;
  close(): Promise<void>;
}

export function createUpstreams(limits: UpstreamLimits, now: () => number): Upstreams {
  const upstreams = new Map<string, Upstream>();
  const key = (protocol: UpstreamProtocol, endpoint: Endpoint): string =>
    protocol === 'http' ? endpoint.key : `${protocol} ${endpoint.key}`;

  const sweep = (): void => {
    const before = now() - limits.idlePoolMs;
    for (const [name, upstream] of upstreams) {
      if (upstream.inFlight > 0 || upstream.lastUsedMs > before) continue;
      upstreams.delete(name);
      void upstream.pool.close();
    }
  };
  const timer = setInterval(sweep, limits.idlePoolMs / 2);
  timer.unref();

  return {
    acquire(protocol, endpoint) {
      const name = key(protocol, endpoint);
      let upstream = upstreams.get(name);
      if (upstream === undefined) {
        upstream = { pool: openPool(protocol, endpoint, limits), inFlight: 0, lastUsedMs: 0 };
        upstreams.set(name, upstream);
      }
      if (upstream.inFlight >= limits.connectionsPerEndpoint) return undefined;
      upstream.inFlight += 1;
      return upstream;
    },
    release(upstream) {
      upstream.inFlight -= 1;
      upstream.lastUsedMs = now();
    },
    inFlight(protocol, endpoint) {
      return upstreams.get(key(protocol, endpoint))?.inFlight ?? 0;
    },
    get size() {
      return upstreams.size;
    },
    async close() {
      clearInterval(timer);
      const pools = [...upstreams.values()];
      upstreams.clear();
      await Promise.all(pools.map(({ pool }) => pool.destroy()));
    },
  };
}

function openPool(protocol: UpstreamProtocol, endpoint: Endpoint, limits: UpstreamLimits): Dispatcher {
  const options = {
    // The pipeline has its own time limits, per rule.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    maxHeaderSize: limits.maxHeaderBytes,
    connectTimeout: limits.connectTimeoutMs,
  };
  if (protocol === 'h2c') return new H2CClient(`http://${endpoint.key}`, { ...options, pipelining: 100 });
  return new Pool(`${protocol}://${endpoint.key}`, {
    ...options,
    connections: limits.connectionsPerEndpoint,
    pipelining: 1,
    allowH2: false,
  });
}
