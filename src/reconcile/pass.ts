import { isDeepStrictEqual } from 'node:util';
import type { Kind } from '../kinds/kind.ts';
import { keyOf, refOf, type KubeObject, type ObjectRef } from '../kinds/object.ts';
import { isGone, type KubeClient } from '../kube/client.ts';
import {
  RetryError,
  startController,
  watch,
  type Controller,
  type ReconcileResult,
  type Watch,
} from '../kube/controller.ts';
import { createEventRecorder, type EventRecorder } from '../kube/events.ts';
import type { Change, InformerCache } from '../kube/informer.ts';
import { createOwnWrites, type OwnWrites } from '../kube/ownwrites.ts';
import type { Log } from '../telemetry/log.ts';
import {
  asOnTheWire,
  completeChild,
  inOrder,
  type Child,
  type LabelPropagation,
  type Parent,
  type Removal,
} from './children.ts';
import { describeFailure, isOutdated, type WriteFailure } from './failures.ts';
import { finalize, withFinalizer, type Finalizer } from './finalizers.ts';
import { createSettled, type Settled } from './settled.ts';
import { removeChild, writeChild, writeStatus, type Writer } from './writer.ts';

/**
 * One pass over one object: observe, plan (pure), write the children that differ, write the status if it differs
 * (aim.md 3.1). Controllers are definitions that this runs; what they decide is in their plans.
 */

export type PlannedObject = KubeObject & {
  spec?: unknown;
  status?: object;
};

/** Something to be told of an object. */
export interface PlannedEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** Reads the caches; `get` and `owned` as they are after our own writes. Objects are shared: treat them as immutable. */
export interface Reader {
  get<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef): T | undefined;
  list<T extends KubeObject>(kind: Kind<T>, namespace?: string): readonly T[];
  /** What of a kind the object controls, our own writes counted in. */
  owned<T extends KubeObject>(kind: Kind<T>, owner: KubeObject): readonly T[];
  /** Objects that an index of the kind's informer files under the value; without our own writes. */
  byIndex<T extends KubeObject>(kind: Kind<T>, index: string, value: string): readonly T[];
  /** False while the API does not know the kind; then it has no objects, and children of it are not written. */
  served(kind: Kind): boolean;
}

export interface Plan<T extends PlannedObject> {
  readonly apply: readonly Child[];
  /** Deleted if they exist. */
  readonly remove?: readonly Removal[];
  /** Of the merged runtime config: which of the object's labels the children get. */
  readonly labelPropagation?: LabelPropagation | undefined;
  readonly requeueAfterMs?: number | undefined;
  /** Pure. Called after the writes, and told those that failed. */
  status(failures: readonly WriteFailure[], now: Date): Verdict<T>;
}

export interface Verdict<T extends PlannedObject> {
  readonly status: NonNullable<T['status']>;
  readonly events: readonly PlannedEvent[];
  /** Set: the pass counts as failed for this reason and is repeated with back-off. */
  readonly retry?: string | undefined;
}

export interface Definition<T extends PlannedObject, Observed> {
  /** Name of the controller, in logs and to its children's `complete`. */
  readonly name: string;
  readonly kind: Kind<T>;
  /** Kinds of owned children: a change of one wakes its owner. */
  readonly owns: readonly Kind[];
  /** Further kinds that are read or written: their caches are filled before the first pass. */
  readonly reads: readonly Kind[];
  /** What else wakes an object, beside its own changes and those of owned children. */
  readonly watches?: readonly Watch[];
  /** Objects worked on at the same time; 1. More where passes wait for others than the API. */
  readonly workers?: number;
  /** Field manager of its writes, and source of its events. */
  readonly manager: string;
  /** The whole object to write for a child, with labels and owner; `completeChild` unless given. */
  complete?(child: Child, parent: Parent): KubeObject;
  /** Annotation that, when "true", has the object left alone. */
  readonly pausedBy?: string;
  /**
   * How long a status may wait to be written while its overall state stays the same: what happens in quick succession is
   * written once. 0.
   */
  readonly statusDelayMs?: number;
  /** Takes fields over from other field managers when it applies children. */
  readonly force?: boolean;
  readonly finalizer?: Finalizer<T, Reader>;
  /** Reads what the plan needs. What it throws ends the pass, which is repeated with back-off. */
  observe(object: T, read: Reader, signal: AbortSignal): Observed | Promise<Observed>;
  /** Pure: everything it decides on is in its arguments. */
  plan(object: T, observed: Observed): Plan<T>;
  /** Told of every pass that has done all its writes, for metrics: how long it took from the plan on. */
  passed?(object: T, durationMs: number): void;
}

