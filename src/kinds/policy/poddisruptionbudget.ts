import type * as policy from 'kubernetes-types/policy/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type PodDisruptionBudget = Builtin<policy.PodDisruptionBudget, 'spec'>;

export const PodDisruptionBudget = defineBuiltin<PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  model: 'V1PodDisruptionBudget',
  shortNames: ['pdb'],
  ineffective: 'PodDisruptionBudgets are stored only: evictions always succeed here',
  columns: [
    column<PodDisruptionBudget>('Min Available', ({ spec }) => spec.minAvailable ?? 'N/A'),
    column<PodDisruptionBudget>('Max Unavailable', ({ spec }) => spec.maxUnavailable ?? 'N/A'),
    column<PodDisruptionBudget>('Allowed Disruptions', ({ status }) => status?.disruptionsAllowed ?? 0),
    age,
  ],
});
