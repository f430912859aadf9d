import { isDeepStrictEqual } from 'node:util';
import type { Kind } from '../kinds/kind.ts';
import { groupOf, type KubeObject } from '../kinds/object.ts';
import { KubeError, type KubeClient } from '../kube/client.ts';
import { ManifestError, type Manifest } from './manifests.ts';

/** kubectl's own annotation: what is applied here can be applied again with kubectl, and the other way round. */
const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** Kinds that others need to exist, in the order in which they are applied; all others follow as they stand in the file. */
const kindsFirst = ['Namespace', 'ServiceAccount', 'Secret', 'ConfigMap', 'GatewayClass'];

export type Applied = 'created' | 'configured' | 'unchanged';

/** Applies manifests like `kubectl apply`: what an earlier apply had set and this one leaves out is removed. */
export async function applyManifests(
  client: KubeClient,
  kinds: readonly Kind[],
  manifests: readonly Manifest[],
  report: (manifest: Manifest, outcome: Applied) => void,
): Promise<void> {
  const known = manifests.map((manifest) => ({ manifest, kind: kindOf(kinds, manifest) }));
  const place = ({ kind }: { kind: Kind }): number => {
    const index = kindsFirst.indexOf(kind.kind);
    return index < 0 ? kindsFirst.length : index;
  };
  for (const { manifest, kind } of known.toSorted((a, b) => place(a) - place(b))) {
    try {
      report(manifest, await apply(client, kind, manifest.object));
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      throw new ManifestError(`${manifest.source}: ${error.message}`);
    }
  }
}

/** The kind of a manifest, set to the version that it is written in. */
function kindOf(kinds: readonly Kind[], { object, source }: Manifest): Kind {
  const version = object.apiVersion.slice(object.apiVersion.indexOf('/') + 1);
  const kind = kinds.find(
    (candidate) => candidate.kind === object.kind && candidate.group === groupOf(object.apiVersion),
  );
  if (kind?.versions.some(({ name, served }) => served && name === version) !== true) {
    throw new ManifestError(
      `${source}: no kind "${object.kind}" in version "${object.apiVersion}"; \`headgate up\` knows those that \`kubectl api-resources\` lists`,
    );
  }
  return { ...kind, storageVersion: version };
}

async function apply(client: KubeClient, kind: Kind, object: KubeObject): Promise<Applied> {
  const wanted = withNamespace(kind, object);
  const lastApplied = `${JSON.stringify(wanted)}\n`;
  const annotations = { ...wanted.metadata.annotations, [lastAppliedAnnotation]: lastApplied };
  const modified: KubeObject = { ...wanted, metadata: { ...wanted.metadata, annotations } };
  const current = await client.get(kind, wanted.metadata);
  if (current === undefined) {
    await client.create(kind, modified);
    return 'created';
  }
  const patch = mergePatch(originalOf(current), modified, current);
  if (patch === undefined) return 'unchanged';
  await client.patch(kind, wanted.metadata, { type: 'merge', body: patch });
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
