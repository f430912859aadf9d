import { access } from 'node:fs/promises';
import path from 'node:path';
import { isRecord, ManifestError, readYaml } from '../manifests/yaml.ts';
import { readText } from '../manifests/text.ts';

/** A kustomization file as far as it is understood here; anything else in it is refused by name. */
export interface Kustomization {
  readonly directory: string;
  readonly file: string;
  readonly isComponent: boolean;
  /** Files, directories and URLs, `bases` among them. */
  readonly resources: readonly string[];
  readonly components: readonly string[];
  readonly patches: readonly Patch[];
  readonly configMaps: readonly Generator[];
  readonly secrets: readonly Generator[];
  readonly generatorOptions: GeneratorOptions;
  readonly namespace: string | undefined;
  readonly namePrefix: string;
  readonly nameSuffix: string;
  readonly labels: readonly LabelRule[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly images: readonly ImageRule[];
  readonly replicas: readonly { readonly name: string; readonly count: number }[];
}

export interface Patch {
  /** Inline; else `path`. */
  readonly patch: string | undefined;
  readonly path: string | undefined;
  readonly target: PatchTarget | undefined;
}

/** Which resources a patch is for: each text is a regular expression for the whole of the field. */
export interface PatchTarget {
  readonly group?: string;
  readonly version?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly annotationSelector?: string;
}

export interface Generator {
  readonly name: string;
  readonly namespace: string | undefined;
  /** Of a Secret. */
  readonly type: string | undefined;
  readonly behavior: 'create' | 'merge' | 'replace';
  readonly files: readonly string[];
  readonly literals: readonly string[];
  readonly envs: readonly string[];
  readonly options: GeneratorOptions;
}

export interface GeneratorOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly disableNameSuffixHash?: boolean;
  readonly immutable?: boolean;
}

export interface LabelRule {
  readonly pairs: Readonly<Record<string, string>>;
  readonly selectors: boolean;
  readonly templates: boolean;
}

export interface ImageRule {
  readonly name: string;
  readonly newName: string | undefined;
  readonly newTag: string | undefined;
  readonly digest: string | undefined;
}

export const kustomizationFiles = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'];

/** The kustomization file of a directory; undefined where there is none. */
export async function kustomizationIn(directory: string): Promise<string | undefined> {
  for (const name of kustomizationFiles) {
    const file = path.join(directory, name);
    const exists = await access(file).then(
      () => true,
      () => false,
    );
    if (exists) return file;
  }
  return undefined;
}

const known = new Set([
  'apiVersion',
  'kind',
  'metadata',
  'resources',
  'bases',
  'components',
  'namespace',
  'namePrefix',
  'nameSuffix',
  'labels',
  'commonLabels',
  'commonAnnotations',
  'images',
  'replicas',
  'generatorOptions',
  'patches',
  'patchesStrategicMerge',
  'patchesJson6902',
  'configMapGenerator',
  'secretGenerator',
]);

/** @throws ManifestError that names the file and the field */
export async function readKustomization(directory: string): Promise<Kustomization> {
  const file = await kustomizationIn(directory);
  if (file === undefined) throw new ManifestError(`${directory}: no ${kustomizationFiles.join(', ')} there`);
  const [document, ...more] = readYaml(await readText(file), file);
  if (!isRecord(document?.value) || more.length > 0) throw new ManifestError(`${file}: one kustomization expected`);
  const fields = new Fields(document.value, file, '');
  const unknown = Object.keys(document.value).filter((field) => !known.has(field));
  if (unknown.length > 0) {
    const names = unknown.join(', ');
    throw new ManifestError(
      `${file}: ${names}: not supported here; build it first: kubectl kustomize ${directory} | headgate up -f -`,
    );
  }
  return {
    directory,
    file,
    isComponent: fields.text('kind') === 'Component',
    resources: [...fields.texts('resources'), ...fields.texts('bases')],
    components: fields.texts('components'),
    patches: patchesOf(fields),
    configMaps: fields.records('configMapGenerator').map(generatorOf),
    secrets: fields.records('secretGenerator').map(generatorOf),
    generatorOptions: optionsOf(fields.record('generatorOptions')),
    namespace: fields.text('namespace'),
    namePrefix: fields.text('namePrefix') ?? '',
    nameSuffix: fields.text('nameSuffix') ?? '',
    labels: labelsOf(fields),
    annotations: fields.textMap('commonAnnotations'),
    images: fields.records('images').map((image) => {
      image.only('name', 'newName', 'newTag', 'digest');
      const [newName, newTag] = [image.text('newName'), image.text('newTag')];
      return { name: image.needed('name'), newName, newTag, digest: image.text('digest') };
    }),
    replicas: fields.records('replicas').map((replicas) => {
      replicas.only('name', 'count');
      return { name: replicas.needed('name'), count: replicas.number('count') };
    }),
  };
}

