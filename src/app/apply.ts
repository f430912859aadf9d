import { isDeepStrictEqual } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { CustomResourceDefinition } from '../kinds/apiextensions/customresourcedefinition.ts';
import { defineKind, type Kind } from '../kinds/kind.ts';
import { groupOf, keyOf, type KubeObject, type ObjectRef } from '../kinds/object.ts';
import { KubeError, type FieldValidation, type KubeClient, type WriteOptions } from '../kube/client.ts';
import { ManifestError, type Manifest } from './manifests/yaml.ts';

/** kubectl's own annotation: what is applied here can be applied again with kubectl, and the other way round. */
const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** Kinds that others need to exist, in the order in which they are applied; all others follow as they stand in the file. */
const kindsFirst = ['CustomResourceDefinition', 'Namespace', 'ServiceAccount', 'Secret', 'ConfigMap', 'GatewayClass'];

export type Applied = 'created' | 'configured' | 'unchanged';

export interface ApplyOptions {
  /** What is done about fields that the API does not know; as `--validate` of kubectl. */
  readonly validation: FieldValidation;
  readonly report: (manifest: Manifest, outcome: Applied) => void;
  /** Told what the API warns of. */
  readonly warn: (message: string) => void;
}

/**
 * Applies manifests like `kubectl apply`: what an earlier apply had set and this one leaves out is removed.
 *
 * @throws ManifestError that names every object that was refused, once all others are applied
 */
export async function applyManifests(
  client: KubeClient,
  kinds: readonly Kind[],
  manifests: readonly Manifest[],
  { validation, report, warn }: ApplyOptions,
): Promise<void> {
  const place = ({ object }: Manifest): number => {
    const index = kindsFirst.indexOf(object.kind);
    return index < 0 ? kindsFirst.length : index;
  };
  const problems = new Map<Manifest, string>();
  const stored = storedObjects(client, manifests);
  const applyOne = async (manifest: Manifest): Promise<void> => {
    const { source, object } = manifest;
    const warnOf = (message: string): void => {
      warn(`${source}: ${object.kind} ${object.metadata.name}: ${message}`);
    };
    try {
      const kind = kindOf(kinds, manifest) ?? (await userDefined(client, manifest));
      report(manifest, await apply(client, stored, kind, object, { fieldValidation: validation, warn: warnOf }));
    } catch (error) {
      if (error instanceof KubeError) problems.set(manifest, `${source}: ${object.metadata.name}: ${error.message}`);
      else if (error instanceof ManifestError) problems.set(manifest, error.message);
      else throw error;
    }
  };
  const groups = [...Map.groupBy(manifests, place)].toSorted(([a], [b]) => a - b);
  for (const [, group] of groups) {
    for (const wave of wavesOf(group)) await Promise.all(wave.map(applyOne));
  }
  const inOrder = manifests.flatMap((manifest) => problems.get(manifest) ?? []);
  if (inOrder.length > 0) throw new ManifestError(inOrder.join('\n'));
}

/** Objects that are written together wait for the disk once. */
const atOnce = 16;

/** Manifests in waves of different objects: what says the same object once more comes later. */
function wavesOf(manifests: readonly Manifest[]): Manifest[][] {
  const waves: Manifest[][] = [];
  let seen = new Set<string>();
  for (const manifest of manifests) {
    const { apiVersion, kind, metadata } = manifest.object;
    const key = [groupOf(apiVersion), kind, metadata.namespace ?? 'default', metadata.name].join('/');
    const wave = waves.at(-1);
    if (wave === undefined || wave.length === atOnce || seen.has(key)) {
      waves.push([manifest]);
      seen = new Set([key]);
    } else {
      wave.push(manifest);
      seen.add(key);
    }
  }
  return waves;
}

/** The kind of a manifest, set to the version that it is written in. */
function kindOf(kinds: readonly Kind[], { object }: Manifest): Kind | undefined {
  const version = versionOf(object);
  const kind = kinds.find(
    (candidate) => candidate.kind === object.kind && candidate.group === groupOf(object.apiVersion),
  );
  const served = kind?.versions.some((candidate) => candidate.served && candidate.name === version) === true;
  return served ? { ...kind, storageVersion: version } : undefined;
}

const versionOf = ({ apiVersion }: KubeObject): string => apiVersion.slice(apiVersion.indexOf('/') + 1);

/** A definition that was applied a moment ago may not be served yet. */
const establishedWithinMs = 10_000;
const establishedPollMs = 50;

