import { createHash } from 'node:crypto';
import path from 'node:path';
import { isUtf8 } from 'node:buffer';
import type { KubeObject } from '../../kinds/object.ts';
import { readBytes } from '../manifests/text.ts';
import { ManifestError } from '../manifests/yaml.ts';
import type { Generator, GeneratorOptions, Kustomization } from './kustomization.ts';
import { isCalled, type Resource } from './resource.ts';

/** What `configMapGenerator` and `secretGenerator` make, put among the resources. */
export async function generate(kustomization: Kustomization, resources: Resource[]): Promise<void> {
  for (const [kind, generators] of [
    ['ConfigMap', kustomization.configMaps],
    ['Secret', kustomization.secrets],
  ] as const) {
    for (const generator of generators) {
      const entries = await entriesOf(kustomization, generator);
      addGenerated(kustomization, resources, kind, generator, entries);
    }
  }
}

function addGenerated(
  kustomization: Kustomization,
  resources: Resource[],
  kind: 'ConfigMap' | 'Secret',
  generator: Generator,
  entries: ReadonlyMap<string, Buffer>,
): void {
  const { name, namespace, behavior, options } = generator;
  const same = resources.findIndex(({ object, ...rest }) => {
    return (
      object.kind === kind &&
      isCalled({ object, ...rest }, name) &&
      (namespace ?? object.metadata.namespace) === object.metadata.namespace
    );
  });
  if (behavior === 'create' && same >= 0) {
    throw new ManifestError(
      `${kustomization.file}: ${kind} ${name} is there already: set behavior to merge or replace`,
    );
  }
  if (behavior !== 'create' && same < 0) {
    throw new ManifestError(`${kustomization.file}: there is no ${kind} ${name} to ${behavior}`);
  }
  const settings = merged(kustomization.generatorOptions, options);
  const made = generatedObject(kind, generator, settings, entries);
  const before = resources[same];
  if (before === undefined) {
    const hashed = settings.disableNameSuffixHash !== true;
    resources.push({ object: made, source: kustomization.file, formerNames: [], hashed });
    return;
  }
  const old = before.object;
  const metadata = { ...made.metadata, ...old.metadata };
  const keep = (field: string): object => {
    const both = { ...(behavior === 'merge' ? Reflect.get(old, field) : {}), ...Reflect.get(made, field) } as object;
    return Object.keys(both).length === 0 ? {} : { [field]: both };
  };
  before.object = { ...(behavior === 'merge' ? old : made), metadata, ...keep('data'), ...keep('binaryData') };
}

function generatedObject(
  kind: 'ConfigMap' | 'Secret',
  { name, namespace, type }: Generator,
  { labels = {}, annotations = {}, immutable = false }: GeneratorOptions,
  entries: ReadonlyMap<string, Buffer>,
): KubeObject {
  const metadata = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(Object.keys(labels).length === 0 ? {} : { labels: { ...labels } }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations: { ...annotations } }),
  };
  const texts: Record<string, string> = {};
  const binary: Record<string, string> = {};
  for (const [key, bytes] of entries) {
    if (kind === 'Secret') texts[key] = bytes.toString('base64');
    else if (isUtf8(bytes)) texts[key] = bytes.toString();
    else binary[key] = bytes.toString('base64');
  }
  const content = {
    ...(kind === 'Secret' ? { type: type ?? 'Opaque' } : {}),
    ...(Object.keys(texts).length === 0 ? {} : { data: texts }),
    ...(Object.keys(binary).length === 0 ? {} : { binaryData: binary }),
    ...(immutable ? { immutable } : {}),
  };
  return { apiVersion: 'v1', kind, metadata, ...content };
}

function merged(all: GeneratorOptions, own: GeneratorOptions): GeneratorOptions {
  return {
    labels: { ...all.labels, ...own.labels },
    annotations: { ...all.annotations, ...own.annotations },
    disableNameSuffixHash: all.disableNameSuffixHash === true || own.disableNameSuffixHash === true,
    immutable: all.immutable === true || own.immutable === true,
  };
}

async function entriesOf(
  { directory, file }: Kustomization,
  { name, files, literals, envs }: Generator,
): Promise<Map<string, Buffer>> {
  const entries = new Map<string, Buffer>();
  const add = (key: string, bytes: Buffer): void => {
    if (entries.has(key)) throw new ManifestError(`${file}: ${name}: key ${key} is given twice`);
    entries.set(key, bytes);
  };
  for (const given of envs) {
    for (const line of (await readBytes(insideOf(directory, given))).toString().split(/\r?\n/)) {
      if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
      const [key, value] = pairOf(line, `${given} of ${file}`);
      add(key, Buffer.from(value));
    }
  }
  for (const given of files) {
    const [key, where] = given.includes('=') ? pairOf(given, file) : [path.basename(given), given];
    add(key, await readBytes(insideOf(directory, where)));
  }
  for (const literal of literals) {
    const [key, value] = pairOf(literal, file);
    add(key, Buffer.from(value.replace(/^(['"])(.*)\1$/s, '$2')));
  }
  return entries;
}

function pairOf(text: string, place: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new ManifestError(`${place}: "${text}": expected key=value`);
  return [text.slice(0, at).trim(), text.slice(at + 1)];
}

/** kustomize reads files in or below the directory of the kustomization only. */
export function insideOf(directory: string, given: string): string {
  const file = path.resolve(directory, given);
  if (path.relative(path.resolve(directory), file).startsWith('..')) {
    throw new ManifestError(`${given} is not in or below ${directory}, as kustomize wants files to be`);
  }
  return file;
}

/** The letters that stand for hexadecimal digits, so that no hash spells a word. */
const letters: Readonly<Record<string, string>> = { '0': 'g', '1': 'h', '3': 'k', a: 'm', e: 't' };

/** kustomize's hash of a ConfigMap or Secret: of its kind and content as Go writes JSON; the name is left empty. */
export function contentHash(object: KubeObject): string {
  const name = '';
  const field = (of: string): unknown => Reflect.get(object, of);
  const optional = (of: string): object => (field(of) === undefined ? {} : { [of]: field(of) });
  const hashedFields =
    object.kind === 'Secret'
      ? { data: field('data') ?? '', kind: 'Secret', name, ...optional('stringData'), type: field('type') ?? '' }
      : { ...optional('binaryData'), data: field('data') ?? '', kind: 'ConfigMap', name };
  const hex = createHash('sha256').update(goJson(hashedFields)).digest('hex');
  return hex.slice(0, 10).replaceAll(/[013ae]/g, (digit) => letters[digit] ?? digit);
}

/** JSON with sorted keys and without what HTML reads as markup. */
function goJson(value: unknown): string {
  const sorted = (item: unknown): unknown =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(
          Object.entries(item)
            .toSorted(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, below]) => [key, sorted(below)]),
        )
      : item;
  return JSON.stringify(sorted(value)).replace(
    /[<>&\u2028\u2029]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
