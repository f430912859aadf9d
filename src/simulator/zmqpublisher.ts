import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { FrameReader, greeting, messageOf, readyCommand } from '../wire/zmtp.ts';
import type { Log } from '../telemetry/log.ts';

/** A ZMQ PUB socket, bound as vLLM binds its own or dialling a central subscriber, and the ROUTER socket that replays what it has sent. */

export interface ZmqPublisher {
  /** Port that it is bound to; undefined: it dials. */
  port: number | undefined;
  /** Sends to whoever has subscribed to the topic; those that do not read fast enough miss it, as with any PUB socket. */
  publish(topic: string, frames: readonly Uint8Array[]): void;
  close(): Promise<void>;
}

export interface ZmqAddress {
  /** `*`: bind; anything else is dialled, as by vLLM. */
  host: string;
  port: number;
}

/** @throws Error for what is no `tcp://host:port` */
export function parseZmqAddress(text: string): ZmqAddress {
  const parts = /^tcp:\/\/(?<host>\*|\[[0-9a-fA-F:.]+\]|[^:/[\]*]+):(?<port>\d{1,5})$/.exec(text)?.groups;
  const port = Number(parts?.['port']);
  if (parts === undefined || port > 65_535)
    throw new Error('an address such as tcp://*:5557 or tcp://127.0.0.1:5557 expected');
  return { host: (parts['host'] ?? '').replace(/^\[|\]$/g, ''), port };
}

const redialMs = 1_000;
/** What waits for one subscriber; beyond it messages are lost to it. */
const maxUnreadBytes = 16 * 1024 * 1024;
const maxSubscribers = 1_000;
const maxTopics = 100;

/** @param bindHost the address that `*` stands for */
export async function startZmqPublisher(address: ZmqAddress, bindHost: string, log: Log): Promise<ZmqPublisher> {
  const subscribers = new Set<Subscriber>();
  const serve = (socket: Socket): void => {
    const subscriber = subscribe(socket);
    subscribers.add(subscriber);
    socket.on('close', () => subscribers.delete(subscriber));
  };
  const listening = address.host === '*' ? await listen(bindHost, address.port, serve) : undefined;
  const dialling = listening === undefined ? dial(address, serve, log) : undefined;
  return {
    port: listening?.port,
    publish(topic, frames) {
      const message = messageOf([Buffer.from(topic), ...frames]);
      for (const { socket, topics } of subscribers) {
        if (socket.writableLength > maxUnreadBytes) continue;
        if ([...topics].some((prefix) => topic.startsWith(prefix))) socket.write(message);
      }
    },
    close: async () => {
      dialling?.stop();
      for (const { socket } of subscribers) socket.destroy();
      await listening?.close();
    },
  };
}

/** What has been sent, by its number. */
export type Replay = (from: number) => Iterable<{ sequence: Buffer; payload: Uint8Array }>;

/** The number that ends a replay, as vLLM's. */
const endOfReplay = Buffer.alloc(8, 0xff);

/** Answers `[empty, number of the first message]` with `[empty, number, payload]` for each that is kept, and an end. */
export async function startReplay(
  address: ZmqAddress,
  bindHost: string,
  replay: Replay,
): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const empty = Buffer.alloc(0);
  const listening = await listen(bindHost, address.port, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    speak(socket, 'ROUTER', ([, from]) => {
      if (from?.length !== 8) return;
      for (const { sequence, payload } of replay(Number(from.readBigUInt64BE()))) {
        socket.write(messageOf([empty, sequence, payload]));
        if (socket.writableLength > maxUnreadBytes) return void socket.destroy();
      }
      socket.write(messageOf([empty, endOfReplay, empty]));
    });
  });
  return {
    port: listening.port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await listening.close();
    },
  };
}

interface Subscriber {
  socket: Socket;
  /** Beginnings of topics that it wants to hear. */
  topics: Set<string>;
}

/** Takes subscriptions: messages of a byte and a topic from ZMTP 3.0 peers, commands from later ones. */
function subscribe(socket: Socket): Subscriber {
  const topics = new Set<string>();
  const change = (wanted: boolean, topic: string): void => {
    if (!wanted) topics.delete(topic);
    else if (topics.size < maxTopics) topics.add(topic);
  };
  const onCommand = (body: Buffer): void => {
    const end = 1 + (body[0] ?? 0);
    const name = body.toString('latin1', 1, end);
    if (name === 'SUBSCRIBE' || name === 'CANCEL') change(name === 'SUBSCRIBE', body.toString('utf8', end));
  };
  speak(
    socket,
    'PUB',
    ([frame]) => {
      if (frame !== undefined && (frame[0] ?? 2) < 2) change(frame[0] === 1, frame.toString('utf8', 1));
    },
    onCommand,
  );
  return { socket, topics };
}

function speak(
  socket: Socket,
  type: 'PUB' | 'ROUTER',
  onMessage: (frames: readonly Buffer[]) => void,
  onCommand?: (body: Buffer) => void,
): void {
  const reader = new FrameReader(onMessage, onCommand);
  let ready = false;
  socket.on('error', () => undefined); // It closes, which is all there is to know.
  socket.write(greeting);
  socket.on('data', (chunk) => {
    try {
      reader.push(chunk);
    } catch {
      socket.destroy();
      return;
    }
    if (ready || !reader.greeted) return;
    ready = true;
    socket.write(readyCommand(type));
  });
}

async function listen(
  host: string,
  port: number,
  serve: (socket: Socket) => void,
): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer(serve);
  server.maxConnections = maxSubscribers;
  server.listen(port, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Stays connected to a subscriber until it is stopped. */
function dial(address: ZmqAddress, serve: (socket: Socket) => void, log: Log): { stop: () => void } {
  let retry: NodeJS.Timeout | undefined;
  let stopped = false;
  const open = (): void => {
    const socket = connect(address);
    socket.on('error', (error) => {
      log.debug({ ...address, reason: error.message }, 'no subscriber for KV events');
    });
    socket.on('close', () => {
      if (!stopped) retry = setTimeout(open, redialMs);
    });
    serve(socket);
  };
  open();
  return {
    stop: () => {
      stopped = true;
      clearTimeout(retry);
    },
  };
}
