import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { buildKustomization } from '../kustomize/build.ts';
import { kustomizationFiles, kustomizationIn } from '../kustomize/kustomization.ts';
import { fetchText, isUrl, readText } from './text.ts';
import { ManifestError, parseManifests, type Manifest } from './yaml.ts';

export interface ReadOptions {
  /** Directories below directories are read, too. */
  readonly recursive?: boolean;
  /** What `-` stands for. */
  readonly stdin?: NodeJS.ReadableStream;
}

/**
 * What the `-f` of kubectl takes: files, directories (in name order), URLs, and `-`. A directory with a kustomization is built as `kubectl apply -k` does.
 *
 * @throws ManifestError that names the file and the line
 */
export async function readManifests(given: readonly string[], options: ReadOptions = {}): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  for (const one of given) manifests.push(...(await readOne(one, options)));
  return manifests;
}

async function readOne(given: string, { recursive = false, stdin = process.stdin }: ReadOptions): Promise<Manifest[]> {
  if (given === '-') return parseManifests((await buffer(stdin)).toString(), 'standard input');
  if (isUrl(given)) return parseManifests(await fetchText(given), given);
  const info = await stat(given).catch((error: unknown) => {
    throw new ManifestError(`cannot read ${given}: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (!info.isDirectory()) {
    const isKustomization = kustomizationFiles.includes(path.basename(given));
    return isKustomization ? buildKustomization(path.dirname(given)) : parseManifests(await readText(given), given);
  }
  if ((await kustomizationIn(given)) !== undefined) return buildKustomization(given);
  const entries = await readdir(given, { recursive, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && /\.(ya?ml|json)$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .toSorted();
  if (files.length === 0) {
    const more = recursive ? '' : '; --recursive looks into directories below';
    throw new ManifestError(`${given}: no .yaml, .yml or .json file${more}`);
  }
  const manifests: Manifest[] = [];
  for (const file of files) manifests.push(...parseManifests(await readText(file), file));
  return manifests;
}
