import type * as core from 'kubernetes-types/core/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type PersistentVolumeClaim = Builtin<core.PersistentVolumeClaim, 'spec'>;

export const PersistentVolumeClaim = defineBuiltin<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  model: 'V1PersistentVolumeClaim',
  shortNames: ['pvc'],
  columns: [
    column<PersistentVolumeClaim>('Status', (claim) =>
      claim.metadata.deletionTimestamp === undefined ? (claim.status?.phase ?? '') : 'Terminating',
    ),
    column<PersistentVolumeClaim>('Volume', (claim) => claim.spec.volumeName ?? ''),
    column<PersistentVolumeClaim>('Capacity', (claim) => claim.status?.capacity?.['storage'] ?? ''),
    column<PersistentVolumeClaim>('Access Modes', (claim) => accessModesText(claim.status?.accessModes)),
    column<PersistentVolumeClaim>('StorageClass', (claim) => claim.spec.storageClassName ?? ''),
    column<PersistentVolumeClaim>(
      'VolumeAttributesClass',
      (claim) => claim.spec.volumeAttributesClassName ?? '<unset>',
    ),
    age,
    column<PersistentVolumeClaim>('VolumeMode', (claim) => claim.spec.volumeMode ?? '<unset>', { wide: true }),
  ],
});

const shortModes: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

/** `RWO,RWX`, as kubectl abbreviates access modes. */
export function accessModesText(modes: readonly string[] | undefined): string {
  return (modes ?? []).map((mode) => shortModes[mode] ?? mode).join(',');
}
