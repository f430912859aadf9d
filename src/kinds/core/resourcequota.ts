import type * as core from 'kubernetes-types/core/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type ResourceQuota = Builtin<core.ResourceQuota, 'spec'>;

export const ResourceQuota = defineBuiltin<ResourceQuota>({
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  model: 'V1ResourceQuota',
  shortNames: ['quota'],
  ineffective: 'ResourceQuotas are stored only: nothing is counted or refused',
  columns: [
    age,
    column<ResourceQuota>('Request', (quota) => usageText(quota, (name) => !name.startsWith('limits'))),
    column<ResourceQuota>('Limit', (quota) => usageText(quota, (name) => name.startsWith('limits'))),
  ],
});

function usageText({ status }: ResourceQuota, isShown: (resource: string) => boolean): string {
  const hard = Object.entries(status?.hard ?? {}).filter(([resource]) => isShown(resource));
  return hard
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([resource, limit]) => `${resource}: ${status?.used?.[resource] ?? '0'}/${limit}`)
    .join(', ');
}
