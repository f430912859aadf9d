import type * as core from 'kubernetes-types/core/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { column } from '../kubernetes/columns.ts';

export type LimitRange = Builtin<core.LimitRange, 'spec'>;

export const LimitRange = defineBuiltin<LimitRange>({
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  plural: 'limitranges',
  model: 'V1LimitRange',
  shortNames: ['limits'],
  status: false,
  ineffective: 'LimitRanges are stored only: no Pod gets defaults from them or is refused',
  columns: [column<LimitRange>('Created At', ({ metadata }) => metadata.creationTimestamp ?? '')],
});
