import { apiVersionOf, type Kind, type KindVersion } from '../kinds/kind.ts';
import { createReadThrough } from './crd/readthrough.ts';
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

/** What is served. It changes while the server runs, when users define and remove kinds: ask it again each time. */
export interface Resources {
  readonly all: readonly Served[];
  find(group: string, version: string, plural: string): Served | undefined;
  /** The storage version of a kind; every stored object can be handled through it. */
  storageOf(id: string): Served | undefined;
  /** By apiVersion and kind, as owner references name it. */
  ofObject(apiVersion: string, kind: string): Served | undefined;
  /** Serves a kind, in the place of the one that was stored under the same id. */
  define(kind: Kind): void;
  remove(id: string): void;
}

const storedVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** What can be done with a kind's objects. Namespaces are deleted one by one, as in Kubernetes. */
export function verbsOf(kind: Kind): readonly string[] {
  if (kind.verbs !== undefined) return kind.verbs;
  return resourceId(kind) === '/namespaces' ? storedVerbs.filter((verb) => verb !== 'deletecollection') : storedVerbs;
}

export function resourceId(kind: Pick<Kind, 'group' | 'plural'>): string {
  return `${kind.group}/${kind.plural}`;
}

interface Index {
  all: Served[];
  byPath: Map<string, Served>;
  byObject: Map<string, Served>;
}

export function createResources(kinds: readonly Kind[]): Resources {
  const byId = new Map<string, { served: Served[]; storage: Served | undefined }>();
  let index: Index | undefined;

  const define = (kind: Kind) => {
    const storage = kind.versions.find(({ name }) => name === kind.storageVersion);
    byId.set(resourceId(kind), {
      served: kind.versions.filter((version) => version.served).map((version) => serve(kind, version)),
      storage: storage && serve(kind, storage),
    });
    index = undefined;
  };
  const current = (): Index => (index ??= indexOf([...byId.values()].flatMap(({ served }) => served)));
  for (const kind of kinds) define(kind);

  return {
    get all() {
      return current().all;
    },
    find: (group, version, plural) =>
      current().byPath.get(`${group === '' ? version : `${group}/${version}`}/${plural}`),
    storageOf: (id) => byId.get(id)?.storage,
    ofObject: (apiVersion, kind) => current().byObject.get(`${apiVersion}/${kind}`),
    define,
    remove(id) {
      byId.delete(id);
      index = undefined;
    },
  };
}

function indexOf(all: Served[]): Index {
  return {
    all,
    byPath: new Map(all.map((served) => [`${served.apiVersion}/${served.kind.plural}`, served])),
    byObject: new Map(all.map((served) => [`${served.apiVersion}/${served.kind.kind}`, served])),
  };
}

function serve(kind: Kind, version: KindVersion): Served {
  const apiVersion = apiVersionOf(kind, version.name);
  const base = kind.storedAs ?? kind;
  const stored = apiVersionOf(base);
  const converted = new WeakMap<StoredObject, StoredObject>();
  let compiled: ObjectSchema | undefined;
  const schema = () => (compiled ??= compileObjectSchema(kind, version));
  const read = kind.userDefined === true ? createReadThrough(schema) : (object: StoredObject) => object;
  return {
    kind,
    version,
    apiVersion,
    id: resourceId(base),
    schema,
    toStorage: (object) =>
      apiVersion === stored
        ? object
        : { ...(version.toStorage?.(object) ?? object), apiVersion: stored, kind: base.kind },
    fromStorage(object) {
      if (object.apiVersion === apiVersion) return read(object);
      const known = converted.get(object);
      if (known !== undefined) return known;
      const result = read({ ...(version.fromStorage?.(object) ?? object), apiVersion, kind: kind.kind });
      converted.set(object, result);
      return result;
    },
  };
}
