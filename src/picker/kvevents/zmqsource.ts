/** KV events over ZMQ: a SUB socket that connects to publishers, and that publishers may dial (epp.md 5.6). */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Log } from '../../telemetry/log.ts';
import type { KvEventSource, KvMessage } from './events.ts';
import { FrameReader, greeting, readyCommand, subscribeMessage } from '../../wire/zmtp.ts';

const reconnectMs = 5_000;
/** A peer that has connected greets within this time, or is cut off. */
const handshakeMs = 10_000;
const maxDialledIn = 1_000;

/** @param anyAddress what `*` stands for where publishers are to dial in */
export function createZmqSource(log: Log, anyAddress = '127.0.0.1'): KvEventSource {
  return {
    subscribe(topic, onMessage) {
      const peers = new Map<string, { close(): void }>();
      let bound: { close(): void } | undefined;
      return {
        connect(urls) {
          const wanted = new Set(urls);
          for (const [url, peer] of peers) {
            if (wanted.has(url)) continue;
            peer.close();
            peers.delete(url);
          }
          for (const url of wanted) if (!peers.has(url)) peers.set(url, openPeer(url, topic, onMessage, log));
        },
        bind(url) {
          bound?.close();
          bound = listen(url.replace('*', anyAddress), topic, onMessage, log);
        },
        close() {
          for (const peer of peers.values()) peer.close();
          peers.clear();
          bound?.close();
        },
      };
    },
  };
}

/** Of `tcp://host:port`. @throws Error for another address */
export function addressOf(url: string): { host: string; port: number } {
  const parts = /^tcp:\/\/(?<host>\[[0-9a-fA-F:.]+\]|[^:/[\]]+):(?<port>\d{1,5})$/.exec(url)?.groups;
  const port = Number(parts?.['port']);
  if (parts === undefined || port > 65_535)
    throw new Error(`a ZMQ address such as tcp://10.0.0.1:5557 expected, got ${url}`);
  return { host: (parts['host'] ?? '').replace(/^\[|\]$/g, ''), port };
}

/** Speaks as a SUB socket on a connection, whoever opened it. */
function hear(socket: Socket, topic: string, from: string | undefined, onMessage: (message: KvMessage) => void): void {
  const reader = new FrameReader((frames) => {
    const [name, sequence, payload] = frames;
    if (name === undefined || sequence === undefined || payload === undefined) return;
    onMessage({
      topic: name.toString(),
      from,
      sequence: sequence.length === 8 ? Number(sequence.readBigUInt64BE()) : undefined,
      payload,
    });
  });
  let subscribed = false;
  socket.setKeepAlive(true, 30_000);
  socket.setTimeout(handshakeMs, () => {
    socket.destroy(new Error('no greeting'));
  });
  socket.write(greeting);
  socket.on('data', (chunk) => {
    try {
      reader.push(chunk);
    } catch (error) {
      socket.destroy(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (subscribed || !reader.greeted) return;
    subscribed = true;
    socket.setTimeout(0);
    socket.write(Buffer.concat([readyCommand('SUB'), subscribeMessage(topic)]));
  });
}

/** Stays connected to one publisher until it is closed. */
function openPeer(url: string, topic: string, onMessage: (message: KvMessage) => void, log: Log): { close(): void } {
  const address = addressOf(url);
  let socket: Socket | undefined;
  let retry: NodeJS.Timeout | undefined;
  let closed = false;

  const open = (): void => {
    const opened = connect(address);
    socket = opened;
    opened.on('error', (error) => {
      log.debug({ url, reason: error.message }, 'KV events connection failed');
    });
    opened.on('close', () => {
      if (closed) return;
      retry = setTimeout(open, reconnectMs);
      retry.unref();
    });
    hear(opened, topic, url, onMessage);
  };
  open();
  return {
    close() {
      closed = true;
      clearTimeout(retry);
      socket?.destroy();
    },
  };
}

/** Takes publishers that dial in until it is closed. */
function listen(url: string, topic: string, onMessage: (message: KvMessage) => void, log: Log): { close(): void } {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', (error) => {
      log.debug({ url, reason: error.message }, 'KV events connection failed');
    });
    hear(socket, topic, undefined, onMessage);
  });
  server.maxConnections = maxDialledIn;
  server.on('error', (error) => {
    log.error({ url, reason: error.message }, 'cannot listen for KV events: no publisher can dial in');
  });
  server.listen(addressOf(url));
  server.unref();
  return {
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
