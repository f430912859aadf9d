import type { Kind } from '../kinds/kind.ts';
import type { KubeObject, ObjectRef } from '../kinds/object.ts';

/**
 * The one way the rest of the code talks to a Kubernetes API. The implementation over HTTP is `httpclient.ts`; there is
 * no other: the embedded API is reached the same way as a cluster's (design section 1).
 */
export interface KubeClient {
  /** undefined when there is no such object. */
  get<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef): Promise<T | undefined>;
  list<T extends KubeObject>(kind: Kind<T>, options?: ListOptions): Promise<ObjectList<T>>;
  create<T extends KubeObject>(kind: Kind<T>, object: T, options?: WriteOptions): Promise<T>;
  /** Replaces the object; with a resourceVersion in its metadata, only that version (else a 409 KubeError). */
  update<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T>;
  updateStatus<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T>;
  patch<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef, patch: Patch, options?: WriteOptions): Promise<T>;
  /** Creates what has no place of its own but below an object, such as the `token` of a ServiceAccount; returns the answer. */
  createBelow<Answer>(kind: Kind, ref: ObjectRef, subresource: string, body: unknown): Promise<Answer>;
  /** The text below an object, such as a Pod's `log`; an answer beyond 8 MiB is refused. */
  readBelow(kind: Kind, ref: ObjectRef, subresource: string, query?: Readonly<Record<string, string>>): Promise<string>;
  /** Deleting what does not exist is not an error. */
  delete(kind: Kind, ref: ObjectRef, options?: DeleteOptions): Promise<void>;
  /**
   * One watch request from `resourceVersion` on; ends when the server ends it or `signal` aborts, throws KubeError (410 when
   * the version is too old). Reconnecting is the informer's job.
   */
  watch<T extends KubeObject>(kind: Kind<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  close(): Promise<void>;
}

export interface ListOptions {
  namespace?: string | undefined;
  labelSelector?: string;
  fieldSelector?: string;
}

export interface ObjectList<T> {
  items: T[];
  resourceVersion: string;
}

export type Patch = PlainPatch | ApplyPatch;

interface PlainPatch {
  type: 'json' | 'merge' | 'strategic';
  body: unknown;
  subresource?: 'status' | 'scale';
}

/** Server-side apply: creates the object or makes the fields in `body` the manager's own. */
interface ApplyPatch {
  type: 'apply';
  body: unknown;
  fieldManager: string;
  /** Takes fields over from other managers, which is a conflict (409) otherwise. */
  force?: boolean;
  subresource?: 'status';
}

/** What the API does about fields that it does not know: nothing, a warning, or an error. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export interface WriteOptions {
  fieldValidation?: FieldValidation;
  /** Told each warning of the API. */
  warn?: (message: string) => void;
}

export interface DeleteOptions {
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  gracePeriodSeconds?: number;
  /** Delete only the object with this uid. */
  uid?: string;
}

export interface WatchOptions extends ListOptions {
  resourceVersion: string;
  signal: AbortSignal;
}

export type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; object: { metadata: { resourceVersion: string } } };

/** An answer of the API other than success: its HTTP status with the reason and message of the metav1.Status. */
export class KubeError extends Error {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message: string) {
    super(message);
    this.name = 'KubeError';
    this.code = code;
    this.reason = reason;
  }
}

export const isConflict = (error: unknown): boolean => error instanceof KubeError && error.code === 409;
export const isNotFound = (error: unknown): boolean => error instanceof KubeError && error.code === 404;
/** The resource version asked for is too old: list anew. */
export const isExpired = (error: unknown): boolean => error instanceof KubeError && error.code === 410;
/**
 * The object is gone, or its namespace is being deleted and takes nothing new: whoever writes to it has only not heard of it
 * yet. A kind that the API does not serve and a namespace that does not exist are something else, though 404s, too.
 */
export const isGone = (error: unknown): boolean =>
  error instanceof KubeError &&
  ((error.code === 404 && !/could not find the requested resource|^namespaces "/.test(error.message)) ||
    (error.code === 403 && error.message.includes('because it is being terminated')));
