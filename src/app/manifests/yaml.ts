import { isMap, LineCounter, parseAllDocuments, type Document, type ScalarTag, type Tags } from 'yaml';
import type { KubeObject } from '../../kinds/object.ts';

/** An object of a user's file, with where it stands there. */
export interface Manifest {
  /** `file:line` of the document. */
  readonly source: string;
  readonly object: KubeObject;
}

/** Something in a user's file that is not a Kubernetes object, or that the API refuses; the message names the file and the line. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

/** An alias may stand for what is large; a few of them that nest would fill memory. */
const maxAliases = 100;

/** Go's number parser knows YAML 1.2's octals, too. */
const newOctal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  identify: () => false,
  default: true,
  format: 'OCT',
  test: /^[-+]?0o[0-7]+$/,
  resolve: (text) => (text.startsWith('-') ? -1 : 1) * Number(text.replace(/^[-+]/, '')),
};

/** Numbers in base 60 and times are texts to kubectl. */
const foreignTags = new Set(['tag:yaml.org,2002:timestamp']);

/** A dot alone is a text to Go. */
const float: ScalarTag = {
  tag: 'tag:yaml.org,2002:float',
  identify: () => false,
  default: true,
  test: /^[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)$/,
  resolve: (text) => Number.parseFloat(text.replaceAll('_', '')),
};

function kubectlTags(tags: Tags): Tags {
  const kept = tags.filter((tag) => {
    if (typeof tag !== 'object') return true;
    if (foreignTags.has(tag.tag) || ('format' in tag && tag.format === 'TIME')) return false;
    return !(tag.tag === float.tag && 'test' in tag && tag.test instanceof RegExp && tag.test.test('.'));
  });
  return [newOctal, float, ...kept];
}

/** The values of a YAML or JSON text by kubectl's rules: YAML 1.1 as sigs.k8s.io/yaml reads it. */
function documentsOf(text: string, file: string): { document: Document.Parsed; source: string }[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: true,
    version: '1.1',
    merge: true,
    customTags: kubectlTags,
  });
  return [...documents].map((document) => {
    const [problem] = document.errors;
    if (problem !== undefined) throw new ManifestError(`${file}: ${problem.message}`);
    const start = isMap(document.contents) ? document.contents.range?.[0] : document.range[0];
    return { document, source: `${file}:${lines.linePos(start ?? 0).line}` };
  });
}

/** Every document of a text that is not empty, as plain data. */
export function readYaml(text: string, file: string): { value: unknown; source: string }[] {
  return documentsOf(text, file)
    .filter(({ document }) => document.contents !== null)
    .map(({ document, source }) => {
      try {
        return { value: document.toJS({ maxAliasCount: maxAliases }) as unknown, source };
      } catch (error) {
        throw new ManifestError(`${source}: ${error instanceof Error ? error.message : String(error)}`);
      }
    })
    .filter(({ value }) => value !== null);
}

/** The objects of one YAML or JSON text; empty documents are skipped and lists are unfolded. */
export function parseManifests(text: string, file: string): Manifest[] {
  return readYaml(text, file).flatMap(({ value, source }) => objectsOf(value, source));
}

/** The object, or what a `List` or a list of one kind (`ConfigMapList`) holds. */
export function objectsOf(value: unknown, source: string): Manifest[] {
  if (!isRecord(value)) throw new ManifestError(`${source}: not a Kubernetes object but ${JSON.stringify(value)}`);
  const { kind, apiVersion, items } = value;
  if (typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items)) {
    const itemKind = kind.slice(0, -'List'.length);
    return items.flatMap((item: unknown) =>
      // The items of a list of one kind need not repeat it.
      objectsOf(itemKind === '' || !isRecord(item) ? item : { apiVersion, kind: itemKind, ...item }, source),
    );
  }
  return [{ source, object: asObject(value, source) }];
}

function asObject(value: Record<string, unknown>, source: string): KubeObject {
  for (const field of ['apiVersion', 'kind'] as const) {
    if (typeof value[field] !== 'string' || value[field] === '') {
      throw new ManifestError(`${source}: ${field} is missing: every object needs apiVersion, kind and metadata.name`);
    }
  }
  const metadata = value['metadata'];
  const name = isRecord(metadata) ? (metadata['name'] ?? undefined) : undefined;
  if (name === undefined) throw new ManifestError(`${source}: ${String(value['kind'])} has no metadata.name`);
  if (typeof name !== 'string') {
    const read = JSON.stringify(name);
    throw new ManifestError(`${source}: metadata.name of ${String(value['kind'])} is ${read}, not a text: quote it`);
  }
  // The API server validates the rest, with the field and the rule.
  return value as unknown as KubeObject;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
