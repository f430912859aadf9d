import type * as apps from 'kubernetes-types/apps/v1.js';
import { defineBuiltin, replicasScale, type Builtin } from '../kubernetes/builtin.ts';
import { age, column, containerColumns, selectorText } from '../kubernetes/columns.ts';

export type ReplicaSet = Builtin<apps.ReplicaSet, 'spec'>;

export const ReplicaSet = defineBuiltin<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  model: 'V1ReplicaSet',
  shortNames: ['rs'],
  categories: ['all'],
  scale: replicasScale,
  columns: [
    column<ReplicaSet>('Desired', (set) => set.spec.replicas ?? 1),
    column<ReplicaSet>('Current', (set) => set.status?.replicas ?? 0),
    column<ReplicaSet>('Ready', (set) => set.status?.readyReplicas ?? 0),
    age,
    ...containerColumns((set) => (set as ReplicaSet).spec.template?.spec),
    column<ReplicaSet>('Selector', (set) => selectorText(set.spec.selector), { wide: true }),
  ],
});
