/** What model servers publish of their KV caches (epp.md 5.6): positional msgpack arrays with a tag in front; further items are ignored. */
import { decodeMsgpack } from '../../wire/msgpackread.ts';

/** A block as the engine names it. */
export type EngineHash = string;

export type KvEvent =
  | {
      readonly type: 'stored';
      readonly hashes: readonly EngineHash[];
      readonly parent: EngineHash | undefined;
      readonly tokens: readonly number[];
      readonly blockSize: number;
      readonly medium: string;
      readonly lora: string | undefined;
    }
  | { readonly type: 'removed'; readonly hashes: readonly EngineHash[]; readonly medium: string }
  | { readonly type: 'cleared' };

export interface KvMessage {
  /** `kv@<pod>@<model>` */
  readonly topic: string;
  /** The URL that was connected to; undefined for publishers that have dialled in. */
  readonly from: string | undefined;
  /** Grows by one with each message of a publisher, and begins anew when it restarts. */
  readonly sequence: number | undefined;
  readonly payload: Uint8Array;
}

/** The transport, injected: a ZMQ SUB socket in production. */
export interface KvEventSource {
  /** Calls back with every message under the topic. */
  subscribe(topic: string, onMessage: (message: KvMessage) => void): KvSubscription;
}

export interface KvSubscription {
  /** Stays connected to exactly these: `tcp://address:port`. */
  connect(urls: readonly string[]): void;
  /** Lets publishers connect to this address. */
  bind(url: string): void;
  close(): void;
}

export interface KvBatch {
  readonly events: readonly KvEvent[];
  /** Of the data-parallel rank that they are of; undefined: the publisher has but one. */
  readonly rank: number | undefined;
}

/** The events of a payload; those of unknown kinds are left out. Throws when it is no batch of events. */
export function readBatch(payload: Uint8Array): KvBatch {
  const batch: unknown = decodeMsgpack(payload);
  const items: readonly unknown[] = Array.isArray(batch) ? batch : [];
  const [, events, rank] = items;
  if (!Array.isArray(events)) throw new Error('not a batch of KV events: [timestamp, [events...]] expected');
  return {
    events: events.flatMap((event: unknown) => {
      const read = Array.isArray(event) ? readEvent(event) : event instanceof Map ? readNamed(event) : undefined;
      return read === undefined ? [] : [read];
    }),
    rank: typeof rank === 'number' ? rank : undefined,
  };
}

/** Fields of an event by position, where it comes as a map (llm-d-inference-sim --use-vllm-map-event-format). */
const positions: Readonly<Record<string, readonly string[]>> = {
  BlockStored: ['block_hashes', 'parent_block_hash', 'token_ids', 'block_size', 'lora_id', 'medium', 'lora_name'],
  BlockRemoved: ['block_hashes', 'medium'],
  AllBlocksCleared: [],
};

function readNamed(event: ReadonlyMap<unknown, unknown>): KvEvent | undefined {
  const tag = event.get('type');
  const names = typeof tag === 'string' && Object.hasOwn(positions, tag) ? positions[tag] : undefined;
  return names && readEvent([tag, ...names.map((name) => event.get(name))]);
}

function readEvent(event: readonly unknown[]): KvEvent | undefined {
  const [tag, first] = event;
  if (tag === 'AllBlocksCleared') return { type: 'cleared' };
  const hashes = hashesOf(first);
  if (hashes === undefined) return undefined;
  if (tag === 'BlockRemoved') return { type: 'removed', hashes, medium: textOf(event[2])?.toLowerCase() ?? 'gpu' };
  const [, , parent, tokens, blockSize, , medium, lora] = event;
  const isNumber = (item: unknown): item is number => typeof item === 'number';
  if (tag !== 'BlockStored' || !Array.isArray(tokens) || !tokens.every(isNumber)) return undefined;
  if (typeof blockSize !== 'number' || !Number.isInteger(blockSize) || blockSize < 1) return undefined;
  return {
    type: 'stored',
    hashes,
    parent: parent === null || parent === undefined ? undefined : hashOf(parent),
    tokens,
    blockSize,
    medium: textOf(medium)?.toLowerCase() ?? 'gpu',
    lora: textOf(lora),
  };
}

function hashesOf(value: unknown): readonly EngineHash[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.flatMap((item: unknown) => hashOf(item) ?? []);
}

/** Integers, signed or not, and byte strings. */
function hashOf(value: unknown): EngineHash | undefined {
  if (typeof value === 'bigint') return BigInt.asUintN(64, value).toString(16);
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt.asUintN(64, BigInt(value)).toString(16);
  if (value instanceof Uint8Array) return `b${Buffer.from(value).toString('hex')}`;
  return undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
