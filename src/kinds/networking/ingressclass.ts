import type * as networking from 'kubernetes-types/networking/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type IngressClass = Builtin<networking.IngressClass>;

export const IngressClass = defineBuiltin<IngressClass>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IngressClass',
  plural: 'ingressclasses',
  model: 'V1IngressClass',
  namespaced: false,
  status: false,
  ineffective: 'no Ingress controller runs here',
  columns: [
    column<IngressClass>('Controller', ({ spec }) => spec?.controller ?? ''),
    column<IngressClass>('Parameters', ({ spec }) => {
      const { apiGroup, kind, name } = spec?.parameters ?? {};
      if (kind === undefined) return '<none>';
      return `${kind}${apiGroup === undefined ? '' : `.${apiGroup}`}/${name ?? ''}`;
    }),
    age,
  ],
});
