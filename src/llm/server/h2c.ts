import { createServer as createHttp2Server, type Http2ServerRequest, type ServerHttp2Session } from 'node:http2';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The first bytes of HTTP/2 without TLS, when the client knows beforehand that the server speaks it (RFC 9113, 3.4). */
const preface = Buffer.from('PRI * HTTP/2.0');
const firstByteMs = 60_000;

/**
 * Lets an HTTP/1.1 server take HTTP/2 in the clear on the same port (h2c): the first bytes of a connection say which it is. Returns what
 * ends the HTTP/2 sessions and the connections that have not spoken, once their requests are answered.
 */
export function acceptH2c(server: Server, onRequest: RequestListener): { close: () => void } {
  const sessions = new Set<ServerHttp2Session>();
  const silent = new Set<Socket>();
  const http2 = createHttp2Server((request, response) => {
    // Node's compatibility API: what the handlers here use of a request and a response is the same.
    onRequest(request as unknown as IncomingMessage, response as unknown as ServerResponse & { req: IncomingMessage });
  });
  http2.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => undefined); // The connection is gone, and its requests with it.
  });
  http2.on('sessionError', () => undefined);
  const acceptHttp1 = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    silent.add(socket);
    const forget = (): void => void silent.delete(socket);
    const onError = (): void => void socket.destroy();
    const onTimeout = (): void => void socket.destroy();
    socket.once('close', forget);
    socket.on('error', onError);
    socket.setTimeout(firstByteMs, onTimeout);
    socket.once('data', (first: Buffer) => {
      forget();
      socket.off('error', onError);
      socket.off('timeout', onTimeout);
      socket.setTimeout(0);
      socket.pause();
      socket.unshift(first);
      const length = Math.min(first.length, preface.length);
      if (first.subarray(0, length).equals(preface.subarray(0, length))) http2.emit('connection', socket);
      else for (const accept of acceptHttp1) Reflect.apply(accept, server, [socket]);
      process.nextTick(() => socket.resume());
    });
  });
  return {
    close() {
      for (const session of sessions) session.close();
      for (const socket of silent) socket.destroy();
    },
  };
}

/** Cuts off a request without an answer: its connection, or its stream where others share the connection. */
export function reset(request: IncomingMessage | Http2ServerRequest): void {
  if ('stream' in request)
    request.stream.close(2); // INTERNAL_ERROR
  else request.socket.resetAndDestroy();
}
