import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';

/**
 * The loopback network of one `headgate up`: a block `127.A.0.0/16` in which the node, its Pods, the Services and the
 * Gateways have addresses of their own, so that every program can listen on the port its manifest names.
 */
export interface LoopbackNetwork {
  /** `127.A.0.0/16` */
  readonly cidr: string;
  /** The node's own address, `127.A.0.1`. */
  readonly node: string;
  readonly pods: AddressPool;
  readonly services: AddressPool;
  readonly gateways: AddressPool;
  /** Gives the block back. */
  close(): Promise<void>;
}

export interface AddressPool {
  /**
   * The address wished for, or else a free one: the one after the last handed out, so that an address rests as long as
   * possible before it gets a new owner.
   *
   * @throws Error when the address wished for is taken or not of this pool, or when none is left.
   */
  allocate(wished?: string): string;
  release(address: string): void;
  /** True for an address of this pool that nobody holds. */
  isFree(address: string): boolean;
}

export interface NetworkOptions {
  /** Remembers the block, so that a restart finds its Services and Gateways at their old addresses. */
  dataDir: string;
  /** The port bound on the node's address for as long as the block is held; kubelet's, which nothing else here uses. */
  lockPort?: number;
  /** The first and last A tried. */
  blocks?: readonly [first: number, last: number];
}

const defaultBlocks = [10, 250] as const;
const defaultLockPort = 10250;

/**
 * Claims a free block: the remembered one where it is free, else the first. Two processes cannot hold the same block.
 *
 * @throws Error when the system has no further loopback addresses, or no block is free.
 */
export async function claimNetwork(options: NetworkOptions): Promise<LoopbackNetwork> {
  const memory = join(options.dataDir, 'network.json');
  const lockPort = options.lockPort ?? defaultLockPort;
  const [first, last] = options.blocks ?? defaultBlocks;
  const remembered = await readBlock(memory);
  const others = Array.from({ length: last - first + 1 }, (_, i) => first + i).filter((block) => block !== remembered);
  for (const block of remembered === undefined ? others : [remembered, ...others]) {
    const lock = await lockBlock(block, lockPort);
    if (lock === undefined) continue;
    try {
      await requireAliases(block);
      await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
      await writeFile(memory, `${JSON.stringify({ block })}\n`, { mode: 0o600 });
    } catch (error) {
      await closed(lock);
      throw error;
    }
    return networkOf(block, lock);
  }
  throw new Error(
    `no free loopback network: 127.${String(first)}.0.1 to 127.${String(last)}.0.1 are all taken on port ${String(lockPort)}; stop another "headgate up"`,
  );
}

/** The pools of one block. */
export function poolsOf(block: number): Pick<LoopbackNetwork, 'pods' | 'services' | 'gateways'> {
  return {
    pods: addressPool(block, [0, 2], [99, 254]),
    services: addressPool(block, [100, 1], [199, 254]),
    gateways: addressPool(block, [200, 1], [254, 254]),
  };
}

/** Whether `address:port` can be listened on now; false also for a privileged port that the system refuses. */
export async function canBind(address: string, port: number): Promise<boolean> {
  const result = await bind(address, port);
  if (typeof result === 'string') return false;
  await closed(result);
  return true;
}

function networkOf(block: number, lock: Server): LoopbackNetwork {
  return {
    cidr: `127.${String(block)}.0.0/16`,
    node: nodeAddress(block),
    ...poolsOf(block),
    close: () => closed(lock),
  };
}

const nodeAddress = (block: number): string => `127.${String(block)}.0.1`;

async function lockBlock(block: number, port: number): Promise<Server | undefined> {
  const result = await bind(nodeAddress(block), port);
  if (typeof result !== 'string') return result;
  if (result === 'EADDRINUSE') return undefined;
  if (result === 'EADDRNOTAVAIL') throw new Error(missingAliases(block, nodeAddress(block)));
  throw new Error(`cannot listen on ${nodeAddress(block)}:${String(port)}: ${result}`);
}

/** Linux answers on all of 127.0.0.0/8; macOS only on addresses that were added to its loopback interface. */
async function requireAliases(block: number): Promise<void> {
  for (const address of ['0.2', '100.1', '200.1'].map((host) => `127.${String(block)}.${host}`)) {
    const result = await bind(address, 0);
    if (typeof result === 'string') throw new Error(missingAliases(block, address));
    await closed(result);
  }
}

function missingAliases(block: number, address: string): string {
  const a = String(block);
  return (
    `this system cannot listen on ${address}: its loopback interface lacks the addresses of Headgate's network. Add some with\n` +
    `  for n in 0 100 200; do for i in $(seq 1 30); do sudo ifconfig lo0 alias 127.${a}.$n.$i; done; done\n` +
    'and start again (the addresses last until the next reboot)'
  );
}

/** A server that listens there and hangs up on whoever connects, or the code of the system's refusal. */
function bind(address: string, port: number): Promise<Server | string> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
    server.listen({ host: address, port, exclusive: true }, () => {
      resolve(server);
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}

async function readBlock(file: string): Promise<number | undefined> {
  try {
    const content: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof content !== 'object' || content === null || !('block' in content)) return undefined;
    const { block } = content;
    return typeof block === 'number' && Number.isInteger(block) && block >= 1 && block <= 254 ? block : undefined;
  } catch {
    // Absent or damaged: nothing is remembered, any block will do.
    return undefined;
  }
}

type Host = readonly [third: number, fourth: number];

/** Addresses `127.block.x.y` from `first` to `last`, y from 1 to 254. */
function addressPool(block: number, first: Host, last: Host): AddressPool {
  const number = ([third, fourth]: Host): number => third * 254 + fourth - 1;
  const start = number(first);
  const size = number(last) - start + 1;
  const prefix = `127.${String(block)}.`;
  const taken = new Set<number>();
  let next = 0;

  const addressOf = (index: number): string => {
    const host = start + index;
    return `${prefix}${String(Math.floor(host / 254))}.${String((host % 254) + 1)}`;
  };
  const indexOf = (address: string): number | undefined => {
    if (!address.startsWith(prefix)) return undefined;
    const [third, fourth, ...rest] = address.slice(prefix.length).split('.').map(Number);
    if (third === undefined || fourth === undefined || rest.length > 0) return undefined;
    const index = number([third, fourth]) - start;
    return index >= 0 && index < size && addressOf(index) === address ? index : undefined;
  };
  const range = `${addressOf(0)} to ${addressOf(size - 1)}`;
  const take = (index: number): string => {
    taken.add(index);
    return addressOf(index);
  };

  return {
    allocate: (wished) => {
      if (wished !== undefined) {
        const index = indexOf(wished);
        if (index === undefined) throw new Error(`address ${wished} is not in the range ${range}`);
        if (taken.has(index)) throw new Error(`address ${wished} is already allocated`);
        return take(index);
      }
      for (let tried = 0; tried < size; tried++) {
        const index = (next + tried) % size;
        if (taken.has(index)) continue;
        next = (index + 1) % size;
        return take(index);
      }
      throw new Error(`all ${String(size)} addresses in the range ${range} are allocated`);
    },
    release: (address) => {
      const index = indexOf(address);
      if (index !== undefined) taken.delete(index);
    },
    isFree: (address) => {
      const index = indexOf(address);
      return index !== undefined && !taken.has(index);
    },
  };
}
