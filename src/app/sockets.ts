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
  log: Log;
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
    options.release(gone.address);
  };

  const ensure = async (demand: GatewaySockets): Promise<Bound> => {
    const ports = [...new Set(demand.listeners.map(({ port }) => port))].toSorted((a, b) => a - b);
    const known = bound.get(demand.key);
    if (known?.ports === ports.join()) return known;
    const tried: string[] = [];
    let address = known?.address ?? options.allocate(demand.preferredAddress);
    let results = await bindPorts(options, demand.key, address, ports);
    // A new Gateway can move to an address where nobody else is; one that clients already know stays.
    while (known === undefined && inUse(results) && tried.length < addressAttempts) {
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
      for (const demand of gateways) programmed.set(demand.key, describe(demand, await ensure(demand)));
      return programmed;
    },
  };
}

/** Binds the declared ports, and those that the system refuses 8000 higher. */
async function bindPorts(
  options: SocketOptions,
  key: string,
  address: string,
  ports: readonly number[],
): Promise<readonly BindResult[]> {
  const declared = ports.map((port) => ({ port, bindPort: port }));
  const results = await options.bind(key, { address, listeners: declared });
  const refused = results.filter(({ error }) => error === 'EACCES').map(({ port }) => port);
  if (refused.length === 0) return results;
  const taken = new Set(ports);
  const moved = new Map(refused.map((port) => [port, unprivilegedPort(port, taken)]));
  return options.bind(key, {
    address,
    listeners: ports.map((port) => ({ port, bindPort: moved.get(port) ?? port })),
  });
}

/** 8000 higher, and again where another listener of the Gateway is: 80 and 8080 become 16080 and 8080. */
function unprivilegedPort(port: number, taken: Set<number>): number {
  let moved = port + unprivilegedOffset;
  while (taken.has(moved)) moved += unprivilegedOffset;
  taken.add(moved);
  return moved;
}

function inUse(results: readonly BindResult[]): boolean {
  return results.some(({ error }) => error === 'EADDRINUSE');
}

function describe(demand: GatewaySockets, { address, results }: Bound): ProgrammedGateway {
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
  return { addresses: [address], listeners };
}
