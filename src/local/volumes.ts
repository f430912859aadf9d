import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import type { Container, KeyToPath, ServiceAccountTokenProjection, Volume } from 'kubernetes-types/core/v1.js';
import type { Pod } from '../kinds/core/pod.ts';
import {
  configError,
  ContainerConfigError,
  expand,
  podField,
  type PodAddresses,
  type PodSources,
} from './environment.ts';

/** A path that a container expects, and the directory or file that stands for it: processes have no mount namespace. */
export interface Mount {
  mountPath: string;
  source: string;
}

interface VolumeContext {
  pod: Pod;
  addresses: PodAddresses;
  sources: PodSources;
  /** A token of the Pod's ServiceAccount. */
  token(projection: ServiceAccountTokenProjection): Promise<string>;
}

/** The files of a volume by relative path. */
type Files = Map<string, Buffer>;

/**
 * Writes a Pod's volumes under `directory`, each as a directory of its name, and returns where each is. Called again, it
 * brings the files to the current content of their ConfigMaps and Secrets and keeps what an emptyDir holds.
 *
 * @throws ContainerConfigError when a volume is of an unsupported type, or refers to something that does not exist.
 */
export async function writeVolumes(directory: string, context: VolumeContext): Promise<Map<string, string>> {
  const places = new Map<string, string>();
  for (const volume of context.pod.spec.volumes ?? []) {
    places.set(volume.name, await writeVolume(volume, join(directory, volume.name), context));
  }
  return places;
}

async function writeVolume(volume: Volume, place: string, context: VolumeContext): Promise<string> {
  if (volume.hostPath !== undefined) return hostPath(volume.hostPath.path, volume.hostPath.type ?? '');
  if (volume.emptyDir !== undefined) {
    await mkdir(place, { recursive: true, mode: 0o700 });
    return place;
  }
  if (volume.persistentVolumeClaim !== undefined) {
    const { claimName } = volume.persistentVolumeClaim;
    const directory = context.sources.claimDirectory(claimName);
    if (directory === undefined) throw configError(`persistentvolumeclaim "${claimName}" is not bound`);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return directory;
  }
  const files = await volumeFiles(volume, context);
  if (files === undefined) {
    const [type = 'no'] = Object.keys(volume).filter((key) => key !== 'name');
    throw new ContainerConfigError(
      'UnsupportedVolume',
      `volume "${volume.name}": the embedded node does not support ${type} volumes; it has configMap, secret, emptyDir, persistentVolumeClaim, hostPath, projected and downwardAPI`,
    );
  }
  await syncFiles(place, files);
  return place;
}

async function hostPath(path: string, type: string): Promise<string> {
  if (type === 'DirectoryOrCreate') await mkdir(path, { recursive: true });
  else if (type !== '' && !(await exists(path)))
    throw configError(`hostPath type check failed: ${path} does not exist`);
  return path;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}

/** The content of a volume that is made of API objects; undefined for other types. */
async function volumeFiles(volume: Volume, context: VolumeContext): Promise<Files | undefined> {
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap !== undefined) return configMapFiles(configMap, context);
  if (secret !== undefined) return secretFiles({ ...secret, name: secret.secretName ?? '' }, context);
  if (downwardAPI !== undefined) return downwardFiles(downwardAPI.items ?? [], context);
  if (projected === undefined) return undefined;
  const files: Files = new Map();
  for (const source of projected.sources ?? []) {
    if (source.configMap !== undefined) addAll(files, configMapFiles(source.configMap, context));
    else if (source.secret !== undefined) addAll(files, secretFiles(source.secret, context));
    else if (source.downwardAPI !== undefined) addAll(files, downwardFiles(source.downwardAPI.items ?? [], context));
    else if (source.serviceAccountToken !== undefined) {
      const { path } = source.serviceAccountToken;
      files.set(safePath(path), Buffer.from(await tokenText(source.serviceAccountToken, context)));
    } else {
      throw new ContainerConfigError(
        'UnsupportedVolume',
        `volume "${volume.name}": the embedded node projects configMap, secret, downwardAPI and serviceAccountToken only, not ${Object.keys(source).join(', ')}`,
      );
    }
  }
  return files;
}

