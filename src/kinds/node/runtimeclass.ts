import type * as node from 'kubernetes-types/node/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type RuntimeClass = Builtin<node.RuntimeClass>;

export const RuntimeClass = defineBuiltin<RuntimeClass>({
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  plural: 'runtimeclasses',
  model: 'V1RuntimeClass',
  namespaced: false,
  status: false,
  ineffective: 'the embedded node runs every Pod as local processes, whatever its RuntimeClass',
  columns: [column<RuntimeClass>('Handler', ({ handler }) => handler), age],
});
