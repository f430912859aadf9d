import type * as core from 'kubernetes-types/core/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column, labelText } from '../kubernetes/columns.ts';

export type Service = Builtin<core.Service, 'spec'>;

export const Service = defineBuiltin<Service>({
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  model: 'V1Service',
  shortNames: ['svc'],
  categories: ['all'],
  columns: [
    column<Service>('Type', (service) => service.spec.type ?? 'ClusterIP'),
    column<Service>('Cluster-IP', (service) => service.spec.clusterIP || '<none>'),
    column<Service>('External-IP', externalAddress),
    column<Service>('Port(s)', (service) => ports(service) || '<none>'),
    age,
    column<Service>('Selector', (service) => labelText(service.spec.selector), { wide: true }),
  ],
});

function externalAddress(service: Service): string {
  const external = (service.spec.externalIPs ?? []).join(',');
  if (service.spec.type === 'ExternalName') return service.spec.externalName ?? '<none>';
  if (service.spec.type !== 'LoadBalancer') return external || '<none>';
  const ingress = (service.status?.loadBalancer?.ingress ?? []).map((entry) => entry.ip ?? entry.hostname ?? '');
  return [...ingress, external].filter(Boolean).join(',') || '<pending>';
}

function ports(service: Service): string {
  return (service.spec.ports ?? [])
    .map(({ port, nodePort, protocol }) => `${port}${nodePort ? `:${nodePort}` : ''}/${protocol ?? 'TCP'}`)
    .join(',');
}
