import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2';
import { createFrameReader, decodeGrpcMessage, formatGrpcTimeout, frame, GrpcError, GrpcStatus } from './grpc.ts';
import { decodeHealthCheckResponse, encodeHealthCheckRequest, healthService, type ServingStatus } from './health.ts';

export interface HealthCheckOptions {
  /** IP address or name; the connection is plaintext HTTP/2, as kubelet's gRPC probes are. */
  host: string;
  port: number;
  /** The service asked for; '' is the server as a whole. */
  service: string;
  /** Whole call, connecting included. */
  timeoutMs: number;
}

/** A health answer is a few bytes; more is not a health service. */
const maxAnswerBytes = 64 * 1024;

/**
 * One grpc.health.v1.Health/Check call on a connection of its own, as kubelet's gRPC probe does it. A server that does not know
 * the service (gRPC NOT_FOUND) gives SERVICE_UNKNOWN.
 *
 * @throws GrpcError when the call fails: UNAVAILABLE (cannot connect, connection lost), DEADLINE_EXCEEDED, UNIMPLEMENTED
 *   (no health service there) and whatever status the server answers.
 */
export async function checkHealth(options: HealthCheckOptions): Promise<ServingStatus> {
  const authority = options.host.includes(':') ? `[${options.host}]` : options.host;
  const session = connect(`http://${authority}:${String(options.port)}`);
  try {
    const message = await callUnary(
      session,
      `${healthService}/Check`,
      encodeHealthCheckRequest(options.service),
      options,
    );
    return decodeHealthCheckResponse(message).status;
  } catch (error) {
    if (error instanceof GrpcError && error.code === GrpcStatus.NOT_FOUND) return 'SERVICE_UNKNOWN';
    throw error;
  } finally {
    session.destroy();
  }
}

function callUnary(
  session: ClientHttp2Session,
  path: string,
  request: Uint8Array,
  { timeoutMs }: HealthCheckOptions,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      fail(new GrpcError(GrpcStatus.DEADLINE_EXCEEDED, `no answer within ${String(timeoutMs)} ms`));
    }, timeoutMs);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    session.on('error', (error: Error) => fail(new GrpcError(GrpcStatus.UNAVAILABLE, error.message)));
    session.on('close', () => fail(new GrpcError(GrpcStatus.UNAVAILABLE, 'connection closed before the answer')));

    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': formatGrpcTimeout(timeoutMs),
    });
    readUnaryAnswer(
      stream,
      (message) => {
        clearTimeout(timer);
        resolve(message);
      },
      fail,
    );
    stream.end(frame(request));
  });
}

function readUnaryAnswer(
  stream: ClientHttp2Stream,
  succeed: (message: Buffer) => void,
  fail: (error: Error) => void,
): void {
  const frames = createFrameReader(maxAnswerBytes);
  const messages: Buffer[] = [];
  let httpStatus: number | undefined;
  // An answer without a body carries the status in its headers ("trailers-only"), any other in its trailers.
  let status: { code: number; message: string } | undefined;
  const readStatus = (headers: IncomingHttpHeaders): void => {
    const code = headers['grpc-status'];
    const text = headers['grpc-message'];
    if (code === undefined) return;
    status = { code: Number(code), message: typeof text === 'string' ? decodeGrpcMessage(text) : '' };
  };
  stream.on('response', (headers) => {
    httpStatus = headers[':status'];
    readStatus(headers);
  });
  stream.on('trailers', readStatus);
  stream.on('data', (chunk: Buffer) => {
    try {
      messages.push(...frames.push(chunk));
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
      stream.close(constants.NGHTTP2_CANCEL);
    }
  });
  stream.on('error', (error: Error) => fail(new GrpcError(GrpcStatus.UNAVAILABLE, error.message)));
  stream.on('close', () => {
    const [message] = messages;
    if (status === undefined) {
      fail(new GrpcError(GrpcStatus.UNAVAILABLE, `not a gRPC answer (HTTP status ${String(httpStatus ?? 'none')})`));
    } else if (status.code !== GrpcStatus.OK) {
      fail(new GrpcError(status.code, status.message));
    } else if (message === undefined) {
      fail(new GrpcError(GrpcStatus.INTERNAL, 'the answer has no message'));
    } else {
      succeed(message);
    }
  });
}
