import type * as apps from 'kubernetes-types/apps/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type ControllerRevision = Builtin<apps.ControllerRevision>;

export const ControllerRevision = defineBuiltin<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  model: 'V1ControllerRevision',
  status: false,
  columns: [
    column<ControllerRevision>('Controller', ({ metadata }) => {
      const owner = (metadata.ownerReferences ?? []).find(({ controller }) => controller === true);
      if (owner === undefined) return '<none>';
      const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.replace(/\/.*/, '')}` : '';
      return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
    }),
    column<ControllerRevision>('Revision', ({ revision }) => revision),
    age,
  ],
});
