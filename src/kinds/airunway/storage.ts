import { duplicate, invalidValue, required, type FieldError } from '../fielderror.ts';
import { parseQuantity } from '../quantity.ts';
import type { ModelDeployment, ModelVolume } from './modeldeploymentschema.ts';

/** Volumes of model servers: their defaults and rules (airunway.md 1.2). */

type Model = ModelDeployment['spec']['model'];

const mountPaths: Readonly<Record<string, string>> = {
  modelCache: '/model-cache',
  compilationCache: '/compilation-cache',
};
const systemPaths = ['/dev', '/proc', '/sys', '/etc', '/var/run'] as const;
const field = 'spec.model.storage.volumes';

/** The provider makes the claim of a volume that says its size. */
export const isManaged = (volume: ModelVolume): boolean => volume.size !== undefined;

export const managedClaimName = (deployment: string, volume: ModelVolume): string => `${deployment}-${volume.name}`;

export function completeVolumes({ storage }: Model, deployment: string): Pick<Model, 'storage'> {
  if (storage?.volumes === undefined) return {};
  const volumes = storage.volumes.map((volume) => ({
    ...volume,
    ...defaultMountPath(volume),
    ...(isManaged(volume)
      ? {
          claimName: volume.claimName ?? managedClaimName(deployment, volume),
          accessMode: volume.accessMode ?? ('ReadWriteMany' as const),
        }
      : {}),
  }));
  return { storage: { ...storage, volumes } };
}

function defaultMountPath(volume: ModelVolume): Pick<ModelVolume, 'mountPath'> {
  const mountPath = volume.mountPath ?? mountPaths[volume.purpose ?? 'custom'];
  return mountPath === undefined ? {} : { mountPath };
}

export function reviewVolumes(object: ModelDeployment, old: ModelDeployment | undefined): FieldError[] {
  const volumes = object.spec.model.storage?.volumes ?? [];
  const deployment = object.metadata.name;
  return [
    ...volumes.flatMap((volume, index) => reviewVolume(volume, `${field}[${String(index)}]`, deployment)),
    ...repeated(volumes, 'claimName'),
    ...repeated(volumes, 'mountPath'),
    ...(['modelCache', 'compilationCache'] as const).flatMap((purpose) => onlyOne(volumes, purpose)),
    ...(old === undefined ? [] : reviewManaged(volumes, old.spec.model.storage?.volumes ?? [])),
  ];
}

function reviewVolume(volume: ModelVolume, path: string, deployment: string): FieldError[] {
  return [...reviewClaim(volume, path, deployment), ...reviewMountPath(volume, path)];
}

function reviewClaim(volume: ModelVolume, path: string, deployment: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!isManaged(volume)) {
    if (volume.claimName === undefined) errors.push(required(`${path}.claimName`, 'claimName or size must be given'));
    for (const name of ['storageClassName', 'accessMode'] as const) {
      if (volume[name] !== undefined) errors.push(invalidValue(`${path}.${name}`, volume[name], 'needs size'));
    }
    return errors;
  }
  const claim = managedClaimName(deployment, volume);
  if (volume.claimName !== claim) {
    errors.push(invalidValue(`${path}.claimName`, volume.claimName, `with size it must be ${JSON.stringify(claim)}`));
  }
  if (volume.readOnly === true) errors.push(invalidValue(`${path}.readOnly`, true, 'may not be combined with size'));
  const size = parseQuantity(volume.size ?? '');
  if (size === undefined || size <= 0) errors.push(invalidValue(`${path}.size`, volume.size, 'must be greater than 0'));
  if (volume.purpose === 'modelCache' && `${deployment}-model-download`.length > 253) {
    errors.push(invalidValue('metadata.name', deployment, 'too long for the name of the download Job'));
  }
  return errors;
}

function reviewMountPath({ mountPath }: ModelVolume, path: string): FieldError[] {
  if (mountPath === undefined) return [required(`${path}.mountPath`, 'custom volumes need one')];
  if (!mountPath.startsWith('/')) return [invalidValue(`${path}.mountPath`, mountPath, 'must be absolute')];
  const system = systemPaths.find((one) => mountPath === one || mountPath.startsWith(`${one}/`));
  return system === undefined ? [] : [invalidValue(`${path}.mountPath`, mountPath, `may not be at or below ${system}`)];
}

function repeated(volumes: readonly ModelVolume[], name: 'claimName' | 'mountPath'): FieldError[] {
  return volumes.flatMap((volume, index) =>
    volume[name] !== undefined && volumes.findIndex((other) => other[name] === volume[name]) < index
      ? [duplicate(`${field}[${String(index)}].${name}`, volume[name])]
      : [],
  );
}

function onlyOne(volumes: readonly ModelVolume[], purpose: 'modelCache' | 'compilationCache'): FieldError[] {
  const [, ...more] = volumes.filter((volume) => volume.purpose === purpose);
  return more.map(({ name }) => invalidValue(field, name, `only one volume may have the purpose ${purpose}`));
}

/** A claim that was made stays as it was made. */
function reviewManaged(volumes: readonly ModelVolume[], before: readonly ModelVolume[]): FieldError[] {
  return before.filter(isManaged).flatMap((old) => {
    const now = volumes.find(({ name }) => name === old.name);
    if (now === undefined) return [invalidValue(field, old.name, 'a volume with a size may not be removed')];
    const fixed = ['purpose', 'claimName', 'mountPath', 'storageClassName', 'accessMode'] as const;
    const changed: string[] = fixed.filter((name) => now[name] !== old[name]);
    if (parseQuantity(now.size ?? '') !== parseQuantity(old.size ?? '')) changed.push('size');
    return changed.map((name) => invalidValue(`${field}[${old.name}].${name}`, old.name, `${name} is immutable`));
  });
}
