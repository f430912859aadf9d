import { describe, expect, it } from 'vitest';
import type { KvEventSource, KvMessage } from '../../../src/picker/kvevents/events.ts';
import type { DirectorObserver } from '../../../src/picker/observer.ts';
import type { PickerEndpoint } from '../../../src/picker/request.ts';
import { configOf, endpoint } from '../fixture.ts';
import { scored } from '../scored.ts';
import { pack } from '../../wire/pack.ts';

const pool = [endpoint(1), endpoint(2)];
const tokens = [1, 2, 3, 4, 5, 6, 7, 8, 9];

/** A pool that hears of caches in blocks of two tokens. */
function heard(parameters: object = {}, observer: DirectorObserver = {}) {
  const refused: string[] = [];
  const connected: (readonly string[])[] = [];
  let closed = false;
  let tell: (message: KvMessage) => void = () => undefined;
  const source: KvEventSource = {
    subscribe: (topic, onMessage) => {
      expect(topic).toBe('kv@');
      tell = onMessage;
      return {
        connect: (urls) => void connected.push(urls),
        bind: () => undefined,
        close: () => {
          closed = true;
        },
      };
    },
  };
  const config = configOf({
    type: 'precise-prefix-cache-scorer',
    parameters: { tokenProcessorConfig: { blockSize: 2 }, ...parameters },
  });
  const fixture = scored(config, pool, source, {
    kvEventsRefused: (topic) => void refused.push(topic),
    ...observer,
  });
  const events = (pod: string, ...list: readonly unknown[]): void => {
    tell({ topic: `kv@${pod}@m`, from: undefined, sequence: undefined, payload: pack([0, list]) });
  };
  return {
    ...fixture,
    events,
    tell: (message: KvMessage) => tell(message),
    refused,
    connected,
    isClosed: () => closed,
  };
}

const stored = (hashes: number[], parent: number | null, from: number, medium = 'GPU', lora: string | null = null) => [
  'BlockStored',
  hashes,
  parent,
  tokens.slice(from, from + hashes.length * 2),
  2,
  null,
  medium,
  lora,
];

describe('precise-prefix-cache-scorer (epp.md 5.6)', () => {
  it('scores the run of blocks from the start that an endpoint holds, by tier; the incomplete last block does not count', () => {
    const { events, scores } = heard();
    expect(scores({ tokens })).toEqual([0, 0]);
    events('192.168.1.1:8000', stored([11, 12], null, 0), stored([13], 12, 4, 'CPU'));
    // By the name of its pod; the second block is missing, so that the third does not help.
    events('pod-2', stored([21], null, 0), stored([22], 21, 2), stored([23], 22, 4), ['BlockRemoved', [22]]);
    expect(scores({ tokens })).toEqual([expect.closeTo(2.8 / 4, 12), 1 / 4]);
    expect(scores({ tokens: [9, ...tokens] })).toEqual([0, 0]);
    expect(scores()).toEqual([0, 0]);
  });

  it('keeps models and adapters apart, and forgets what is removed, cleared and gone', () => {
    const { director, events, scores } = heard();
    events('pod-1', stored([1], null, 0), stored([2], null, 0, 'GPU', 'adapter'));
    events('pod-2', stored([1], null, 0));
    expect(scores({ tokens, incomingModel: 'adapter' })).toEqual([1 / 4, 0]);
    expect(scores({ tokens, incomingModel: 'other' })).toEqual([0, 0]);
    events('pod-1', ['BlockRemoved', [1]]);
    expect(scores({ tokens })).toEqual([0, 1 / 4]);
    events('pod-1', ['AllBlocksCleared']);
    expect(scores({ tokens, incomingModel: 'adapter' })).toEqual([0, 0]);
    director.update([endpoint(1)]);
    director.update(pool);
    expect(scores({ tokens })).toEqual([0, 0]);
    expect(director.stats().prefixIndexSize).toBe(0);
  });

  it('passes over what it cannot place: unknown pods and parents, blocks of another size, and no batch at all', () => {
    const { events, scores, tell, refused } = heard();
    events('nobody', stored([1], null, 0));
    events('pod-1', stored([2], 99, 0), ['BlockStored', [3], null, tokens.slice(0, 4), 4]);
    tell({ topic: 'kv@pod-1@m', from: undefined, sequence: undefined, payload: Buffer.from([0xc1]) });
    expect(scores({ tokens })).toEqual([0, 0]);
    expect(refused).toEqual(['kv@pod-1@m']);
  });

  it('supposes for speculativeTTL that a prompt is where it was sent', () => {
    const { scores, send, clock } = heard({ speculativeIndexing: true, speculativeTTL: '3s' });
    send({ tokens, subset: ['192.168.1.2'] });
    expect(scores({ tokens })).toEqual([0, 1]);
    clock.advance(3_001);
    expect(scores({ tokens })).toEqual([0, 0]);
  });

  it('forgets the cache of a publisher that begins anew, and keeps what it knows after a gap', () => {
    const missed: number[] = [];
    const { tell, scores } = heard({}, { kvEventsMissed: (_, batches) => void missed.push(batches) });
    const send = (sequence: number, ...list: readonly unknown[]): void => {
      tell({ topic: 'kv@pod-1@m', from: undefined, sequence, payload: pack([0, list]) });
    };
    send(5, stored([1], null, 0));
    send(9, stored([2], 1, 2));
    expect(missed).toEqual([3]);
    expect(scores({ tokens })).toEqual([2 / 4, 0]);
    send(0, stored([1], null, 0));
    expect(scores({ tokens })).toEqual([1 / 4, 0]);
  });

  it('tells the ranks of a pod apart by where they publish, and by the number that they give', () => {
    const rank = (at: number): PickerEndpoint => ({
      ...endpoint(1),
      key: `192.168.1.1:${String(8000 + at)}`,
      port: 8000 + at,
    });
    const { director, tell, scores, connected } = heard();
    // Whatever the order of the pool.
    director.update([rank(1), rank(0)]);
    expect(connected.at(-1)).toEqual(['tcp://192.168.1.1:5557', 'tcp://192.168.1.1:5558']);
    const send = (from: string | undefined, number: number): void => {
      tell({
        topic: 'kv@192.168.1.1@m',
        from,
        sequence: undefined,
        payload: pack([0, [stored([1], null, 0)], number]),
      });
    };
    send('tcp://192.168.1.1:5558', 1);
    expect(scores({ tokens })).toEqual([1 / 4, 0]);
    send(undefined, 1);
    expect(scores({ tokens })).toEqual([1 / 4, 1 / 4]);
  });

  it('connects to every pod, and lets go when it stops', () => {
    const { director, connected, isClosed } = heard({ kvEventsConfig: { podDiscoveryConfig: { socketPort: 7000 } } });
    expect(connected.at(-1)).toEqual(['tcp://192.168.1.1:7000', 'tcp://192.168.1.2:7000']);
    director.update([endpoint(2)]);
    expect(connected.at(-1)).toEqual(['tcp://192.168.1.2:7000']);
    director.stop();
    expect(isClosed()).toBe(true);
  });
});
