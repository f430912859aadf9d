import { connect, createServer } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { readBatch, type KvMessage, type KvSubscription } from '../../src/picker/kvevents/events.ts';
import { decodeMsgpack } from '../../src/wire/msgpackread.ts';
import { FrameReader, greeting, messageOf, readyCommand } from '../../src/wire/zmtp.ts';
import { createZmqSource } from '../../src/picker/kvevents/zmqsource.ts';
import { encodeMsgpack } from '../../src/wire/msgpackwrite.ts';
import { createPrefixCache, type BlockEvents } from '../../src/simulator/prefixcache.ts';
import { startSimulator } from '../../src/simulator/vllm.ts';
import { createLog } from '../../src/telemetry/log.ts';

const log = createLog({ level: 'silent' });
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function simulator(...flags: string[]) {
  const fast = ['--model', 'base', '--port', '0', '--enable-kvcache', '--block-size', '4', '--event-batch-size', '1'];
  const program = await startSimulator([...fast, ...flags], { env: {}, log });
  closers.push(() => program.close());
  const post = async (path: string, body: object, at = 0): Promise<unknown> =>
    (await fetch((program.ranks[at]?.url ?? '') + path, { method: 'POST', body: JSON.stringify(body) })).json();
  return { ...program, post };
}

function subscriber(onMessage: (message: KvMessage) => void): KvSubscription {
  const subscription = createZmqSource(log).subscribe('kv@', onMessage);
  closers.push(() => {
    subscription.close();
  });
  return subscription;
}

const words = (count: number): string => Array.from({ length: count }, (_, at) => `w${String(at)}`).join(' ');
const complete = (model: string, count: number) => ({ model, prompt: words(count), max_tokens: 1 });
const tokensOf = (rendered: unknown): readonly number[] => (rendered as { token_ids: number[] }[])[0]?.token_ids ?? [];

