import type { Static, TSchema } from './type.ts';
import type { FieldError } from './fielderror.ts';
import type { KubeObject } from './object.ts';

/** A column of `kubectl get` (CustomResourceDefinition additionalPrinterColumns). */
export interface PrinterColumn {
  name: string;
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  /** kubectl's JSONPath without braces, as in a CRD: `.status.conditions[-1:].type`. */
  jsonPath?: string;
  /** For built-in kinds whose column no path can express (`READY 2/3`). Cells are what `kubectl get` prints. */
  cell?: (object: KubeObject, now: Date) => string | number;
  description?: string;
  /** 0 is always shown, more only with `-o wide`. */
  priority?: number;
}

export interface ScaleSubresource {
  specReplicasPath: string;
  statusReplicasPath: string;
  labelSelectorPath?: string;
}

export interface KindVersion {
  name: string;
  served: boolean;
  /** Text of the `Warning:` header that answers to this version carry. */
  deprecationWarning?: string;
  /**
   * Structural schema of the whole object without apiVersion, kind and metadata: an object schema with `spec`, `status` or
   * whatever top-level fields the kind has. JSON Schema plus the `x-kubernetes-*` extensions, as in a CRD. A function
   * where the schema is costly to build: it is called once, when the version is first used.
   */
  schema: TSchema | (() => TSchema);
  printerColumns?: readonly PrinterColumn[];
  /** Rewrites an object of this version to the storage version, and back. Absent where the shapes are the same. */
  toStorage?: (object: KubeObject) => KubeObject;
  fromStorage?: (object: KubeObject) => KubeObject;
}

/** What a kind's own rules find in an object. */
export interface Review {
  errors: readonly FieldError[];
  /** Shown to the user with the answer. */
  warnings: readonly string[];
}

/**
 * Rules of a kind that no schema can express, which its project has in admission webhooks. Pure: the embedded API calls them in
 * process, and a controller on a cluster can serve them as webhooks.
 */
export interface KindAdmission<T extends KubeObject = KubeObject> {
  /** The object with what the rules fill in. */
  complete(object: T): T;
  /** Called for creations (`old` absent) and updates. */
  review(object: T, old: T | undefined): Review;
}

/**
 * One resource kind: the single definition from which validation, discovery, printer columns, CRD YAML and reference docs
 * are made (design rule 5). `T` is the TypeScript type of its objects at the storage version.
 */
export interface Kind<T extends KubeObject = KubeObject> {
  group: string;
  kind: string;
  plural: string;
  singular: string;
  shortNames: readonly string[];
  categories: readonly string[];
  namespaced: boolean;
  storageVersion: string;
  versions: readonly KindVersion[];
  /** The kind has a `status` subresource: writes to the main resource ignore status, and the other way round. */
  status: boolean;
  scale?: ScaleSubresource;
  /** Built into Kubernetes: takes strategic merge patches; the others behave like custom resources. */
  builtin: boolean;
  /** The only verbs served, for kinds that are answered or measured and never stored; absent: all verbs of stored objects. */
  verbs?: readonly string[];
  /** The kind whose objects these are: they are one set of objects, served in two groups. */
  storedAs?: Kind;
  /** Defined by a user, who may redefine it: objects may have been stored under an older definition. */
  userDefined?: boolean;
  /** Kind of lists of these objects; absent: the kind with `List` appended. */
  listKind?: string;
  admission?: KindAdmission<T>;
  /** Fields that field selectors may name, beside metadata.name and metadata.namespace. */
  selectableFields?: readonly string[];
  /** Labels and annotations of the kind's CustomResourceDefinition. */
  labels?: Readonly<Record<string, string>>;
  annotations?: Readonly<Record<string, string>>;
  /** Never set: carries T, so that a client call with a kind returns its objects' type. */
  readonly objectType?: T;
}

type Options<T extends KubeObject> = Pick<Kind<T>, 'kind' | 'group' | 'plural' | 'versions'> &
  Partial<Omit<Kind<T>, 'kind' | 'group' | 'plural' | 'versions' | 'objectType'>>;

/**
 * Defines a kind. Defaults: namespaced, with a status subresource, singular = lower-case kind, not built in, stored at the
 * first version listed.
 */
export function defineKind<T extends KubeObject>(options: Options<T>): Kind<T> {
  const [first] = options.versions;
  if (first === undefined) throw new Error(`kind ${options.kind} defines no version`);
  return {
    singular: options.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: true,
    storageVersion: first.name,
    status: true,
    builtin: false,
    ...options,
  };
}

/** `apiVersion` of a kind at a version, by default the storage version. */
export function apiVersionOf(kind: Kind, version = kind.storageVersion): string {
  return kind.group === '' ? version : `${kind.group}/${version}`;
}

/** `pods`, `deployments.apps`: how messages name a kind's resource. */
export function qualifiedResource(kind: Pick<Kind, 'group' | 'plural'>): string {
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;
}

/** The TypeScript type of objects with these spec and status schemas. */
export type ObjectOf<Spec extends TSchema, Status extends TSchema> = KubeObject & {
  spec: Static<Spec>;
  status?: Static<Status>;
};

/** True when `object` is of this kind, in any of its versions. */
export function isKind<T extends KubeObject>(kind: Kind<T>, object: KubeObject): object is T {
  return object.kind === kind.kind && object.apiVersion.replace(/\/?[^/]*$/, '') === kind.group;
}
