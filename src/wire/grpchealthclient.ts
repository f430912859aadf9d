import { frame, GrpcError, GrpcStatus } from './grpc.ts';
import { createGrpcClient } from './grpcclient.ts';
import {
  decodeHealthCheckResponse,
  encodeHealthCheckRequest,
  healthService,
  type ServingStatus,
} from './grpchealth.ts';

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
export async function checkHealth({ host, port, service, timeoutMs }: HealthCheckOptions): Promise<ServingStatus> {
  const authority = host.includes(':') ? `[${host}]` : host;
  const client = createGrpcClient({
    url: `http://${authority}:${String(port)}`,
    connectTimeoutMs: timeoutMs,
    maxMessageBytes: maxAnswerBytes,
  });
  const { promise, resolve, reject } = Promise.withResolvers<Buffer | 'unknown'>();
  let answer: Buffer | undefined;
  const call = client.open(
    `${healthService}/Check`,
    {
      message: (message) => {
        answer ??= message;
      },
      closed: (error) => {
        if (error?.code === GrpcStatus.NOT_FOUND) resolve('unknown');
        else if (error !== undefined) reject(error);
        else if (answer === undefined) reject(new GrpcError(GrpcStatus.INTERNAL, 'the answer has no message'));
        else resolve(answer);
      },
    },
    { timeoutMs },
  );
  call.send([frame(encodeHealthCheckRequest(service))]);
  call.end();
  try {
    const answered = await promise;
    return answered === 'unknown' ? 'SERVICE_UNKNOWN' : decodeHealthCheckResponse(answered).status;
  } finally {
    client.close();
  }
}
