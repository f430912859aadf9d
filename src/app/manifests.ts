import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { isMap, LineCounter, parseAllDocuments, type Document } from 'yaml';
import type { KubeObject } from '../kinds/object.ts';

/** An object of a user's file, with where it stands there. */
export interface Manifest {
  /** `file:line` of the document. */
  source: string;
  object: KubeObject;
}

/** Something in a user's file that is not a Kubernetes object; the message names the file and the line. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

const maxFileBytes = 16 * 1024 * 1024;

/** Reads files, and all .yaml, .yml and .json files below directories (in name order), as Kubernetes objects. */
export async function readManifests(paths: readonly string[]): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  for (const given of paths) {
    for (const file of await filesAt(given)) manifests.push(...parseManifests(await readFile(file, 'utf8'), file));
  }
  return manifests;
}

async function filesAt(given: string): Promise<string[]> {
  const info = await stat(given).catch((error: unknown) => {
    throw new ManifestError(`cannot read ${given}: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (info.isDirectory()) {
    const entries = await readdir(given, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && /\.(ya?ml|json)$/.test(entry.name))
      .map((entry) => path.join(entry.parentPath, entry.name))
      .toSorted();
  }
  if (info.size > maxFileBytes) throw new ManifestError(`${given}: larger than ${maxFileBytes} bytes`);
  return [given];
}

/** The objects of one YAML or JSON text; empty documents are skipped and `kind: List` is unfolded. */
export function parseManifests(text: string, file: string): Manifest[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: true });
  return [...documents].flatMap((document) => {
    const [problem] = document.errors;
    if (problem !== undefined) throw new ManifestError(`${file}: ${problem.message}`);
    return objectsOf(document, file, lines);
  });
}

function objectsOf(document: Document.Parsed, file: string, lines: LineCounter): Manifest[] {
  if (document.contents === null) return [];
  const start = isMap(document.contents) ? document.contents.range[0] : document.range[0];
  const source = `${file}:${lines.linePos(start).line}`;
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  const items = isList(value) ? value.items : [value];
  return items.filter((item) => item !== null).map((item) => ({ source, object: asObject(item, source) }));
}

function isList(value: unknown): value is { items: unknown[] } {
  return isRecord(value) && value['kind'] === 'List' && Array.isArray(value['items']);
}

function asObject(value: unknown, source: string): KubeObject {
  if (!isRecord(value)) throw new ManifestError(`${source}: not a Kubernetes object but ${JSON.stringify(value)}`);
  for (const field of ['apiVersion', 'kind'] as const) {
    if (typeof value[field] !== 'string' || value[field] === '') {
      throw new ManifestError(`${source}: ${field} is missing: every object needs apiVersion, kind and metadata.name`);
    }
  }
  const metadata = value['metadata'];
  if (!isRecord(metadata) || typeof metadata['name'] !== 'string') {
    throw new ManifestError(`${source}: ${String(value['kind'])} has no metadata.name`);
  }
  // The API server validates the rest, with the field and the rule.
  return value as unknown as KubeObject;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
