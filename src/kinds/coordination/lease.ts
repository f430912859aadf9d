import type * as coordination from 'kubernetes-types/coordination/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type Lease = Builtin<coordination.Lease>;

export const Lease = defineBuiltin<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  model: 'V1Lease',
  status: false,
  columns: [column<Lease>('Holder', (lease) => lease.spec?.holderIdentity ?? ''), age],
});
