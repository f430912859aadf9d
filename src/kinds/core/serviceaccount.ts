import type * as core from 'kubernetes-types/core/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type ServiceAccount = Builtin<core.ServiceAccount>;

export const ServiceAccount = defineBuiltin<ServiceAccount>({
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  model: 'V1ServiceAccount',
  shortNames: ['sa'],
  status: false,
  columns: [column<ServiceAccount>('Secrets', (account) => account.secrets?.length ?? 0), age],
});
