import { constants, type ServerHttp2Stream } from 'node:http2';
import { createMessageReader, encodeGrpcMessage, GrpcError, GrpcStatus } from './grpc.ts';

/** The server's end of a bidirectional call. After the call has ended, every method does nothing. */
export interface ServerCall {
  /** A request header (gRPC metadata) of the call. */
  metadata(name: string): string | undefined;
  /** Sends framed messages, given in parts. While the client does not read, nothing more is read from it. */
  send(parts: readonly Buffer[]): void;
  /** Ends the call with status OK. */
  end(): void;
  fail(error: GrpcError): void;
}

/** What a server does with a call. An error thrown by any method ends the call with it. */
export interface CallHandler {
  /** The next message of the client. */
  message(message: Buffer): void;
  /** Bytes of a message that is not whole yet: see MessageSink. Left out: messages are taken whole. */
  partial?(bytes: Buffer, left: number): boolean;
  /** The client will send no more; the call goes on until the server ends it. */
  end(): void;
  /** The call is over, whoever ended it. Called once, as the last. */
  closed(): void;
}

export type StreamMethod = (call: ServerCall) => CallHandler;

/** Serves one bidirectional call. */
export function serveStream(
  stream: ServerHttp2Stream,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  method: StreamMethod,
  maxMessageBytes: number,
): { fail(error: unknown): void } {
  let ended = false;
  let status = String(GrpcStatus.OK);
  let message: string | undefined;

  const respond = (): void => {
    if (stream.headersSent) return;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.once('wantTrailers', () => {
      stream.sendTrailers({ 'grpc-status': status, ...(message === undefined ? {} : { 'grpc-message': message }) });
      // A client that could still send is told, once the status is out, that nobody listens: else the stream stays half open.
      setImmediate(() => {
        if (!stream.readableEnded && !stream.destroyed) stream.close(constants.NGHTTP2_NO_ERROR);
      });
    });
  };
  const fail = (error: unknown): void => {
    if (ended || stream.destroyed) return;
    status = String(error instanceof GrpcError ? error.code : GrpcStatus.INTERNAL);
    message = encodeGrpcMessage(error instanceof Error ? error.message : String(error));
    call.end();
  };
  const call: ServerCall = {
    metadata: (name) => {
      const value = headers[name];
      return typeof value === 'string' ? value : undefined;
    },
    send(parts) {
      if (ended || stream.destroyed) return;
      respond();
      if (parts.length > 1) stream.cork();
      let room = true;
      for (const part of parts) room = stream.write(part);
      if (parts.length > 1) stream.uncork();
      if (!room && !stream.isPaused()) {
        stream.pause();
        stream.once('drain', () => stream.resume());
      }
    },
    end() {
      if (ended || stream.destroyed) return;
      ended = true;
      respond();
      stream.end();
      stream.resume(); // What the client still sends is thrown away, so that its window is given back.
    },
    fail,
  };

  const handler = method(call);
  const guarded = (action: () => void): void => {
    try {
      action();
    } catch (error) {
      fail(error);
    }
  };
  const messages = createMessageReader(maxMessageBytes, handler);
  stream.on('data', (chunk: Buffer) => {
    if (ended) return;
    try {
      messages.push(chunk);
    } catch (error) {
      fail(error);
    }
  });
  stream.on('end', () => {
    guarded(() => {
      if (messages.pendingBytes() > 0) throw new GrpcError(GrpcStatus.INTERNAL, 'the stream ended within a message');
      handler.end();
    });
  });
  stream.on('close', () => {
    ended = true;
    guarded(() => {
      handler.closed();
    });
  });
  return { fail };
}
