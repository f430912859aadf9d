import { connect, type Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { createSpdySession, type SpdyStream } from './spdy.ts';

/** The WebSocket subprotocol in which `kubectl port-forward` tunnels its SPDY session. */
export const portForwardProtocol = 'SPDY/3.1+portforward.k8s.io';

const connectTimeoutMs = 10_000;
/** A side that does not read holds up the other one at this many bytes waiting for it. */
const maxBacklogBytes = 1024 * 1024;

/** Serves one session: each connection of the user's is a pair of streams, one for errors and one for the data of a port. */
export function forwardPorts(socket: WebSocket, podIP: string): void {
  const errorStreams = new Map<string, SpdyStream>();
  const connections = new Set<Socket>();
  const session = createSpdySession({
    send: (bytes) => {
      socket.send(bytes);
      if (socket.bufferedAmount > maxBacklogBytes) hold();
    },
    onError: (message) => {
      socket.close(1002, message.slice(0, 100));
    },
    onStream(stream) {
      const type = stream.headers.get('streamtype');
      const id = stream.headers.get('requestid') ?? stream.headers.get('port') ?? '';
      if (type === 'error') {
        errorStreams.set(id, stream);
        stream.onEnd = (how) => {
          if (how === 'reset') errorStreams.delete(id);
        };
        return;
      }
      const port = Number(stream.headers.get('port'));
      if (type !== 'data' || !Number.isInteger(port) || port < 1 || port > 65_535) {
        throw new Error('a stream must be of type error or data and name a port');
      }
      const connection = forward(stream, { host: podIP, port }, (message) => {
        const errors = errorStreams.get(id);
        errorStreams.delete(id);
        if (message !== undefined) errors?.write(Buffer.from(message));
        errors?.end();
      });
      connections.add(connection);
      connection.once('close', () => connections.delete(connection));
    },
  });
  /** Reads nothing more from the Pod until the client has caught up. */
  const hold = () => {
    for (const connection of connections) connection.pause();
    socket.send(Buffer.alloc(0), () => {
      for (const connection of connections) connection.resume();
    });
  };
  socket.on('message', (data) => {
    if (Buffer.isBuffer(data)) session.receive(data);
  });
  socket.on('error', () => {
    socket.terminate();
  });
  socket.on('close', () => {
    session.close();
    for (const connection of connections) connection.destroy();
  });
}

function forward(
  stream: SpdyStream,
  { host, port }: { host: string; port: number },
  finish: (error: string | undefined) => void,
): Socket {
  const upstream = connect({ host, port, allowHalfOpen: true });
  const timer = setTimeout(() => upstream.destroy(new Error('connect timed out')), connectTimeoutMs);
  let problem: string | undefined;
  upstream.once('connect', () => {
    clearTimeout(timer);
  });
  upstream.on('data', (data) => {
    stream.write(data);
  });
  upstream.on('end', () => {
    stream.end();
  });
  upstream.on('error', (error) => {
    problem = `an error occurred forwarding to port ${port} of the pod: ${error.message}`;
  });
  upstream.on('close', () => {
    clearTimeout(timer);
    finish(problem);
    stream.end();
  });
  stream.onData = (data) => {
    upstream.write(data);
    if (upstream.writableLength > maxBacklogBytes * 16) upstream.destroy(new Error('the pod does not read'));
  };
  stream.onEnd = (how) => {
    if (how === 'end') upstream.end();
    else upstream.destroy();
  };
  return upstream;
}