describe('KV events of the simulator (epp.md 5.6, 9.2)', () => {
  it('are published where it binds, with the tokens that its render endpoint gives', async () => {
    const { ranks, url, post } = await simulator('--zmq-endpoint', 'tcp://*:0', '--max-loras', '1');
    const messages: KvMessage[] = [];
    subscriber((message) => void messages.push(message)).connect([`tcp://127.0.0.1:${String(ranks[0]?.kvEventsPort)}`]);
    const rendered = tokensOf(await post('/v1/completions/render', complete('base', 9)));
    expect(rendered).toHaveLength(9);
    // Events that nobody has subscribed to are lost: other prompts are sent until one is heard.
    await vi.waitUntil(
      async () => {
        await post('/v1/completions', { ...complete('base', 12), prompt: `x${String(Math.random())} ${words(12)}` });
        return messages.length > 0;
      },
      { timeout: 30_000, interval: 50 },
    );
    await post('/v1/load_lora_adapter', { lora_name: 'pirate', lora_path: '/p' }).catch(() => undefined);
    await post('/v1/completions', complete('base', 9));
    await post('/v1/completions', complete('base', 13));
    await post('/v1/completions', complete('pirate', 5));
    const isLast = ({ payload }: KvMessage): boolean => {
      const [event] = readBatch(payload).events;
      return event?.type === 'stored' && event.lora === 'pirate';
    };
    await vi.waitUntil(() => messages.some(isLast), { timeout: 30_000 });
    expect(messages[0]?.topic).toBe(`kv@127.0.0.1:${new URL(url).port}@base`);
    const [first, second, third] = messages.slice(-3).map(({ payload }) => readBatch(payload).events[0]);
    expect(first).toMatchObject({
      type: 'stored',
      parent: undefined,
      tokens: rendered.slice(0, 8),
      blockSize: 4,
      medium: 'gpu',
      lora: undefined,
    });
    const hashes = first?.type === 'stored' ? first.hashes : [];
    expect(hashes).toHaveLength(2);
    // What is cached is not stored again.
    expect(second).toMatchObject({ type: 'stored', parent: hashes[1] });
    expect(second?.type === 'stored' && second.tokens).toHaveLength(4);
    expect(third).toMatchObject({ type: 'stored', parent: undefined, lora: 'pirate' });
    const numbers = messages.slice(-3).map(({ sequence }) => sequence ?? NaN);
    expect(numbers).toEqual([0, 1, 2].map((step) => (numbers[0] ?? NaN) + step));
  });

  it('reach a subscriber that it dials, as maps too, from every rank', async () => {
    const heard: KvMessage[] = [];
    const port = await freePort();
    const endpoint = `tcp://127.0.0.1:${String(port)}`;
    subscriber((message) => void heard.push(message)).bind(endpoint);
    const { post } = await simulator(
      '--zmq-endpoint',
      endpoint,
      '--use-vllm-map-event-format',
      '--data-parallel-size',
      '2',
    );
    await vi.waitUntil(
      async () => {
        const prompt = `x${String(Math.random())} ${words(8)}`;
        for (const rank of [0, 1]) await post('/v1/completions', { model: 'base', prompt, max_tokens: 1 }, rank);
        return new Set(heard.map(({ payload }) => readBatch(payload).rank)).size === 2;
      },
      { timeout: 30_000, interval: 50 },
    );
    expect(heard[0]?.from).toBeUndefined();
    const [batch] = heard.map(({ payload }) => decodeMsgpack(payload) as [number, Map<string, unknown>[], number]);
    expect(batch?.[1][0]?.get('type')).toBe('BlockStored');
    const read = readBatch(heard[0]?.payload ?? Buffer.alloc(0)).events[0];
    expect(read).toMatchObject({ type: 'stored', blockSize: 4 });
  });

  it('can be replayed from a number on', async () => {
    const config = {
      enable_kv_cache_events: true,
      endpoint: 'tcp://*:0',
      replay_endpoint: 'tcp://*:0',
      buffer_steps: 2,
      topic: 'kv@pod@base',
    };
    const { ranks, post } = await simulator('--kv-events-config', JSON.stringify(config));
    for (const count of [4, 8, 12]) await post('/v1/completions', complete('base', count));
    const socket = connect({ host: '127.0.0.1', port: ranks[0]?.replayPort ?? 0 });
    closers.push(() => void socket.destroy());
    const answers: (readonly Buffer[])[] = [];
    const reader = new FrameReader((frames) => void answers.push(frames));
    socket.on('data', (chunk) => {
      reader.push(chunk);
    });
    // A DEALER socket; its READY looks the same to a ROUTER.
    socket.write(Buffer.concat([greeting, readyCommand('SUB'), messageOf([Buffer.alloc(0), Buffer.alloc(8)])]));
    await vi.waitUntil(() => answers.length === 3, { timeout: 30_000 });
    // The first of three is no longer kept.
    expect(answers.map((frames) => frames[1]?.readBigInt64BE())).toEqual([1n, 2n, -1n]);
    expect(readBatch(answers[0]?.[2] ?? Buffer.alloc(0)).events[0]).toMatchObject({ type: 'stored' });
  });

  it('tell what is stored, after what, and what had to go', () => {
    const told: unknown[] = [];
    const events: BlockEvents = {
      stored: (hashes, parent, tokens) => void told.push({ stored: hashes.length, parent, tokens: tokens.join('') }),
      removed: (hashes) => void told.push({ removed: hashes.length }),
    };
    const cache = createPrefixCache(3, 1, { events });
    cache.acquire('m', ['a', 'b']).release();
    const first = cache.acquire('m', ['a', 'b', 'c']);
    expect(told).toEqual([
      { stored: 2, parent: undefined, tokens: 'ab' },
      { stored: 1, parent: expect.any(Number) as number, tokens: 'c' },
    ]);
    first.release();
    told.length = 0;
    cache.acquire('m', ['x']).release();
    expect(told).toEqual([{ removed: 1 }, { stored: 1, parent: undefined, tokens: 'x' }]);
  });

  it('name blocks by their hashes with the seed mixed in', () => {
    const hashesOf = (seed: string): readonly number[] => {
      let all: readonly number[] = [];
      const events: BlockEvents = { stored: (hashes) => (all = hashes), removed: () => undefined };
      createPrefixCache(8, 1, { seed, events }).acquire('m', ['a', 'b']);
      return all;
    };
    expect(hashesOf('1')).toEqual(hashesOf('1'));
    expect(hashesOf('1')).not.toEqual(hashesOf('2'));
  });
});

it('encodes what the picker decodes', () => {
  const value = [1.5, 0, -7, 300, 2 ** 40, 'text', null, true, [[]], Buffer.from([1])];
  expect(decodeMsgpack(encodeMsgpack(value))).toEqual(value);
  expect(decodeMsgpack(encodeMsgpack({ a: 1 }))).toEqual(new Map([['a', 1]]));
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
