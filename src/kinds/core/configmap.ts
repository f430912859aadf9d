import type * as core from 'kubernetes-types/core/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type ConfigMap = Builtin<core.ConfigMap>;

export const ConfigMap = defineBuiltin<ConfigMap>({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  model: 'V1ConfigMap',
  shortNames: ['cm'],
  status: false,
  columns: [
    column<ConfigMap>('Data', (map) => Object.keys(map.data ?? {}).length + Object.keys(map.binaryData ?? {}).length),
    age,
  ],
});
