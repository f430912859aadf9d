import { PersistentVolumeClaim } from '../../../kinds/core/persistentvolumeclaim.ts';
import { defaultClassAnnotation, type StorageClass } from '../../../kinds/storage/storageclass.ts';
import { child, type Child } from '../../../reconcile/children.ts';
import { pvcHealth, type Health } from '../service/workloadhealth.ts';

/** The volumes that hold weights, of both generations (aim.md 9, 11.5, 11.7). */

const gibibyte = 1024 ** 3;
export const defaultHeadroomPercent = 10;

/** Whole GiB that hold the weights and the headroom; at least one (aim.md 16.4). */
export function claimSize(bytes: number, headroomPercent: number): string {
  const wanted = Math.trunc((bytes * (100 + headroomPercent)) / 100);
  return `${String(Math.max(1, Math.ceil(wanted / gibibyte)))}Gi`;
}

/** `512 MiB`, `1.5 GiB`, `150 GiB`. */
export function displaySize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const text = value >= 100 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, '');
  return `${text} ${units[unit] ?? ''}`;
}

export interface WantedClaim {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As `claimSize` says it. */
  readonly size: string;
  /** Absent or empty: the default class of the cluster. */
  readonly storageClassName: string | undefined;
}

/** Several pods may mount it. It is made once: a claim can hardly be changed. */
export function claimChild({ name, namespace, labels, size, storageClassName }: WantedClaim): Child {
  return child(
    PersistentVolumeClaim,
    {
      metadata: { name, namespace, labels: { ...labels } },
      spec: {
        accessModes: ['ReadWriteMany'],
        resources: { requests: { storage: size } },
        ...(storageClassName ? { storageClassName } : {}),
      },
    },
    { owned: true },
  );
}

/** A claim with what to do where it waits. */
export function claimHealth(claim: PersistentVolumeClaim, classes: readonly StorageClass[]): Health {
  const health = pvcHealth(claim);
  const { name } = claim.metadata;
  if (health.reason === 'PvcPending') {
    return { ...health, message: `claim ${name} waits for a volume: ${whyPending(claim, classes)}` };
  }
  const [failure] = health.failures ?? [];
  if (failure === undefined) return health;
  const message = `${failure.message}: delete the claim, and it is made and filled anew`;
  return { failures: [{ ...failure, message }] };
}

function whyPending({ spec }: PersistentVolumeClaim, classes: readonly StorageClass[]): string {
  const { storageClassName } = spec;
  const configure = 'storage.defaultStorageClassName of the runtime configuration';
  if (storageClassName) {
    const found = classes.find(({ metadata }) => metadata.name === storageClassName);
    if (found === undefined) {
      return `there is no StorageClass ${storageClassName}: create it, or name another (storageClassName, or ${configure}) and delete the claim`;
    }
    if (bindsLate(found)) return `StorageClass ${storageClassName} binds it when the first pod mounts it`;
    return `see the events of the claim; StorageClass ${storageClassName} must offer ReadWriteMany`;
  }
  const hasDefault = classes.some(({ metadata }) => metadata.annotations?.[defaultClassAnnotation] === 'true');
  return hasDefault
    ? 'see the events of the claim'
    : `the cluster has no default StorageClass: mark one as default, or set ${configure}`;
}

/** True for a class whose claims stay pending until a pod mounts them. */
export function waitsForConsumer({ spec }: PersistentVolumeClaim, classes: readonly StorageClass[]): boolean {
  return classes.some((found) => found.metadata.name === spec.storageClassName && bindsLate(found));
}

const bindsLate = ({ volumeBindingMode }: StorageClass): boolean => volumeBindingMode === 'WaitForFirstConsumer';
