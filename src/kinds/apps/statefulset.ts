import type * as apps from 'kubernetes-types/apps/v1.js';
import { defineBuiltin, replicasScale, type Builtin } from '../kubernetes/builtin.ts';
import { age, column, containerColumns } from '../kubernetes/columns.ts';

export type StatefulSet = Builtin<apps.StatefulSet, 'spec'>;

export const StatefulSet = defineBuiltin<StatefulSet>({
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  model: 'V1StatefulSet',
  shortNames: ['sts'],
  categories: ['all'],
  ineffective: 'the embedded node runs no StatefulSets: it runs Deployments, ReplicaSets, Jobs and Pods',
  scale: replicasScale,
  columns: [
    column<StatefulSet>('Ready', (set) => `${set.status?.readyReplicas ?? 0}/${set.spec.replicas ?? 1}`),
    age,
    ...containerColumns((set) => (set as StatefulSet).spec.template.spec),
  ],
});
