import type * as scheduling from 'kubernetes-types/scheduling/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type PriorityClass = Builtin<scheduling.PriorityClass>;

export const PriorityClass = defineBuiltin<PriorityClass>({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  model: 'V1PriorityClass',
  shortNames: ['pc'],
  namespaced: false,
  status: false,
  ineffective: 'the embedded node starts Pods as they come: priorities change nothing',
  columns: [
    column<PriorityClass>('Value', ({ value }) => value),
    column<PriorityClass>('Global-Default', ({ globalDefault }) => String(globalDefault ?? false)),
    age,
    column<PriorityClass>('PreemptionPolicy', ({ preemptionPolicy }) => preemptionPolicy ?? ''),
  ],
});
