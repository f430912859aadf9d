import type * as core from 'kubernetes-types/core/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';
import { accessModesText } from './persistentvolumeclaim.ts';

export type PersistentVolume = Builtin<core.PersistentVolume, 'spec'>;

export const PersistentVolume = defineBuiltin<PersistentVolume>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  model: 'V1PersistentVolume',
  shortNames: ['pv'],
  namespaced: false,
  columns: [
    column<PersistentVolume>('Capacity', (volume) => volume.spec.capacity?.['storage'] ?? ''),
    column<PersistentVolume>('Access Modes', (volume) => accessModesText(volume.spec.accessModes)),
    column<PersistentVolume>('Reclaim Policy', (volume) => volume.spec.persistentVolumeReclaimPolicy ?? ''),
    column<PersistentVolume>('Status', (volume) =>
      volume.metadata.deletionTimestamp === undefined ? (volume.status?.phase ?? '') : 'Terminating',
    ),
    column<PersistentVolume>('Claim', (volume) =>
      volume.spec.claimRef === undefined ? '' : `${volume.spec.claimRef.namespace}/${volume.spec.claimRef.name}`,
    ),
    column<PersistentVolume>('StorageClass', (volume) => volume.spec.storageClassName ?? ''),
    column<PersistentVolume>('VolumeAttributesClass', (volume) => volume.spec.volumeAttributesClassName ?? '<unset>'),
    column<PersistentVolume>('Reason', (volume) => volume.status?.reason ?? ''),
    age,
    column<PersistentVolume>('VolumeMode', (volume) => volume.spec.volumeMode ?? '<unset>', { wide: true }),
  ],
});
