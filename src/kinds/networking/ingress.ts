import type * as networking from 'kubernetes-types/networking/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type Ingress = Builtin<networking.Ingress, 'spec'>;

export const Ingress = defineBuiltin<Ingress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  plural: 'ingresses',
  model: 'V1Ingress',
  shortNames: ['ing'],
  ineffective: 'no Ingress controller runs here: reach the Service through a Gateway and an HTTPRoute',
  columns: [
    column<Ingress>('Class', ({ spec }) => spec.ingressClassName ?? '<none>'),
    column<Ingress>('Hosts', ({ spec }) => hostsText(spec.rules ?? [])),
    column<Ingress>('Address', ({ status }) =>
      (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? '').join(','),
    ),
    column<Ingress>('Ports', ({ spec }) => ((spec.tls ?? []).length > 0 ? '80, 443' : '80')),
    age,
  ],
});

function hostsText(rules: readonly networking.IngressRule[]): string {
  const hosts = rules.map(({ host }) => host ?? '').filter((host) => host !== '');
  if (hosts.length === 0) return '*';
  const more = hosts.length > 3 ? ` + ${hosts.length - 3} more...` : '';
  return `${hosts.slice(0, 3).join(',')}${more}`;
}
