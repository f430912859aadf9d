import { stat } from 'node:fs/promises';
import path from 'node:path';
import { fetchText, isUrl, readText } from '../manifests/text.ts';
import { ManifestError, parseManifests, type Manifest } from '../manifests/yaml.ts';
import { contentHash, generate, insideOf } from './generate.ts';
import { readKustomization, type Kustomization } from './kustomization.ts';
import { applyPatches } from './patch.ts';
import { followNames } from './references.ts';
import { rename, type Resource } from './resource.ts';
import { transform } from './transform.ts';

/** Deeper than anybody's overlays; one that leads back to itself ends here. */
const deepest = 32;

/**
 * The objects of a kustomization, as `kubectl kustomize` builds them.
 *
 * @throws ManifestError for what is wrong or not supported, naming file and field
 */
export async function buildKustomization(directory: string): Promise<Manifest[]> {
  const resources: Resource[] = [];
  await build(directory, resources, 0);
  for (const resource of resources) {
    if (resource.hashed) rename(resource, `${resource.object.metadata.name}-${contentHash(resource.object)}`);
  }
  followNames(resources);
  return resources.map(({ object, source }) => ({ object, source }));
}

/** Builds one kustomization into a list: a component works on what is in it already. */
async function build(directory: string, resources: Resource[], depth: number): Promise<void> {
  if (depth > deepest) throw new ManifestError(`${directory}: kustomizations lead to each other without an end`);
  const kustomization = await readKustomization(directory);
  const own: Resource[] = kustomization.isComponent ? resources : [];
  for (const given of kustomization.resources) await addResource(kustomization, given, own, depth);
  await generate(kustomization, own);
  for (const component of kustomization.components) {
    await build(path.resolve(directory, component), own, depth + 1);
  }
  await applyPatches(kustomization, own);
  transform(kustomization, own);
  if (own !== resources) resources.push(...own);
}

async function addResource(
  { directory, file }: Kustomization,
  given: string,
  resources: Resource[],
  depth: number,
): Promise<void> {
  const isYaml = /\.(ya?ml|json)([?#].*)?$/i.test(given);
  if (!isYaml && (isUrl(given) || /^(git@|ssh:|git::|github\.com\/)|\?ref=/.test(given))) {
    throw new ManifestError(
      `${file}: resources: ${given}: repositories are not fetched here; clone it and name the directory`,
    );
  }
  const place = isUrl(given) ? given : path.resolve(directory, given);
  if (!isUrl(given) && (await isDirectory(place, `${file}: resources`))) {
    await build(place, resources, depth + 1);
    return;
  }
  const text = isUrl(given) ? await fetchText(given) : await readText(insideOf(directory, given));
  for (const { object, source } of parseManifests(text, place)) {
    resources.push({ object, source, formerNames: [], hashed: false });
  }
}

async function isDirectory(place: string, where: string): Promise<boolean> {
  const info = await stat(place).catch((error: unknown) => {
    throw new ManifestError(`${where}: ${error instanceof Error ? error.message : String(error)}`);
  });
  return info.isDirectory();
}
