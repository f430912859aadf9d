import type * as apps from 'kubernetes-types/apps/v1.js';
import { defineBuiltin, replicasScale, type Builtin } from '../kubernetes/builtin.ts';
import { age, column, containerColumns, selectorText } from '../kubernetes/columns.ts';

export type Deployment = Builtin<apps.Deployment, 'spec'>;

export const Deployment = defineBuiltin<Deployment>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  model: 'V1Deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  scale: replicasScale,
  columns: [
    column<Deployment>(
      'Ready',
      (deployment) => `${deployment.status?.readyReplicas ?? 0}/${deployment.spec.replicas ?? 1}`,
    ),
    column<Deployment>('Up-to-date', (deployment) => deployment.status?.updatedReplicas ?? 0),
    column<Deployment>('Available', (deployment) => deployment.status?.availableReplicas ?? 0),
    age,
    ...containerColumns((deployment) => (deployment as Deployment).spec.template.spec),
    column<Deployment>('Selector', (deployment) => selectorText(deployment.spec.selector), { wide: true }),
  ],
});