/** A kind that a CustomResourceDefinition of the user defines. @throws ManifestError when none does */
async function userDefined(client: KubeClient, { object, source }: Manifest): Promise<Kind> {
  const version = versionOf(object);
  const end = performance.now() + establishedWithinMs;
  for (;;) {
    const { items } = await client.list(CustomResourceDefinition);
    const found = items.find(
      ({ spec }) => spec.group === groupOf(object.apiVersion) && spec.names.kind === object.kind,
    );
    const served = found?.spec.versions.some((candidate) => candidate.served && candidate.name === version);
    if (found === undefined || served !== true) {
      throw new ManifestError(
        `${source}: no kind "${object.kind}" in version "${object.apiVersion}"; \`headgate up\` knows those that \`kubectl api-resources\` lists`,
      );
    }
    const { spec, status } = found;
    const isEstablished = status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True');
    if (isEstablished === true || performance.now() > end) {
      return defineKind({
        group: spec.group,
        kind: spec.names.kind,
        plural: spec.names.plural,
        namespaced: spec.scope === 'Namespaced',
        storageVersion: version,
        versions: [{ name: version, served: true, schema: {} }],
      });
    }
    await delay(establishedPollMs);
  }
}

/** What is there before manifests are applied. */
interface StoredObjects {
  get(kind: Kind, ref: ObjectRef): Promise<KubeObject | undefined>;
  /** An object as it is now. */
  put(kind: Kind, object: KubeObject): void;
}

/** Objects of a kind that are asked for one by one; of kinds with more all are read at once. */
const askedEach = 16;

function storedObjects(client: KubeClient, manifests: readonly Manifest[]): StoredObjects {
  const nameOf = (group: string, kind: string): string => `${group}/${kind}`;
  const counts = Map.groupBy(manifests, ({ object }) => nameOf(groupOf(object.apiVersion), object.kind));
  const lists = new Map<string, Promise<Map<string, KubeObject>>>();
  return {
    get: async (kind, ref) => {
      const name = nameOf(kind.group, kind.kind);
      if ((counts.get(name)?.length ?? 0) <= askedEach) return client.get(kind, ref);
      let list = lists.get(name);
      if (list === undefined) {
        list = client.list(kind).then(({ items }) => new Map(items.map((item) => [keyOf(item.metadata), item])));
        lists.set(name, list);
      }
      return (await list).get(keyOf(ref));
    },
    put: (kind, object) => {
      const list = lists.get(nameOf(kind.group, kind.kind));
      void list?.then((objects) => objects.set(keyOf(object.metadata), object));
    },
  };
}

async function apply(
  client: KubeClient,
  stored: StoredObjects,
  kind: Kind,
  object: KubeObject,
  options: WriteOptions,
): Promise<Applied> {
  const wanted = withNamespace(kind, object);
  const lastApplied = `${JSON.stringify(wanted)}\n`;
  const annotations = { ...wanted.metadata.annotations, [lastAppliedAnnotation]: lastApplied };
  const modified: KubeObject = { ...wanted, metadata: { ...wanted.metadata, annotations } };
  const current = await stored.get(kind, wanted.metadata);
  if (current === undefined) {
    stored.put(kind, await client.create(kind, modified, options));
    return 'created';
  }
  const patch = mergePatch(originalOf(current), modified, current);
  if (patch === undefined) return 'unchanged';
  stored.put(kind, await client.patch(kind, wanted.metadata, { type: 'merge', body: patch }, options));
  return 'configured';
}

function withNamespace(kind: Kind, object: KubeObject): KubeObject {
  if (!kind.namespaced) return object;
  return { ...object, metadata: { ...object.metadata, namespace: object.metadata.namespace ?? 'default' } };
}

function originalOf(current: KubeObject): unknown {
  const text = current.metadata.annotations?.[lastAppliedAnnotation];
  if (text === undefined) return {};
  try {
    return JSON.parse(text);
  } catch {
    // Somebody edited the annotation: nothing is known to be ours, so nothing is removed.
    return {};
  }
}

/**
 * The JSON merge patch (RFC 7386) that makes `current` what `modified` says, removing what `original` had and `modified`
 * has not; undefined when there is nothing to do. Lists are replaced whole.
 */
export function mergePatch(original: unknown, modified: unknown, current: unknown): unknown {
  if (!isRecord(modified) || !isRecord(current)) {
    // A list that was edited may have lost fields inside its items, which only a comparison with the original shows.
    const edited = Array.isArray(modified) && !isDeepStrictEqual(original, modified);
    return !edited && covers(current, modified) ? undefined : modified;
  }
  const before = isRecord(original) ? original : {};
  const patch: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(modified)) {
    const change = mergePatch(before[field], value, current[field]);
    if (change !== undefined) patch[field] = change;
  }
  for (const field of Object.keys(before)) {
    if (!(field in modified) && field in current) patch[field] = null;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

/** True when `current` says all that `wanted` says; it may say more, for the API server fills in defaults. */
function covers(current: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(current) && current.length === wanted.length && wanted.every((item, i) => covers(current[i], item))
    );
  }
  if (isRecord(wanted)) {
    return isRecord(current) && Object.entries(wanted).every(([field, value]) => covers(current[field], value));
  }
  return isDeepStrictEqual(current, wanted);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
