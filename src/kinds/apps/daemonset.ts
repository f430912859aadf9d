import type * as apps from 'kubernetes-types/apps/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column, containerColumns, labelText, selectorText } from '../kubernetes/columns.ts';

export type DaemonSet = Builtin<apps.DaemonSet, 'spec'>;

export const DaemonSet = defineBuiltin<DaemonSet>({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  model: 'V1DaemonSet',
  shortNames: ['ds'],
  categories: ['all'],
  ineffective: 'the embedded node runs no DaemonSets: it runs Deployments, ReplicaSets, Jobs and Pods',
  columns: [
    column<DaemonSet>('Desired', (set) => set.status?.desiredNumberScheduled ?? 0),
    column<DaemonSet>('Current', (set) => set.status?.currentNumberScheduled ?? 0),
    column<DaemonSet>('Ready', (set) => set.status?.numberReady ?? 0),
    column<DaemonSet>('Up-to-date', (set) => set.status?.updatedNumberScheduled ?? 0),
    column<DaemonSet>('Available', (set) => set.status?.numberAvailable ?? 0),
    column<DaemonSet>('Node Selector', (set) => labelText(set.spec.template.spec?.nodeSelector)),
    age,
    ...containerColumns((set) => (set as DaemonSet).spec.template.spec),
    column<DaemonSet>('Selector', (set) => selectorText(set.spec.selector), { wide: true }),
  ],
});
