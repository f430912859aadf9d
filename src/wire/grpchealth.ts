import { integerField, readFields, stringField, writeFields } from './protobuf.ts';

/** grpc.health.v1: the messages of the health service and their wire form. */

export type ServingStatus = 'UNKNOWN' | 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';

const statuses: readonly ServingStatus[] = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

export const healthService = '/grpc.health.v1.Health';

/** HealthCheckRequest { string service = 1 } */
export function encodeHealthCheckRequest(service: string): Uint8Array {
  return service === '' ? new Uint8Array() : writeFields([{ number: 1, value: Buffer.from(service) }]);
}

export function decodeHealthCheckRequest(message: Uint8Array): { service: string } {
  return { service: stringField(readFields(message), 1) };
}

/** HealthCheckResponse { ServingStatus status = 1 } */
export function encodeHealthCheckResponse(status: ServingStatus): Uint8Array {
  return writeFields([{ number: 1, value: statuses.indexOf(status) }]);
}

export function decodeHealthCheckResponse(message: Uint8Array): { status: ServingStatus } {
  return { status: statuses[integerField(readFields(message), 1)] ?? 'UNKNOWN' };
}

/** HealthListResponse { map<string, HealthCheckResponse> statuses = 1 } */
export function encodeHealthListResponse(services: ReadonlyMap<string, ServingStatus>): Uint8Array {
  const entries = [...services].map(([service, status]) => ({
    number: 1,
    value: writeFields([
      { number: 1, value: Buffer.from(service) },
      { number: 2, value: encodeHealthCheckResponse(status) },
    ]),
  }));
  return writeFields(entries);
}

export function decodeHealthListResponse(message: Uint8Array): Map<string, ServingStatus> {
  const services = new Map<string, ServingStatus>();
  for (const { number, value } of readFields(message)) {
    if (number !== 1 || typeof value === 'number') continue;
    const entry = readFields(value);
    const response = entry.findLast((field) => field.number === 2)?.value;
    const status = response instanceof Uint8Array ? decodeHealthCheckResponse(response).status : 'UNKNOWN';
    services.set(stringField(entry, 1), status);
  }
  return services;
}
