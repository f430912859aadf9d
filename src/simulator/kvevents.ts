import type { Log } from '../telemetry/log.ts';
import { encodeMsgpack } from '../wire/msgpackwrite.ts';
import type { BlockEvents } from './prefixcache.ts';
import { tokenId } from './text.ts';
import { startReplay, startZmqPublisher, type ZmqAddress } from './zmqpublisher.ts';

/** What becomes of the prefix cache's blocks, published as vLLM publishes it (epp.md 5.6, 9.1). */

export interface KvEventSettings {
  endpoint: ZmqAddress;
  replay: ZmqAddress | undefined;
  /** How many messages can be replayed. */
  replayQueueSize: number;
  /** Events in a message; what is there is sent each second too. */
  batchSize: number;
  /** Maps with names in place of arrays. */
  asMaps: boolean;
  /** undefined: `kv@<address>:<port>@<model>` */
  topic: string | undefined;
}

export interface KvEventOptions {
  settings: KvEventSettings;
  /** Added to the ports that are bound, as by vLLM. */
  rank: number;
  host: string;
  /** The base model: events of other names are of adapters. */
  model: string;
  blockSize: number;
  log: Log;
}

export interface KvEventPublisher {
  events: BlockEvents;
  /** Where it is bound; undefined: it dials. */
  port: number | undefined;
  replayPort: number | undefined;
  /** Publishing begins: under which topic depends on the port of the model server. */
  open(serverPort: number): void;
  close(): Promise<void>;
}

const flushMs = 1_000;
const medium = 'GPU';

export async function startKvEvents(options: KvEventOptions): Promise<KvEventPublisher> {
  const { settings, rank, host, model, blockSize, log } = options;
  const { batchSize, asMaps } = settings;
  const publisher = await startZmqPublisher(ofRank(settings.endpoint, rank), host, log);
  const sent: { sequence: Buffer; payload: Uint8Array }[] = [];
  const replay =
    settings.replay === undefined
      ? undefined
      : await startReplay(ofRank(settings.replay, rank), host, (from) =>
          sent.filter(({ sequence }) => sequence.readBigUInt64BE() >= BigInt(from)),
        );
  let topic = settings.topic ?? '';
  let next = 0n;
  let batch: unknown[] = [];
  let timer: NodeJS.Timeout | undefined;

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (batch.length === 0) return;
    const payload = encodeMsgpack([Date.now() / 1000, batch, rank]);
    batch = [];
    const sequence = Buffer.alloc(8);
    sequence.writeBigUInt64BE(next);
    next += 1n;
    if (replay !== undefined) {
      sent.push({ sequence, payload });
      if (sent.length > settings.replayQueueSize) sent.shift();
    }
    publisher.publish(topic, [sequence, payload]);
  };
  const add = (event: Readonly<Record<string, unknown>>): void => {
    batch.push(asMaps ? event : Object.values(event));
    if (batch.length >= batchSize) flush();
    else timer ??= setTimeout(flush, flushMs);
  };
  return {
    port: publisher.port,
    replayPort: replay?.port,
    events: {
      stored(hashes, parent, tokens, salt) {
        // The order is that of the positions in the array form.
        add({
          type: 'BlockStored',
          block_hashes: hashes,
          parent_block_hash: parent ?? null,
          token_ids: tokens.map(tokenId),
          block_size: blockSize,
          lora_id: null,
          medium,
          lora_name: salt === model ? null : salt,
        });
      },
      removed(hashes) {
        add({ type: 'BlockRemoved', block_hashes: hashes, medium });
      },
    },
    open(serverPort) {
      topic ||= `kv@${host.includes(':') ? `[${host}]` : host}:${String(serverPort)}@${model}`;
    },
    close: async () => {
      flush();
      await publisher.close();
      await replay?.close();
    },
  };
}

/** Ranks that bind take ports that follow one another; those that dial go to the same subscriber. */
function ofRank(address: ZmqAddress, rank: number): ZmqAddress {
  return address.host === '*' && address.port !== 0 ? { ...address, port: address.port + rank } : address;
}
