import { join } from 'node:path';
import { PersistentVolume } from '../kinds/core/persistentvolume.ts';
import type { PersistentVolumeClaim } from '../kinds/core/persistentvolumeclaim.ts';
import { apiVersionOf } from '../kinds/kind.ts';
import { defaultClassAnnotation, StorageClass } from '../kinds/storage/storageclass.ts';

/** Which volume a claim gets. Pure functions of what is known. */

/** Provisioner of the StorageClasses whose volumes are directories below the data directory. */
export const directoryProvisioner = 'headgate.dev/local-directory';

/** The class that is there from the start. */
export const standardClass: StorageClass = {
  apiVersion: apiVersionOf(StorageClass),
  kind: StorageClass.kind,
  metadata: { name: 'standard', annotations: { [defaultClassAnnotation]: 'true' } },
  provisioner: directoryProvisioner,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'Immediate',
};

const provisionedBy = 'pv.kubernetes.io/provisioned-by';

export type ClaimPlan =
  /** The claim is bound, or about to go. */
  | { action: 'none' }
  /** Nothing to be had yet; `event` says why. */
  | { action: 'wait'; event: { type: 'Normal' | 'Warning'; reason: string; message: string } }
  /** A class for a claim that names none. */
  | { action: 'default'; className: string }
  | { action: 'bind'; volume: PersistentVolume; provision: boolean };

export interface ClaimView {
  classes: readonly StorageClass[];
  volumes: readonly PersistentVolume[];
  /** True when a Pod that is not finished mounts the claim. */
  used: boolean;
  /** Where the directories of volumes are made. */
  directory: string;
}

/** What a claim needs next, as Kubernetes' volume controller and a provisioner do it. */
export function planClaim(claim: PersistentVolumeClaim, view: ClaimView): ClaimPlan {
  const { spec, metadata, status } = claim;
  if (metadata.deletionTimestamp !== undefined || status?.phase === 'Bound') return { action: 'none' };
  if (spec.storageClassName === undefined) return defaultClass(view.classes);
  const existing = view.volumes.find((volume) => fits(volume, claim));
  if (existing !== undefined) return { action: 'bind', volume: existing, provision: false };
  if (spec.storageClassName === '') {
    return wait('Normal', 'FailedBinding', noVolume);
  }
  const found = view.classes.find((candidate) => candidate.metadata.name === spec.storageClassName);
  if (found === undefined) {
    const message = `storageclass.storage.k8s.io "${spec.storageClassName}" not found`;
    return wait('Warning', 'ProvisioningFailed', `${message}; the embedded node brings the class "standard"`);
  }
  if (found.provisioner !== directoryProvisioner) {
    const hint = `the embedded node provisions for ${directoryProvisioner} only`;
    return wait(
      'Normal',
      'ExternalProvisioning',
      `Waiting for a volume to be created either by the external provisioner '${found.provisioner}' or manually by the system administrator; ${hint}.`,
    );
  }
  if (spec.volumeMode === 'Block') {
    return wait('Warning', 'ProvisioningFailed', 'volumeMode Block is not supported: volumes are directories');
  }
  if (found.volumeBindingMode === 'WaitForFirstConsumer' && !view.used) {
    return wait('Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
  }
  return { action: 'bind', volume: provisioned(claim, found, view.directory), provision: true };
}

const noVolume = 'no persistent volumes available for this claim and no storage class is set';

function wait(type: 'Normal' | 'Warning', reason: string, message: string): ClaimPlan {
  return { action: 'wait', event: { type, reason, message } };
}

function defaultClass(classes: readonly StorageClass[]): ClaimPlan {
  const defaults = classes.filter(({ metadata }) => metadata.annotations?.[defaultClassAnnotation] === 'true');
  // Of several the newest, as the admission plugin of Kubernetes chooses.
  const [first] = defaults.toSorted((a, b) =>
    (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''),
  );
  if (first === undefined) return wait('Normal', 'FailedBinding', noVolume);
  return { action: 'default', className: first.metadata.name };
}

/** A volume that is made for the claim, or that an administrator has made and nobody has claimed yet. */
function fits(volume: PersistentVolume, { metadata, spec }: PersistentVolumeClaim): boolean {
  const { claimRef } = volume.spec;
  if (claimRef?.uid !== undefined) return claimRef.uid === metadata.uid;
  if (claimRef !== undefined) return claimRef.name === metadata.name && claimRef.namespace === metadata.namespace;
  if (spec.volumeName !== undefined && spec.volumeName !== '') return volume.metadata.name === spec.volumeName;
  const modes = volume.spec.accessModes ?? [];
  return (
    volume.spec.hostPath !== undefined &&
    (volume.spec.storageClassName ?? '') === spec.storageClassName &&
    (spec.accessModes ?? []).every((mode) => modes.includes(mode))
  );
}

function provisioned(claim: PersistentVolumeClaim, from: StorageClass, directory: string): PersistentVolume {
  const { name, namespace, uid = '' } = claim.metadata;
  const storage = claim.spec.resources?.requests?.['storage'];
  const volumeName = `pvc-${uid}`;
  return {
    apiVersion: apiVersionOf(PersistentVolume),
    kind: PersistentVolume.kind,
    metadata: { name: volumeName, annotations: { [provisionedBy]: directoryProvisioner } },
    spec: {
      ...(storage !== undefined && { capacity: { storage } }),
      accessModes: claim.spec.accessModes ?? ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: from.reclaimPolicy ?? 'Delete',
      storageClassName: from.metadata.name,
      volumeMode: 'Filesystem',
      hostPath: { path: join(directory, volumeName), type: 'DirectoryOrCreate' },
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, ...(namespace && { namespace }), uid },
    },
  };
}

export type VolumePlan = 'none' | 'offer' | 'release' | 'delete';

/** What becomes of a volume nobody claims (offered), and of one whose claim is gone: deleted with its directory, or kept for the user. */
export function planVolume(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): VolumePlan {
  const { claimRef, persistentVolumeReclaimPolicy } = volume.spec;
  if (claimRef === undefined) return volume.status?.phase === undefined ? 'offer' : 'none';
  if (claimRef.uid === undefined || claim?.metadata.uid === claimRef.uid) return 'none';
  const ours = volume.metadata.annotations?.[provisionedBy] === directoryProvisioner;
  if (ours && persistentVolumeReclaimPolicy === 'Delete') return 'delete';
  return volume.status?.phase === 'Released' ? 'none' : 'release';
}
