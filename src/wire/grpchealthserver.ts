import { GrpcError, GrpcStatus } from './grpc.ts';
import type { UnaryMethod } from './grpcserver.ts';
import {
  decodeHealthCheckRequest,
  encodeHealthCheckResponse,
  encodeHealthListResponse,
  healthService,
  type ServingStatus,
} from './grpchealth.ts';

/**
 * The grpc.health.v1.Health methods for a gRPC server: Check and List. Watch is not served (epp.md 4.2), so it is
 * UNIMPLEMENTED as clients expect of servers without it.
 *
 * @param check status of a service by the name the caller gives; SERVICE_UNKNOWN is answered as NOT_FOUND.
 * @param services names that List reports.
 */
export function healthMethods(
  check: (service: string) => ServingStatus,
  services: readonly string[],
): Record<string, UnaryMethod> {
  return {
    [`${healthService}/Check`]: (message) => {
      const { service } = decodeHealthCheckRequest(message);
      const status = check(service);
      if (status === 'SERVICE_UNKNOWN') throw new GrpcError(GrpcStatus.NOT_FOUND, `unknown service ${service}`);
      return encodeHealthCheckResponse(status);
    },
    [`${healthService}/List`]: () => encodeHealthListResponse(new Map(services.map((name) => [name, check(name)]))),
  };
}