/** What the controllers of one process share. */
export interface ControllerEnvironment {
  readonly client: KubeClient;
  readonly informers: InformerCache;
  readonly writes: OwnWrites;
  readonly log: Log;
  /** Where jobs of cluster-scoped objects run. */
  readonly operatorNamespace: string;
  readonly now: () => Date;
}

/** `operatorNamespace` is `default` unless given. */
export function createControllerEnvironment(
  options: Pick<ControllerEnvironment, 'client' | 'informers' | 'log'> & Partial<ControllerEnvironment>,
): ControllerEnvironment {
  return {
    now: () => new Date(),
    operatorNamespace: 'default',
    ...options,
    writes: createOwnWrites(options.informers),
  };
}

/** How soon a kind that the API does not serve yet is looked for again: by a look into the cache, nothing is asked. */
const unservedRetryMs = 10_000;

/** Resolves when the caches it reads are filled and the controller runs. */
export async function startDefinition<T extends PlannedObject, Observed>(
  environment: ControllerEnvironment,
  definition: Definition<T, Observed>,
): Promise<Controller> {
  const { informers, client, log, writes } = environment;
  const { kind, name } = definition;
  const own = informers.informer(kind);
  const owned = definition.owns.map((child) => informers.informer(child));
  for (const other of definition.reads) informers.informer(other);
  await informers.synced();
  const events = createEventRecorder(client, definition.manager, log);
  const pass = createPass(environment, definition, events);
  return startController({
    name: `${kind.group}/${name}`,
    log,
    workers: definition.workers ?? 1,
    watches: [
      watch(own, (change) => (isOwnStatus(writes, kind, change) ? [] : [keyOf(change.object.metadata)])),
      ...owned.map((informer) => watch(informer, ({ object }) => ownersOf(object, kind))),
      ...(definition.watches ?? []),
    ],
    reconcile: (key, signal) => pass(refOf(key), signal),
  });
}

/** A status we wrote ourselves is no news; an object that another controller of ours created or changed is. */
function isOwnStatus<T extends PlannedObject>(
  writes: OwnWrites,
  kind: Kind<T>,
  { object, previous, deleted }: Change<T>,
): boolean {
  const sameSpec = previous !== undefined && previous.metadata.generation === object.metadata.generation;
  return !deleted && sameSpec && writes.isOwn(kind, object);
}

type Pass = (ref: ObjectRef, signal: AbortSignal) => Promise<ReconcileResult>;

function createPass<T extends PlannedObject, Observed>(
  environment: ControllerEnvironment,
  definition: Definition<T, Observed>,
  events: EventRecorder,
): Pass {
  const { client, writes, log } = environment;
  const { kind, manager, force = false } = definition;
  const read = readerOf(environment);
  const writer: Writer = { client, writes, manager, force };
  const statuses = createSettled();
  /** By parent, so that they are forgotten with it. */
  const children = new Map<string, Settled>();
  /** Since when a status differs from what is stored, by key. */
  const waiting = new Map<string, number>();

  return async (ref, signal) => {
    const key = keyOf(ref);
    const found = read.get(kind, ref);
    if (found === undefined) {
      statuses.forget(key);
      children.delete(key);
      waiting.delete(key);
      return {};
    }
    if (found.metadata.deletionTimestamp !== undefined) {
      await finalize(environment, definition, found, read);
      return {};
    }
    if (definition.pausedBy !== undefined && found.metadata.annotations?.[definition.pausedBy] === 'true') return {};
    const object = await withFinalizer(environment, definition, found);
    const observed = await definition.observe(object, read, signal);
    const started = performance.now();
    const plan = definition.plan(object, observed);
    const settled = children.get(key) ?? createSettled();
    children.set(key, settled);
    const done = await writeChildren(writer, definition, { object, plan, settled, read });

    const passing = done.failures.find((failure) => isPassing(failure, object));
    if (passing !== undefined) throw new RetryError(describeFailure(passing), passing.error);
    const verdict = plan.status(done.failures, environment.now());
    const delayMs = statusDelay(definition.statusDelayMs ?? 0, waiting, object, verdict.status);
    if (delayMs === 0) {
      for (const { type, reason, message } of verdict.events) {
        log.info({ object: key, type, reason, detail: message }, 'event');
        events.event(object, type, reason, message);
      }
      await writeStatus(writer, statuses, kind, done.self, verdict.status);
    }
    definition.passed?.(object, performance.now() - started);
    const [failure] = done.failures;
    if (failure !== undefined) throw new RetryError(describeFailure(failure), failure.error);
    if (verdict.retry !== undefined) throw new RetryError(verdict.retry);
    if (done.unserved.size > 0) {
      log.debug({ object: key, kinds: [...done.unserved].map((unserved) => unserved.kind) }, 'not served');
    }
    const waits = [
      plan.requeueAfterMs,
      delayMs === 0 ? undefined : delayMs,
      done.unserved.size > 0 ? unservedRetryMs : undefined,
    ].filter((ms) => ms !== undefined);
    // Never at once: a plan that always wants another pass would leave no time for anything else in the process.
    return waits.length === 0 ? {} : { requeueAfterMs: Math.max(1, Math.min(...waits)) };
  };
}

