import type * as discovery from 'kubernetes-types/discovery/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type EndpointSlice = Builtin<discovery.EndpointSlice, 'addressType' | 'endpoints'>;

export const EndpointSlice = defineBuiltin<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  model: 'V1EndpointSlice',
  status: false,
  columns: [
    column<EndpointSlice>('AddressType', (slice) => slice.addressType),
    column<EndpointSlice>('Ports', (slice) =>
      shortened(
        (slice.ports ?? []).map(({ port }) => String(port ?? '*')),
        '<unset>',
      ),
    ),
    column<EndpointSlice>('Endpoints', (slice) =>
      shortened(
        slice.endpoints.flatMap(({ addresses }) => addresses),
        '<unset>',
      ),
    ),
    age,
  ],
});

const shown = 3;

function shortened(values: readonly string[], empty: string): string {
  if (values.length === 0) return empty;
  const more = values.length > shown ? ` + ${values.length - shown} more...` : '';
  return values.slice(0, shown).join(',') + more;
}