async function tokenText(projection: ServiceAccountTokenProjection, context: VolumeContext): Promise<string> {
  try {
    return await context.token(projection);
  } catch (error) {
    throw configError(`failed to fetch token: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function addAll(files: Files, more: Files): void {
  for (const [path, content] of more) files.set(path, content);
}

interface ObjectProjection {
  name?: string;
  items?: KeyToPath[];
  optional?: boolean;
}

function configMapFiles({ name = '', items, optional = false }: ObjectProjection, context: VolumeContext): Files {
  const configMap = context.sources.configMap(name);
  if (configMap === undefined && !optional) throw configError(`configmap "${name}" not found`);
  const data: Files = new Map();
  for (const [key, text] of Object.entries(configMap?.data ?? {})) data.set(key, Buffer.from(text));
  for (const [key, base64] of Object.entries(configMap?.binaryData ?? {})) data.set(key, Buffer.from(base64, 'base64'));
  return selected(data, items, optional, `configmap "${name}"`);
}

function secretFiles({ name = '', items, optional = false }: ObjectProjection, context: VolumeContext): Files {
  const secret = context.sources.secret(name);
  if (secret === undefined && !optional) throw configError(`secret "${name}" not found`);
  const data: Files = new Map();
  for (const [key, base64] of Object.entries(secret?.data ?? {})) data.set(key, Buffer.from(base64, 'base64'));
  return selected(data, items, optional, `secret "${name}"`);
}

function selected(data: Files, items: readonly KeyToPath[] | undefined, optional: boolean, what: string): Files {
  if (items === undefined || items.length === 0) return data;
  const files: Files = new Map();
  for (const { key, path } of items) {
    const content = data.get(key);
    if (content !== undefined) files.set(safePath(path), content);
    else if (!optional) throw configError(`${what} references non-existent config key: ${key}`);
  }
  return files;
}

function downwardFiles(
  items: readonly { path: string; fieldRef?: { fieldPath: string } }[],
  { pod, addresses }: VolumeContext,
): Files {
  return new Map(
    items.map(({ path, fieldRef }) => {
      if (fieldRef === undefined) throw configError(`downwardAPI item "${path}": only fieldRef is supported`);
      return [safePath(path), Buffer.from(podField(fieldRef, pod, addresses))];
    }),
  );
}

/** A relative path that stays where it is put. */
function safePath(path: string): string {
  const normal = normalize(path);
  if (isAbsolute(normal) || normal.split('/').includes('..')) {
    throw configError(`path "${path}" must be relative and without ".."`);
  }
  return normal;
}

/** Every file appears whole: it is written beside its place and renamed. Readable by this user only, as it may hold secrets. */
async function syncFiles(place: string, files: Files): Promise<void> {
  await mkdir(place, { recursive: true, mode: 0o700 });
  for (const [path, content] of files) {
    const file = join(place, path);
    const current = await readFile(file).catch(() => undefined);
    if (current?.equals(content) === true) continue;
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(`${file}.new`, content, { mode: 0o600 });
    await rename(`${file}.new`, file);
  }
  for (const entry of await readdir(place, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && !files.has(file.slice(place.length + 1))) await rm(file, { force: true });
  }
}

/** Where the paths that a container mounts are, given where its Pod's volumes are. */
export async function containerMounts(
  container: Container,
  places: ReadonlyMap<string, string>,
  env: Readonly<Record<string, string>>,
): Promise<Mount[]> {
  const mounts: Mount[] = [];
  for (const { name, mountPath, subPath, subPathExpr } of container.volumeMounts ?? []) {
    const place = places.get(name);
    if (place === undefined) throw configError(`volumeMounts: the pod has no volume "${name}"`);
    const below = safePath(subPath ?? expand(subPathExpr ?? '', env));
    const source = below === '.' ? place : join(place, below);
    if (!(await exists(source))) await mkdir(source, { recursive: true, mode: 0o700 });
    mounts.push({ mountPath: mountPath.replace(/(?<=.)\/+$/, ''), source });
  }
  // The deepest mount wins, as in a mount namespace.
  return mounts.toSorted((a, b) => b.mountPath.length - a.mountPath.length);
}

/**
 * A word of a command line or the value of a variable, with a mounted path at its beginning or behind its first `=`
 * (`--config=/etc/app/config.yaml`) replaced by where that is here.
 */
export function rewritePath(word: string, mounts: readonly Mount[]): string {
  const start = word.startsWith('/') ? 0 : word.indexOf('=/') + 1;
  if (start === 0 && !word.startsWith('/')) return word;
  const path = word.slice(start);
  const mount = mounts.find(({ mountPath }) => path === mountPath || path.startsWith(`${mountPath}/`));
  return mount === undefined ? word : word.slice(0, start) + mount.source + path.slice(mount.mountPath.length);
}
