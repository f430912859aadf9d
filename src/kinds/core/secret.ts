import type * as core from 'kubernetes-types/core/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type Secret = Builtin<core.Secret>;

export const Secret = defineBuiltin<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  model: 'V1Secret',
  status: false,
  columns: [
    column<Secret>('Type', (secret) => secret.type ?? 'Opaque'),
    column<Secret>('Data', (secret) => Object.keys(secret.data ?? {}).length),
    age,
  ],
});
