import { once } from 'node:events';
import {
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import {
  createFrameReader,
  defaultMaxMessageBytes,
  encodeGrpcMessage,
  frame,
  GrpcError,
  GrpcStatus,
  parseGrpcTimeout,
} from './grpc.ts';
import { serveStream, type StreamMethod } from './grpcstream.ts';

/** One request message in, one out. Throw GrpcError for any status other than OK. `signal` aborts at deadline or cancel. */
export type UnaryMethod = (request: Uint8Array, call: { signal: AbortSignal }) => Uint8Array | Promise<Uint8Array>;

export interface GrpcServerOptions {
  host: string;
  /** 0 chooses a free port. */
  port: number;
  /** By path, `/package.Service/Method`. Any other path is UNIMPLEMENTED. */
  methods: Readonly<Record<string, UnaryMethod>>;
  /** Bidirectional methods, by path. */
  streams?: Readonly<Record<string, StreamMethod>>;
  /** Paths that are UNIMPLEMENTED with a reason the caller should read. */
  unimplemented?: Readonly<Record<string, string>>;
  /** Largest request message in bytes. */
  maxMessageBytes?: number;
  /** Key and certificate for TLS, fetched when the first connection comes; plaintext HTTP/2 when absent. */
  tls?: () => Promise<TlsIdentity>;
  /** A connection or TLS handshake that failed; the server goes on. */
  onConnectionError?: (error: Error) => void;
}

export interface TlsIdentity {
  key: string;
  cert: string;
}

export interface GrpcServer {
  port: number;
  /** Connections from now on get this certificate; those that stand keep theirs. */
  useCertificate: (identity: TlsIdentity) => void;
  /** Stops accepting, lets calls in progress end for `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>;
}

/** A call may have this much on the way before it is read, a connection that much for all its calls: bodies of prompts are large. */
const callWindowBytes = 1024 * 1024;
const connectionWindowBytes = 16 * 1024 * 1024;

const serverOptions: ServerOptions = {
  settings: {
    /** Concurrent calls per connection; a client that wants more opens another connection. */
    maxConcurrentStreams: 1024,
    initialWindowSize: callWindowBytes,
  },
  /** Megabytes that one connection may hold, its windows included, before it is refused more calls. */
  maxSessionMemory: 256,
  // A proxy resets one call for each of its clients that gives up: many at once are no attack. Beyond this the connection is closed.
  streamResetBurst: 20_000,
  streamResetRate: 5_000,
};

/** Serves gRPC over HTTP/2. Request messages are bounded in size, compressed ones refused, deadlines kept. */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const report = options.onConnectionError ?? (() => undefined);
  const sessions = new Set<ServerHttp2Session>();
  const sockets = new Set<Socket>();
  const attach = <S extends Http2Server>(server: S): S => {
    server.on('session', (session: ServerHttp2Session) => {
      sessions.add(session);
      session.setLocalWindowSize(connectionWindowBytes);
      session.on('close', () => sessions.delete(session));
      session.on('error', report);
    });
    server.on('stream', (stream: ServerHttp2Stream, headers) => serveCall(stream, headers, options));
    server.on('error', report);
    return server;
  };
  // HTTP/2 behind a plain TCP listener, so that a certificate is only made when somebody connects.
  let http2: Promise<Http2Server> | undefined;
  let secure: Http2SecureServer | undefined;
  let newest: TlsIdentity | undefined;
  const startHttp2 = async (): Promise<Http2Server> => {
    if (options.tls === undefined) return attach(createServer(serverOptions));
    secure = createSecureServer({ ...serverOptions, ...(newest ?? (await options.tls())) });
    secure.on('tlsClientError', report);
    return attach(secure);
  };
  const listener = createTcpServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', report);
    http2 ??= startHttp2();
    http2.then(
      (server) => server.emit('connection', socket),
      (error: unknown) => {
        socket.destroy();
        report(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
  listener.listen(options.port, options.host);
  await once(listener, 'listening');

  return {
    port: (listener.address() as AddressInfo).port,
    useCertificate: (identity) => {
      newest = identity;
      secure?.setSecureContext(identity);
    },
    async close(graceMs) {
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
      for (const session of sessions) session.close();
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

function serveCall(
  stream: ServerHttp2Stream,
  headers: Record<string, string | string[] | undefined>,
  options: GrpcServerOptions,
): void {
  stream.on('error', () => undefined); // A reset by the peer; 'close' follows and aborts the call.
  const contentType = headers['content-type'];
  if (headers[':method'] !== 'POST' || typeof contentType !== 'string' || !contentType.startsWith('application/grpc')) {
    stream.respond({ ':status': 415, 'content-type': 'text/plain' });
    stream.end('this is a gRPC server\n');
    return;
  }
  const path = String(headers[':path']);
  const maxMessageBytes = options.maxMessageBytes ?? defaultMaxMessageBytes;
  const { streams = {} } = options;
  const streaming = Object.hasOwn(streams, path) ? streams[path] : undefined;
  if (streaming !== undefined) {
    const served = serveStream(stream, headers, streaming, maxMessageBytes);
    const deadline = startDeadline(headers['grpc-timeout'], () => served.fail(deadlineExceeded()));
    if (deadline !== undefined) stream.on('close', () => clearTimeout(deadline));
    return;
  }
  const method = Object.hasOwn(options.methods, path) ? options.methods[path] : undefined;
  if (method === undefined) {
    const reason = options.unimplemented?.[path] ?? `unknown method ${path}`;
    endWithStatus(stream, new GrpcError(GrpcStatus.UNIMPLEMENTED, reason));
    return;
  }
  const controller = new AbortController();
  const timeout = startDeadline(headers['grpc-timeout'], () => {
    controller.abort();
    endWithStatus(stream, deadlineExceeded());
  });
  stream.on('close', () => {
    clearTimeout(timeout);
    controller.abort();
  });
  readUnaryRequest(stream, maxMessageBytes)
    .then((request) => method(request, { signal: controller.signal }))
    .then(
      (answer) => endWithMessage(stream, answer),
      (error: unknown) => endWithStatus(stream, error),
    );
}

const deadlineExceeded = (): GrpcError => new GrpcError(GrpcStatus.DEADLINE_EXCEEDED, 'deadline exceeded');

function startDeadline(header: string | string[] | undefined, expire: () => void): NodeJS.Timeout | undefined {
  const ms = typeof header === 'string' ? parseGrpcTimeout(header) : undefined;
  // setTimeout overflows above 2^31-1 ms; a deadline of more than 24 days is none.
  return ms === undefined || ms > 0x7fffffff ? undefined : setTimeout(expire, ms);
}

function readUnaryRequest(stream: ServerHttp2Stream, maxMessageBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const frames = createFrameReader(maxMessageBytes);
    const messages: Uint8Array[] = [];
    stream.on('data', (chunk: Buffer) => {
      try {
        messages.push(...frames.push(chunk));
        if (messages.length > 1)
          throw new GrpcError(GrpcStatus.UNIMPLEMENTED, 'one request message expected, got more');
      } catch (error) {
        stream.removeAllListeners('data');
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
    stream.on('end', () => {
      const [message] = messages;
      if (message === undefined || frames.pendingBytes() > 0) {
        reject(new GrpcError(GrpcStatus.INTERNAL, 'the stream ended before a whole request message'));
      } else {
        resolve(message);
      }
    });
    stream.on('close', () => reject(new GrpcError(GrpcStatus.CANCELLED, 'the caller cancelled')));
  });
}

function endWithMessage(stream: ServerHttp2Stream, message: Uint8Array): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(GrpcStatus.OK) }));
  stream.end(frame(message));
}

/** Ends a call without a message ("trailers-only"). Errors that are not GrpcErrors are INTERNAL and keep their text. */
function endWithStatus(stream: ServerHttp2Stream, error: unknown): void {
  if (stream.destroyed || stream.headersSent) return;
  const code = error instanceof GrpcError ? error.code : GrpcStatus.INTERNAL;
  const message = error instanceof Error ? error.message : String(error);
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-status': String(code),
      'grpc-message': encodeGrpcMessage(message),
    },
    { endStream: true },
  );
  stream.resume(); // What is left of the request is thrown away, so that its flow-control window is given back.
  // A caller that is still sending is told to stop (PROTOCOL-HTTP2.md); without this its stream stays half open.
  if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
}