interface ChildrenWritten<T> {
  readonly failures: readonly WriteFailure[];
  /** Kinds of children that the API does not have. */
  readonly unserved: ReadonlySet<Kind>;
  /** The object itself, as it is after the writes: it may have been one of those that the plan changes. */
  readonly self: T;
}

/** Removes and writes what the plan says. A failure is noted, so that the writes after it and the status still happen. */
async function writeChildren<T extends PlannedObject, Observed>(
  writer: Writer,
  definition: Definition<T, Observed>,
  { object, plan, settled, read }: { object: T; plan: Plan<T>; settled: Settled; read: Reader },
): Promise<ChildrenWritten<T>> {
  const { kind, name } = definition;
  const complete = (wanted: Child): KubeObject =>
    definition.complete?.(wanted, parent) ?? completeChild(wanted, parent);
  const parent: Parent = { kind, object, controller: name, labelPropagation: plan.labelPropagation };
  const failures: WriteFailure[] = [];
  const unserved = new Set<Kind>();
  let self = object;
  const attempt = async (failure: Omit<WriteFailure, 'error'>, act: () => Promise<unknown>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      failures.push({ ...failure, error: error instanceof Error ? error : new Error(String(error)) });
    }
  };
  for (const removal of plan.remove ?? []) {
    await attempt({ child: removal, action: 'delete' }, () => removeChild(writer, removal));
  }
  for (const wanted of inOrder(plan.apply)) {
    const { write = 'apply' } = wanted;
    if (!read.served(wanted.kind)) {
      unserved.add(wanted.kind);
      continue;
    }
    await attempt({ child: { kind: wanted.kind, ref: wanted.object.metadata }, action: write }, async () => {
      const result = await writeChild(writer, settled, wanted.kind, complete(wanted), write);
      // Only an object of the same kind has the uid.
      if (result !== undefined && result.metadata.uid === object.metadata.uid) self = result as T;
    });
  }
  return { failures, unserved, self };
}

/** Nothing to tell of: the plan is of an outdated cache, or the object is going with its namespace. */
function isPassing(failure: WriteFailure, { metadata }: KubeObject): boolean {
  const { child, error } = failure;
  if (isOutdated(failure) || isGone(error)) return true;
  return (
    error.message.startsWith(`namespaces "${metadata.namespace ?? ''}" not found`) && child.ref.namespace !== undefined
  );
}

/** How long the status still waits before it is written; 0: it is written now. */
function statusDelay(
  delayMs: number,
  waiting: Map<string, number>,
  { metadata, status }: PlannedObject,
  wanted: PlannedObject['status'],
): number {
  const key = keyOf(metadata);
  const sameState = status !== undefined && overall(status) === overall(wanted);
  if (delayMs === 0 || !sameState || isDeepStrictEqual(asOnTheWire(wanted), status)) {
    waiting.delete(key);
    return 0;
  }
  const now = performance.now();
  const since = waiting.get(key) ?? now;
  waiting.set(key, since);
  const left = Math.ceil(since + delayMs - now);
  if (left > 0) return left;
  waiting.delete(key);
  return 0;
}

function overall(status: PlannedObject['status']): unknown {
  return status !== undefined && 'status' in status ? status.status : undefined;
}

/** Reads as the controllers of the environment do. */
export function readerOf({ informers, writes }: Pick<ControllerEnvironment, 'informers' | 'writes'>): Reader {
  return {
    get: (kind, ref) => writes.get(kind, ref),
    owned: (kind, owner) => writes.owned(kind, owner),
    list: (kind, namespace) => informers.informer(kind).list(namespace),
    byIndex: (kind, index, value) => informers.informer(kind).byIndex(index, value),
    served: (kind) => informers.informer(kind).served,
  };
}

function ownersOf({ metadata }: KubeObject, { group, kind, namespaced }: Kind): string[] {
  const { namespace, ownerReferences = [] } = metadata;
  return ownerReferences
    .filter((owner) => owner.kind === kind && owner.apiVersion.startsWith(`${group}/`))
    .map(({ name }) => keyOf(namespaced ? { namespace, name } : { name }));
}
