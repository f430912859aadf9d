import type * as core from 'kubernetes-types/core/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type Namespace = Builtin<core.Namespace>;

export const Namespace = defineBuiltin<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  model: 'V1Namespace',
  shortNames: ['ns'],
  namespaced: false,
  columns: [column<Namespace>('Status', (namespace) => namespace.status?.phase ?? ''), age],
});
