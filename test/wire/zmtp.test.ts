import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { KvMessage, KvSubscription } from '../../src/picker/kvevents/events.ts';
import { createZmqSource } from '../../src/picker/kvevents/zmqsource.ts';
import { FrameReader } from '../../src/wire/zmtp.ts';
import { createLog } from '../../src/telemetry/log.ts';

const greeting = (mechanism = 'NULL'): Buffer => {
  const bytes = Buffer.alloc(64);
  bytes.set([0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 1]);
  bytes.write(mechanism, 12);
  return bytes;
};
const ready = Buffer.from('\u0004\u0019\u0005READY\u000bSocket-Type\0\0\0\u0003PUB', 'latin1');
/** A frame; `more`: others of the message follow. */
const frame = (body: Buffer, more: boolean, long = body.length > 255): Buffer => {
  const flags = (more ? 1 : 0) | (long ? 2 : 0);
  if (!long) return Buffer.concat([Buffer.from([flags, body.length]), body]);
  const head = Buffer.alloc(9);
  head[0] = flags;
  head.writeBigUInt64BE(BigInt(body.length), 1);
  return Buffer.concat([head, body]);
};
const message = (topic: string, payload: Buffer): Buffer =>
  Buffer.concat([frame(Buffer.from(topic), true), frame(Buffer.alloc(8), true), frame(payload, false)]);

/** A PUB socket as small as can be: greets, and keeps what it is told. */
async function publisher(mechanism = 'NULL') {
  const sockets: Socket[] = [];
  let heard = Buffer.alloc(0);
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('data', (chunk) => (heard = Buffer.concat([heard, chunk])));
    socket.on('error', () => undefined);
    socket.write(greeting(mechanism));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(server);
  return { url: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets, heard: () => heard };
}

const open: Server[] = [];
const subscriptions: KvSubscription[] = [];
afterEach(async () => {
  for (const subscription of subscriptions.splice(0)) subscription.close();
  await Promise.all(open.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

function subscribe(topic: string, onMessage: (message: KvMessage) => void): KvSubscription {
  const subscription = createZmqSource(createLog({ level: 'silent' })).subscribe(topic, onMessage);
  subscriptions.push(subscription);
  return subscription;
}

describe('a SUB socket', () => {
  it('greets as ZMTP 3 says, subscribes to its topic and hears messages, however the bytes are cut', async () => {
    const { url, sockets, heard } = await publisher();
    const messages: KvMessage[] = [];
    subscribe('kv@', (next) => void messages.push(next)).connect([url]);
    const subscribed = Buffer.concat([Buffer.from([0, 4, 1]), Buffer.from('kv@')]);
    await vi.waitUntil(() => heard().includes(subscribed));
    const [first, , , , , , , , , signature, version] = heard();
    expect([first, signature, version]).toEqual([0xff, 0x7f, 3]);
    expect(heard().subarray(12, 32).toString('latin1')).toBe('NULL'.padEnd(20, '\0'));
    expect(heard().subarray(64).toString('latin1')).toBe(
      `\u0004\u0019\u0005READY\u000bSocket-Type\0\0\0\u0003SUB${subscribed.toString('latin1')}`,
    );

    const large = Buffer.alloc(100_000, 7);
    const ping = Buffer.from('\u0004\u0007\u0004PING\0\0', 'latin1');
    const stream = Buffer.concat([ready, message('kv@pod@m', Buffer.from('one')), ping, message('kv@pod@m', large)]);
    for (let at = 0; at < 80; at += 1) sockets[0]?.write(stream.subarray(at, at + 1));
    sockets[0]?.write(stream.subarray(80));
    await vi.waitUntil(() => messages.length === 2);
    expect(messages[0]).toEqual({ topic: 'kv@pod@m', from: url, sequence: 0, payload: Buffer.from('one') });
    expect(large.equals(messages[1]?.payload ?? Buffer.alloc(0))).toBe(true);
  });

  it('stays connected to exactly the publishers it is given', async () => {
    const [one, other] = [await publisher(), await publisher()];
    const subscription = subscribe('kv@', () => undefined);
    subscription.connect([one.url]);
    await vi.waitUntil(() => one.sockets.length === 1);
    subscription.connect([one.url, other.url]);
    await vi.waitUntil(() => other.sockets.length === 1);
    subscription.connect([other.url]);
    await vi.waitUntil(() => one.sockets[0]?.readableEnded === true || one.sockets[0]?.destroyed === true);
    expect(one.sockets).toHaveLength(1);
    expect(other.sockets[0]?.destroyed).toBe(false);
  });

  it('leaves a peer that wants security', async () => {
    const { url, sockets } = await publisher('CURVE');
    subscribe('kv@', () => undefined).connect([url]);
    await vi.waitUntil(() => sockets[0]?.destroyed === true || sockets[0]?.readableEnded === true);
  });
});

describe('frames', () => {
  it.each([
    ['another protocol', Buffer.from('HTTP/1.1 400 Bad Request\r\n'.padEnd(64)), /does not speak ZMTP 3/],
    [
      'a frame beyond the bound',
      Buffer.concat([greeting(), Buffer.from('020000000100000000', 'hex')]),
      /4294967296 bytes is more than 16777216/,
    ],
    [
      'a message without end',
      Buffer.concat([greeting(), ...Array.from({ length: 17 }, () => frame(Buffer.from('a'), true))]),
      /more than 16 frames/,
    ],
  ])('%s is refused', (_, stream, problem) => {
    expect(() => {
      new FrameReader(() => undefined).push(stream);
    }).toThrow(problem);
  });
});
