import { apiVersionOf, type Kind, type KindVersion } from '../kinds/kind.ts';
import { compileObjectSchema, type ObjectSchema } from './schema/object.ts';
import type { StoredObject } from './store/object.ts';

/** One kind at one version as it is served at a URL. */
export interface Served {
  readonly kind: Kind;
  readonly version: KindVersion;
  readonly apiVersion: string;
  /** Under this name the store keeps the kind's objects, whatever version they were written at. */
  readonly id: string;
  schema(): ObjectSchema;
  toStorage(object: StoredObject): StoredObject;
  /** An object of the store at this version. The same result every time, so that it is rendered once. */
  fromStorage(object: StoredObject): StoredObject;
}

export interface Resources {
  readonly all: readonly Served[];
  find(group: string, version: string, plural: string): Served | undefined;
  /** The storage version of a kind; every stored object can be handled through it. */
  storageOf(id: string): Served | undefined;
  /** By apiVersion and kind, as owner references name it. */
  ofObject(apiVersion: string, kind: string): Served | undefined;
}

export function resourceId(kind: Pick<Kind, 'group' | 'plural'>): string {
  return `${kind.group}/${kind.plural}`;
}

export function createResources(kinds: readonly Kind[]): Resources {
  const all = kinds.flatMap((kind) =>
    kind.versions.filter((version) => version.served).map((version) => serve(kind, version)),
  );
  const byPath = new Map(all.map((served) => [`${served.apiVersion}/${served.kind.plural}`, served]));
  const byObject = new Map(all.map((served) => [`${served.apiVersion}/${served.kind.kind}`, served]));
  const storage = new Map(
    kinds.flatMap((kind) => {
      const version = kind.versions.find(({ name }) => name === kind.storageVersion);
      return version === undefined ? [] : [[resourceId(kind), serve(kind, version)]];
    }),
  );
  return {
    all,
    find: (group, version, plural) => byPath.get(`${group === '' ? version : `${group}/${version}`}/${plural}`),
    storageOf: (id) => storage.get(id),
    ofObject: (apiVersion, kind) => byObject.get(`${apiVersion}/${kind}`),
  };
}

function serve(kind: Kind, version: KindVersion): Served {
  const apiVersion = apiVersionOf(kind, version.name);
  const stored = apiVersionOf(kind);
  const converted = new WeakMap<StoredObject, StoredObject>();
  let schema: ObjectSchema | undefined;
  return {
    kind,
    version,
    apiVersion,
    id: resourceId(kind),
    schema: () => (schema ??= compileObjectSchema(kind, version)),
    toStorage: (object) =>
      apiVersion === stored
        ? object
        : { ...(version.toStorage?.(object) ?? object), apiVersion: stored, kind: kind.kind },
    fromStorage(object) {
      if (object.apiVersion === apiVersion) return object;
      const known = converted.get(object);
      if (known !== undefined) return known;
      const result = { ...(version.fromStorage?.(object) ?? object), apiVersion, kind: kind.kind };
      converted.set(object, result);
      return result;
    },
  };
}
