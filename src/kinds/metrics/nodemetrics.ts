import { Type } from '../type.ts';
import { defineKind } from '../kind.ts';
import type { KubeObject } from '../object.ts';

/** What is used: `cpu` and `memory` as quantities. */
export type Usage = Record<'cpu' | 'memory', string>;

/** What a node used of late (`kubectl top nodes`); measured when asked, never stored. */
export interface NodeMetrics extends KubeObject {
  timestamp: string;
  window: string;
  usage: Usage;
}

export const usageSchema = Type.Record(Type.String(), Type.String());

export const NodeMetrics = defineKind<NodeMetrics>({
  group: 'metrics.k8s.io',
  kind: 'NodeMetrics',
  plural: 'nodes',
  singular: '',
  namespaced: false,
  status: false,
  builtin: true,
  verbs: ['get', 'list'],
  versions: [
    {
      name: 'v1beta1',
      served: true,
      schema: Type.Object({ timestamp: Type.String(), window: Type.String(), usage: usageSchema }),
    },
  ],
});
