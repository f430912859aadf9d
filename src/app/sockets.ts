import type { GatewaySockets } from '../routing/compile.ts';
import type { ProgrammedGateway, ProgrammedListener } from '../routing/gatewaystatus.ts';
import type { Log } from '../telemetry/log.ts';

/** Gives every Gateway an address of its own and opens its listeners' sockets there (gatewayapi.md 10.6 step 3). */
export interface Sockets {
  /** Makes the open sockets those of exactly these Gateways, and says what each listener got. */
  program(gateways: readonly GatewaySockets[]): Promise<Map<string, ProgrammedGateway>>;
  /** Where a Gateway's declared port is really open. */
  portOf(gatewayKey: string, port: number): number | undefined;
}

export interface SocketOptions {
  /** A free address, the preferred one where that is possible. */
  allocate(preferred?: string): string;
  release(address: string): void;
  bind(gatewayKey: string, sockets: BindRequest): Promise<readonly BindResult[]>;
  unbind(gatewayKey: string): Promise<void>;
  /** All Gateways listen on this address, each port on one of its own, instead of on addresses of their own. */
  shared?: SharedAddress | undefined;
  log: Log;
}

export interface SharedAddress {
  /** What is listened on: an address of this machine, or all of them. */
  readonly address: string;
  /** Where clients reach it. */
  readonly reachedAt: readonly string[];
}

export interface BindRequest {
  address: string;
  listeners: { port: number; bindPort: number }[];
}

export interface BindResult {
  /** As declared. */
  port: number;
  boundPort: number;
  /** Why it could not be bound: the system's error code, such as EACCES. */
  error?: string;
}

/** Where a port goes that the system keeps for root: 80 becomes 8080. */
const unprivilegedOffset = 8000;
/** How many addresses are tried when another process holds a port on them. */
const addressAttempts = 16;

interface Bound {
  ports: string;
  address: string;
  results: readonly BindResult[];
}

export function createSockets(options: SocketOptions): Sockets {
  const bound = new Map<string, Bound>();

  const release = async (key: string): Promise<void> => {
    const gone = bound.get(key);
    if (gone === undefined) return;
    bound.delete(key);
    await options.unbind(key);
    if (options.shared === undefined) options.release(gone.address);
  };

  const ensure = async (demand: GatewaySockets): Promise<Bound> => {
    const ports = [...new Set(demand.listeners.map(({ port }) => port))].toSorted((a, b) => a - b);
    const known = bound.get(demand.key);
    if (known?.ports === ports.join()) return known;
    const tried: string[] = [];
    const { shared } = options;
    let address = shared?.address ?? known?.address ?? options.allocate(demand.preferredAddress);
    let results = await bindPorts(options, demand.key, address, ports);
    // A new Gateway can move to an address where nobody else is; one that clients already know stays.
    while (shared === undefined && known === undefined && inUse(results) && tried.length < addressAttempts) {
      tried.push(address);
      await options.unbind(demand.key);
      address = options.allocate();
      results = await bindPorts(options, demand.key, address, ports);
    }
    for (const unused of tried) options.release(unused);
    const now = { ports: ports.join(), address, results };
    bound.set(demand.key, now);
    options.log.info({ gateway: demand.key, address, results }, 'gateway sockets bound');
    return now;
  };

  return {
    portOf: (key, port) => {
      const result = bound.get(key)?.results.find((candidate) => candidate.port === port);
      return result?.error === undefined ? result?.boundPort : undefined;
    },
    program: async (gateways) => {
      const wanted = new Set(gateways.map(({ key }) => key));
      for (const key of bound.keys()) if (!wanted.has(key)) await release(key);
      const programmed = new Map<string, ProgrammedGateway>();
      for (const demand of gateways) {
        programmed.set(demand.key, describe(demand, await ensure(demand), options.shared?.reachedAt));
      }
      return programmed;
    },
  };
}

/** How often ports of a shared address are tried; each that is taken is one of another Gateway or process. */
const portAttempts = 100;

/** Binds the declared ports, and those that the system refuses 8000 higher; on a shared address those that are taken at the next free port. */
async function bindPorts(
  options: SocketOptions,
  key: string,
  address: string,
  ports: readonly number[],
): Promise<readonly BindResult[]> {
  const places = new Map(ports.map((port) => [port, port]));
  const taken = new Set(ports);
  for (let attempt = 1; ; attempt += 1) {
    const listeners = [...places].map(([port, bindPort]) => ({ port, bindPort }));
    const results = await options.bind(key, { address, listeners });
    const moving = results.filter(
      ({ error }) => error === 'EACCES' || (error === 'EADDRINUSE' && options.shared !== undefined),
    );
    if (moving.length === 0 || attempt === portAttempts) return results;
    for (const { port, error } of moving) {
      const from = places.get(port) ?? port;
      places.set(port, nextPort(from, error === 'EACCES' ? unprivilegedOffset : 1, taken));
    }
  }
}

/** Higher by a step, and again where another listener of the Gateway is: 80 and 8080 become 16080 and 8080. */
function nextPort(port: number, step: number, taken: Set<number>): number {
  let moved = port + step;
  while (taken.has(moved)) moved += step;
  if (moved > highestPort) moved = 0;
  taken.add(moved);
  return moved;
}

/** Beyond it the system chooses. */
const highestPort = 65_535;

function inUse(results: readonly BindResult[]): boolean {
  return results.some(({ error }) => error === 'EADDRINUSE');
}

function describe(
  demand: GatewaySockets,
  { address, results }: Bound,
  addresses: readonly string[] = [address],
): ProgrammedGateway {
  const listeners = new Map<string, ProgrammedListener>();
  for (const { name, port } of demand.listeners) {
    const result = results.find((candidate) => candidate.port === port);
    listeners.set(
      name,
      result === undefined || result.error !== undefined
        ? { ok: false, message: `cannot listen on ${address}:${port}: ${result?.error ?? 'not bound'}` }
        : { ok: true, boundPort: result.boundPort },
    );
  }
  return { addresses, listeners };
}
