import { Type } from '../type.ts';
import { defineKind } from '../kind.ts';
import type { KubeObject } from '../object.ts';
import { usageSchema, type Usage } from './nodemetrics.ts';

/** What the containers of a Pod used of late (`kubectl top pods`); measured when asked, never stored. */
export interface PodMetrics extends KubeObject {
  timestamp: string;
  window: string;
  containers: { name: string; usage: Usage }[];
}

export const PodMetrics = defineKind<PodMetrics>({
  group: 'metrics.k8s.io',
  kind: 'PodMetrics',
  plural: 'pods',
  singular: '',
  status: false,
  builtin: true,
  verbs: ['get', 'list'],
  versions: [
    {
      name: 'v1beta1',
      served: true,
      schema: Type.Object({
        timestamp: Type.String(),
        window: Type.String(),
        containers: Type.Array(Type.Object({ name: Type.String(), usage: usageSchema })),
      }),
    },
  ],
});
