import { isDeepStrictEqual } from 'node:util';
import type { Kind } from '../kinds/kind.ts';
import { keyOf, refOf, type Condition, type KubeObject, type ObjectRef } from '../kinds/object.ts';
import type { KubeClient } from '../kube/client.ts';
import { startController, watch, type Controller, type ReconcileResult, type Watch } from '../kube/controller.ts';
import { createEventRecorder, type EventRecorder } from '../kube/events.ts';
import type { Change, InformerCache } from '../kube/informer.ts';
import { createOwnWrites, type OwnWrites } from '../kube/ownwrites.ts';
import type { Log } from '../telemetry/log.ts';
import { createSettled, type Settled } from './settled.ts';
import { isApplied } from './appliedfields.ts';
import {
  bodyOf,
  describeChild,
  hasMetadata,
  inOrder,
  type Child,
  type LabelPropagation,
  type Parent,
} from './children.ts';

/**
 * One pass over one object: observe, plan (pure), write the children that differ, write the status if it differs
 * (aim.md 3.1). Controllers are definitions that this runs; what they decide is in their plans.
 */

export type PlannedObject = KubeObject & {
  spec?: unknown;
  status?: { conditions?: Condition[] };
};

/** Something to be told of an object. */
export interface PlannedEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** Reads the caches, as they are after our own writes. Objects are shared: treat them as immutable. */
export interface Reader {
  get<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef): T | undefined;
  list<T extends KubeObject>(kind: Kind<T>, namespace?: string): readonly T[];
  /** Objects that an index of the kind's informer files under the value; without our own writes. */
  byIndex<T extends KubeObject>(kind: Kind<T>, index: string, value: string): readonly T[];
  /** False while the API does not know the kind; then it has no objects, and children of it are not written. */
  served(kind: Kind): boolean;
}

export interface Plan<T extends PlannedObject> {
  readonly apply: readonly Child[];
  /** Deleted if they exist. */
  readonly remove?: readonly { readonly kind: Kind; readonly ref: ObjectRef }[];
  /** Of the merged runtime config: which of the object's labels the children get. */
  readonly labelPropagation?: LabelPropagation | undefined;
  readonly requeueAfterMs?: number | undefined;
  /** Pure. Called after the writes, whose failures it is told, one sentence each. */
  status(failedWrites: readonly string[], now: Date): Verdict<T>;
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
  /** The whole object to apply for a child: with labels and owner. */
  complete(child: Child, parent: Parent): KubeObject;
  /** Annotation that, when "true", has the object left alone. */
  readonly pausedBy: string;
  /**
   * How long a status may wait to be written while its overall state stays the same: what happens in quick succession is
   * written once. 0.
   */
  readonly statusDelayMs?: number;
  /** Takes fields over from other field managers when it applies children. */
  readonly force?: boolean;
  readonly finalizer?: {
    readonly name: string;
    /** What has to be done before the object may go; throwing repeats it with back-off. */
    cleanUp(object: T, read: Reader): Promise<void>;
  };
  /** Reads what the plan needs. What it throws ends the pass, which is repeated with back-off. */
  observe(object: T, read: Reader, signal: AbortSignal): Observed | Promise<Observed>;
  /** Pure: everything it decides on is in its arguments. */
  plan(object: T, observed: Observed): Plan<T>;
}

/** What the controllers of one process share. */
export interface ControllerEnvironment {
  readonly client: KubeClient;
  readonly informers: InformerCache;
  readonly writes: OwnWrites;
  readonly log: Log;
  /** Where jobs of cluster-scoped objects run. */
  readonly operatorNamespace: string;
  now(): Date;
}

export function createControllerEnvironment(
  options: Omit<ControllerEnvironment, 'writes' | 'now'> & { now?: () => Date },
): ControllerEnvironment {
  return { now: () => new Date(), ...options, writes: createOwnWrites(options.informers) };
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
  const { informers, log } = environment;
  const { kind, name } = definition;
  const read = readerOf(environment);
  const writer: Writer = { environment, manager: definition.manager, force: definition.force ?? false, read };
  const statuses = createSettled();
  /** By parent, so that they are forgotten with it. */
  const children = new Map<string, Settled>();
  /** Since when a status differs from what is stored, by key. */
  const waiting = new Map<string, number>();

  return async (ref, signal) => {
    const found = read.get(kind, ref);
    if (found === undefined) {
      statuses.forget(keyOf(ref));
      children.delete(keyOf(ref));
      waiting.delete(keyOf(ref));
      return {};
    }
    if (found.metadata.deletionTimestamp !== undefined) {
      await finalize(environment, definition, found, read);
      return {};
    }
    if (found.metadata.annotations?.[definition.pausedBy] === 'true') return {};
    const object = await withFinalizer(environment, definition, found);
    const plan = definition.plan(object, await definition.observe(object, read, signal));
    const parent: Parent = { kind, object, controller: name, labelPropagation: plan.labelPropagation };
    const failed: string[] = [];
    const unserved = new Set<Kind>();
    const settled = children.get(keyOf(ref)) ?? createSettled();
    children.set(keyOf(ref), settled);

    for (const { kind: removed, ref: gone } of plan.remove ?? []) {
      const act = (): Promise<void> => removeChild(writer, removed, gone);
      await tell(failed, `failed to delete ${describeChild(removed, gone)}`, act);
    }
    for (const wanted of inOrder(plan.apply)) {
      if (!informers.informer(wanted.kind).served) {
        unserved.add(wanted.kind);
        continue;
      }
      const act = (): Promise<void> => applyChild(writer, settled, definition.complete(wanted, parent), wanted.kind);
      await tell(failed, `failed to apply ${describeChild(wanted.kind, wanted.object.metadata)}`, act);
    }

    const verdict = plan.status(failed, environment.now());
    const delayMs = statusDelay(definition.statusDelayMs ?? 0, waiting, object, verdict.status);
    if (delayMs === 0) {
      for (const { type, reason, message } of verdict.events) {
        log.info({ object: keyOf(ref), type, reason, detail: message }, 'event');
        events.event(object, type, reason, message);
      }
      await writeStatus(writer, statuses, kind, object, verdict.status);
    }
    const retry = failed[0] ?? verdict.retry;
    if (retry !== undefined) throw new Error(retry);
    if (unserved.size > 0) log.debug({ object: keyOf(ref), kinds: [...unserved].map((k) => k.kind) }, 'not served');
    const waits = [
      plan.requeueAfterMs,
      delayMs === 0 ? undefined : delayMs,
      unserved.size > 0 ? unservedRetryMs : undefined,
    ].filter((ms) => ms !== undefined);
    return waits.length === 0 ? {} : { requeueAfterMs: Math.min(...waits) };
  };
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
  if (delayMs === 0 || !sameState || isDeepStrictEqual(JSON.parse(JSON.stringify(wanted)), status)) {
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
    list: (kind, namespace) => informers.informer(kind).list(namespace),
    byIndex: (kind, index, value) => informers.informer(kind).byIndex(index, value),
    served: (kind) => informers.informer(kind).served,
  };
}

