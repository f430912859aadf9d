import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2';
import {
  createFrameReader,
  decodeGrpcMessage,
  defaultMaxMessageBytes,
  formatGrpcTimeout,
  GrpcError,
  GrpcStatus,
} from './grpc.ts';

export interface GrpcClientOptions {
  /** `http://host:port` for plaintext HTTP/2, `https://host:port` for TLS. */
  url: string;
  /** PEM of the authority that signed the server's certificate; default: the system's. */
  ca?: string;
  /** Accepts any certificate: endpoint pickers sign their own, without a name (epp.md 4.4). */
  insecureSkipVerify?: boolean;
  /** Until the connection stands, TLS included. */
  connectTimeoutMs?: number;
  /** Largest message accepted from the server. */
  maxMessageBytes?: number;
}

export interface ClientCallHandler {
  message(message: Buffer): void;
  /** The call is over; `error` when its status is not OK. Called once, as the last. */
  closed(error: GrpcError | undefined): void;
  /** What was sent has gone out after `send` said that it should wait. */
  drained?(): void;
}

/** The client's end of a call. After the call has ended, every method does nothing. */
export interface ClientCall {
  /** Sends one framed message, given in parts; false: wait for `drained` before sending more. */
  readonly send: (parts: readonly Uint8Array[]) => boolean;
  /** No more messages will be sent. */
  readonly end: () => void;
  /** Gives up; `closed` is called with CANCELLED. */
  readonly cancel: () => void;
  /** While paused, no message is delivered and the server is held back. */
  readonly pause: () => void;
  readonly resume: () => void;
}

export interface CallOptions {
  readonly timeoutMs?: number;
  /** What the server may send in this call, over all messages; more ends it as RESOURCE_EXHAUSTED. */
  readonly maxBytes?: number;
}

export interface GrpcClient {
  /** Opens a call, connecting when there is no connection. */
  open(path: string, handler: ClientCallHandler, options?: CallOptions): ClientCall;
  /** Cuts the connection; calls in progress end as UNAVAILABLE. */
  readonly close: () => void;
}

const callWindowBytes = 1024 * 1024;
const connectionWindowBytes = 16 * 1024 * 1024;
const defaultConnectTimeoutMs = 5_000;

/** Calls to one gRPC server over one HTTP/2 connection, which is made anew when it is lost. */
export function createGrpcClient(options: GrpcClientOptions): GrpcClient {
  let session: ClientHttp2Session | undefined;

  const connection = (): ClientHttp2Session => {
    if (session !== undefined && !session.closed && !session.destroyed) return session;
    const opened = connect(options.url, {
      settings: { enablePush: false, initialWindowSize: callWindowBytes },
      maxSessionMemory: 256,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
      ...(options.insecureSkipVerify === true ? { rejectUnauthorized: false } : {}),
    });
    const timeoutMs = options.connectTimeoutMs ?? defaultConnectTimeoutMs;
    const timer = setTimeout(() => {
      opened.destroy(new Error(`no connection within ${String(timeoutMs)} ms`));
    }, timeoutMs);
    opened.on('connect', () => {
      clearTimeout(timer);
      opened.setLocalWindowSize(connectionWindowBytes);
    });
    opened.on('close', () => {
      clearTimeout(timer);
    });
    opened.on('error', () => undefined); // Every call of the connection reports it.
    opened.on('goaway', () => {
      // Calls in progress may finish; new ones go over another connection.
      if (session === opened) session = undefined;
      opened.close();
    });
    session = opened;
    return opened;
  };

  return {
    open: (path, handler, call = {}) =>
      startCall(connection(), path, handler, call, options.maxMessageBytes ?? defaultMaxMessageBytes),
    close() {
      session?.destroy();
      session = undefined;
    },
  };
}

function startCall(
  session: ClientHttp2Session,
  path: string,
  handler: ClientCallHandler,
  { timeoutMs, maxBytes = Infinity }: CallOptions,
  maxMessageBytes: number,
): ClientCall {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...(timeoutMs === undefined ? {} : { 'grpc-timeout': formatGrpcTimeout(timeoutMs) }),
  });
  let over = false;
  const finish = (error: GrpcError | undefined): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
    handler.closed(error);
  };
  const lost = (error: Error): void => finish(new GrpcError(GrpcStatus.UNAVAILABLE, error.message));
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          finish(new GrpcError(GrpcStatus.DEADLINE_EXCEEDED, `no answer within ${String(timeoutMs)} ms`));
        }, timeoutMs);
  stream.on('error', lost);
  receive(
    stream,
    { maxMessageBytes, maxBytes },
    (message) => {
      if (!over) handler.message(message);
    },
    finish,
  );
  if (handler.drained !== undefined) stream.on('drain', () => handler.drained?.());

  return {
    send(parts) {
      if (over || stream.destroyed || stream.writableEnded) return true;
      if (parts.length > 1) stream.cork();
      let room = true;
      for (const part of parts) room = stream.write(part);
      if (parts.length > 1) stream.uncork();
      return room;
    },
    end() {
      if (!over && !stream.writableEnded) stream.end();
    },
    cancel() {
      finish(new GrpcError(GrpcStatus.CANCELLED, 'the call was cancelled'));
    },
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
  };
}

/** Delivers messages, then how the call ended. */
function receive(
  stream: ClientHttp2Stream,
  { maxMessageBytes, maxBytes }: { maxMessageBytes: number; maxBytes: number },
  deliver: (message: Buffer) => void,
  finish: (error: GrpcError | undefined) => void,
): void {
  const frames = createFrameReader(maxMessageBytes);
  let httpStatus: number | undefined;
  // An answer without a body carries the status in its headers ("trailers-only"), any other in its trailers.
  let status: { code: number; message: string } | undefined;
  const readStatus = (headers: IncomingHttpHeaders): void => {
    const code = headers['grpc-status'];
    const text = headers['grpc-message'];
    if (code === undefined) return;
    status = { code: Number(code), message: typeof text === 'string' ? decodeGrpcMessage(text) : '' };
  };
  // Node hands over the head a tick later, but data at once: what came in one read with the head arrives before it.
  let beforeHead: Buffer[] = [];
  const read = (chunk: Buffer): void => {
    if (httpStatus !== 200) return;
    try {
      for (const message of frames.push(chunk)) deliver(message);
    } catch (error) {
      const { message } = error instanceof Error ? error : new Error(String(error));
      finish(error instanceof GrpcError ? error : new GrpcError(GrpcStatus.INTERNAL, message));
    }
  };
  stream.on('response', (headers) => {
    httpStatus = headers[':status'];
    readStatus(headers);
    for (const chunk of beforeHead) read(chunk);
    beforeHead = [];
  });
  stream.on('trailers', readStatus);
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      finish(new GrpcError(GrpcStatus.RESOURCE_EXHAUSTED, `the server sent more than ${String(maxBytes)} bytes`));
    } else if (httpStatus === undefined) beforeHead.push(chunk);
    else read(chunk);
  });
  const conclude = (): void => {
    if (status === undefined) {
      const answer = httpStatus === undefined ? 'connection closed before the answer' : notGrpc(httpStatus);
      finish(new GrpcError(GrpcStatus.UNAVAILABLE, answer));
    } else if (status.code !== GrpcStatus.OK) finish(new GrpcError(status.code, status.message));
    else finish(undefined);
  };
  // The server's end is the end of the call, even while we could still send.
  stream.on('end', conclude);
  stream.on('close', conclude);
}

function notGrpc(httpStatus: number): string {
  return `not a gRPC answer (HTTP status ${String(httpStatus)})`;
}