function patchesOf(fields: Fields): Patch[] {
  const targeted = (patch: Fields): Patch => {
    patch.only('path', 'patch', 'target', 'options');
    const target = patch.record('target');
    target?.only('group', 'version', 'kind', 'name', 'namespace', 'labelSelector', 'annotationSelector');
    return { patch: patch.text('patch'), path: patch.text('path'), target: target?.texted() };
  };
  // An entry is a file, or the patch itself.
  const merges = fields.texts('patchesStrategicMerge').map((entry): Patch => {
    const inline = entry.includes('\n') || entry.trimStart().startsWith('{');
    return { patch: inline ? entry : undefined, path: inline ? undefined : entry, target: undefined };
  });
  return [...merges, ...fields.records('patches').map(targeted), ...fields.records('patchesJson6902').map(targeted)];
}

function generatorOf(fields: Fields): Generator {
  fields.only('name', 'namespace', 'type', 'behavior', 'files', 'literals', 'env', 'envs', 'options');
  const behavior = fields.text('behavior') ?? 'create';
  if (behavior !== 'create' && behavior !== 'merge' && behavior !== 'replace') {
    throw fields.error('behavior', 'use create, merge or replace');
  }
  const env = fields.text('env');
  return {
    name: fields.needed('name'),
    namespace: fields.text('namespace'),
    type: fields.text('type'),
    behavior,
    files: fields.texts('files'),
    literals: fields.texts('literals'),
    envs: [...fields.texts('envs'), ...(env === undefined ? [] : [env])],
    options: optionsOf(fields.record('options')),
  };
}

function optionsOf(fields: Fields | undefined): GeneratorOptions {
  if (fields === undefined) return {};
  fields.only('labels', 'annotations', 'disableNameSuffixHash', 'immutable');
  return {
    labels: fields.textMap('labels'),
    annotations: fields.textMap('annotations'),
    disableNameSuffixHash: fields.flag('disableNameSuffixHash'),
    immutable: fields.flag('immutable'),
  };
}

function labelsOf(fields: Fields): LabelRule[] {
  const common = fields.textMap('commonLabels');
  const rules = fields.records('labels').map((rule): LabelRule => {
    rule.only('pairs', 'includeSelectors', 'includeTemplates');
    const selectors = rule.flag('includeSelectors');
    return { pairs: rule.textMap('pairs'), selectors, templates: selectors || rule.flag('includeTemplates') };
  });
  return Object.keys(common).length === 0 ? rules : [{ pairs: common, selectors: true, templates: true }, ...rules];
}

/** Typed looks into a part of the file; what is of another type is an error that names the field. */
class Fields {
  readonly #value: Record<string, unknown>;
  readonly #file: string;
  readonly #path: string;

  constructor(value: Record<string, unknown>, file: string, path: string) {
    this.#value = value;
    this.#file = file;
    this.#path = path;
  }

  error(field: string, problem: string): ManifestError {
    return new ManifestError(`${this.#file}: ${this.#path}${field}: ${problem}`);
  }

  /** @throws ManifestError for a field that is not understood */
  only(...names: string[]): void {
    for (const field of Object.keys(this.#value)) {
      if (!names.includes(field)) throw this.error(field, `not supported here; there are ${names.join(', ')}`);
    }
  }

  text(field: string): string | undefined {
    const value = this.#value[field] ?? undefined;
    if (value === undefined || typeof value === 'string') return value;
    if (typeof value === 'number') return String(value);
    throw this.error(field, 'a text expected');
  }

  needed(field: string): string {
    const value = this.text(field);
    if (value === undefined) throw this.error(field, 'is missing');
    return value;
  }

  number(field: string): number {
    const value = this.#value[field];
    if (typeof value !== 'number') throw this.error(field, 'a number expected');
    return value;
  }

  flag(field: string): boolean {
    const value = this.#value[field] ?? false;
    if (typeof value !== 'boolean') throw this.error(field, 'true or false expected');
    return value;
  }

  texts(field: string): string[] {
    const value = this.#value[field] ?? [];
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
      throw this.error(field, 'a list of texts expected');
    }
    return value;
  }

  textMap(field: string): Record<string, string> {
    const value = this.#value[field] ?? {};
    if (!isRecord(value)) throw this.error(field, 'a map of texts expected');
    return new Fields(value, this.#file, `${this.#path}${field}.`).texted();
  }

  /** All of it, as texts. */
  texted(): Record<string, string> {
    return Object.fromEntries(
      Object.entries(this.#value).map(([name, value]) => {
        if (typeof value === 'string') return [name, value];
        if (typeof value === 'number' || typeof value === 'boolean') return [name, String(value)];
        throw this.error(name, 'a text expected');
      }),
    );
  }

  record(field: string): Fields | undefined {
    const value = this.#value[field] ?? undefined;
    if (value === undefined) return undefined;
    if (!isRecord(value)) throw this.error(field, 'a map expected');
    return new Fields(value, this.#file, `${this.#path}${field}.`);
  }

  records(field: string): Fields[] {
    const value = this.#value[field] ?? [];
    if (!Array.isArray(value)) throw this.error(field, 'a list expected');
    return value.map((item: unknown, at) => {
      if (!isRecord(item)) throw this.error(`${field}[${at}]`, 'a map expected');
      return new Fields(item, this.#file, `${this.#path}${field}[${at}].`);
    });
  }
}