/** Notes a failure, so that the writes after it and the status still happen. */
async function tell(failed: string[], what: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    failed.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

interface Writer {
  readonly environment: ControllerEnvironment;
  readonly manager: string;
  readonly force: boolean;
  readonly read: Reader;
}

async function applyChild(
  { environment: { client, writes }, manager, force, read }: Writer,
  settled: Settled,
  wanted: KubeObject,
  kind: Kind,
): Promise<void> {
  const ref = wanted.metadata;
  const key = `${kind.group}/${kind.kind}/${keyOf(ref)}`;
  const stored = read.get(kind, ref);
  if (stored === undefined) settled.forget(key);
  else if (hasMetadata(stored, wanted, manager)) {
    const body = bodyOf(wanted);
    if (settled.isSettled(key, body, bodyOf(stored)) || isApplied(stored, body, manager)) return;
  }
  const result = await writes.write(kind, ref, () =>
    client.patch(kind, ref, { type: 'apply', body: wanted, fieldManager: manager, force }),
  );
  settled.wrote(key, bodyOf(wanted), bodyOf(result));
}

async function removeChild(
  { environment: { client, writes }, read }: Writer,
  kind: Kind,
  ref: ObjectRef,
): Promise<void> {
  const stored = read.get(kind, ref);
  if (stored === undefined || stored.metadata.deletionTimestamp !== undefined) return;
  const { uid } = stored.metadata;
  await writes.write(kind, ref, async () => {
    await client.delete(kind, ref, uid === undefined ? {} : { uid });
    return undefined;
  });
}

async function writeStatus<T extends PlannedObject>(
  { environment: { client, writes } }: Writer,
  settled: Settled,
  kind: Kind<T>,
  object: T,
  status: NonNullable<T['status']>,
): Promise<void> {
  const key = keyOf(object.metadata);
  const wanted: unknown = JSON.parse(JSON.stringify(status));
  if (settled.isSettled(key, wanted, object.status)) return;
  const result = await writes.write(kind, object.metadata, () => client.updateStatus(kind, { ...object, status }));
  if (isDeepStrictEqual(wanted, result.status)) settled.forget(key);
  else settled.wrote(key, wanted, result.status);
}

async function withFinalizer<T extends PlannedObject>(
  { client, writes }: ControllerEnvironment,
  { kind, finalizer }: Pick<Definition<T, never>, 'kind' | 'finalizer'>,
  object: T,
): Promise<T> {
  const { finalizers = [], resourceVersion } = object.metadata;
  if (finalizer === undefined || finalizers.includes(finalizer.name)) return object;
  // With the resourceVersion, so that nobody else's finalizer is lost.
  const body = { metadata: { finalizers: [...finalizers, finalizer.name], resourceVersion } };
  return writes.write(kind, object.metadata, () => client.patch(kind, object.metadata, { type: 'merge', body }));
}

async function finalize<T extends PlannedObject>(
  { client, writes }: ControllerEnvironment,
  { kind, finalizer }: Pick<Definition<T, never>, 'kind' | 'finalizer'>,
  object: T,
  read: Reader,
): Promise<void> {
  const { finalizers = [], resourceVersion } = object.metadata;
  if (finalizer === undefined || !finalizers.includes(finalizer.name)) return;
  await finalizer.cleanUp(object, read);
  const body = { metadata: { finalizers: finalizers.filter((name) => name !== finalizer.name), resourceVersion } };
  await writes.write(kind, object.metadata, () => client.patch(kind, object.metadata, { type: 'merge', body }));
}

function ownersOf({ metadata }: KubeObject, { group, kind, namespaced }: Kind): string[] {
  const { namespace, ownerReferences = [] } = metadata;
  return ownerReferences
    .filter((owner) => owner.kind === kind && owner.apiVersion.startsWith(`${group}/`))
    .map(({ name }) => keyOf(namespaced ? { namespace, name } : { name }));
}
