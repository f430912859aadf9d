import type { ObjectExplanation, ObjectPart } from '../admin/explanations.ts';
import { QuestionError, type ObjectRefOf } from '../admin/api.ts';
import { Event } from '../kinds/core/event.ts';
import type { Kind } from '../kinds/kind.ts';
import { keyOf, type KubeObject, type ObjectRef } from '../kinds/object.ts';
import { allKinds } from '../kinds/registry.ts';
import type { KubeClient } from '../kube/client.ts';
import type { DeclaredKind, FamilyExplanation } from './families/family.ts';

export interface ObjectSources {
  readonly client: KubeClient;
  readonly declaredKinds: readonly DeclaredKind[];
  /** What the family of a kind knows of an object; undefined: nothing but its status. */
  readonly explain: (kind: Kind, ref: ObjectRef) => FamilyExplanation | undefined;
}

/** Explains an object by what its controller knows, else by its own status and events. */
export async function explainObject(
  { client, declaredKinds, explain }: ObjectSources,
  { resource, namespace, name }: ObjectRefOf,
): Promise<ObjectExplanation | undefined> {
  const kinds = kindsNamed(resource, declaredKinds);
  if (kinds.length === 0) {
    throw new QuestionError(`no resource is called "${resource}"; \`kubectl api-resources\` lists their names`);
  }
  // Names of two groups are the same where one follows the other: whichever has the object.
  for (const kind of kinds) {
    const object = await client.get(kind, kind.namespaced ? { namespace, name } : { name });
    if (object === undefined) continue;
    const explained = explain(kind, { namespace, name });
    if (explained !== undefined) return { ...explained, object: explained.service, state: explained.status };
    return { ...explainStatus(kind, object), parts: [...conditionsOf(object), ...(await eventsOf(client, object))] };
  }
  return undefined;
}

/** As kubectl takes names: plural, singular, kind or short name, with or without the group behind a dot. */
function kindsNamed(resource: string, declaredKinds: readonly DeclaredKind[]): Kind[] {
  const [word = '', ...group] = resource.toLowerCase().split('.');
  // What the guides of a family call it.
  const called = declaredKinds.filter(({ alias = [] }) => alias.includes(resource)).map(({ kind }) => kind);
  return [...called, ...named(word, group.join('.'))];
}

function named(word: string, group: string): Kind[] {
  return allKinds.filter(
    (kind) =>
      [kind.plural, kind.singular, kind.kind.toLowerCase(), ...kind.shortNames].includes(word) &&
      (group === '' || kind.group === group) &&
      (kind.verbs?.includes('get') ?? true),
  );
}

/** Conditions that are bad news when they are True. */
const troubles =
  /^Conflicted$|^Overlapping|Pressure$|Unavailable$|Fail(ed|ure)|^Degraded$|^PartiallyInvalid$|^Dangling/;

function explainStatus(kind: Kind, object: KubeObject): Omit<ObjectExplanation, 'parts'> {
  const status = recordOf(Reflect.get(object, 'status'));
  const conditions = conditionsOf(object);
  const failed = conditions.find(({ name, state }) => state === (troubles.test(name) ? 'True' : 'False'));
  const state = [status['phase'], status['status'], status['state']].find((value) => typeof value === 'string');
  const verdict =
    conditions.length === 0
      ? 'without conditions'
      : failed === undefined
        ? 'Ready'
        : `${failed.state === 'True' ? '' : 'not '}${failed.name}`;
  const message = status['message'];
  return {
    object: `${kind.group === '' ? '' : `${kind.group}/`}${kind.kind} ${keyOf(object.metadata)}`,
    state: state ?? verdict,
    message: typeof message === 'string' ? message : (failed?.detail ?? ''),
    rejected: [],
  };
}

/** Lists of conditions are also below: those of a route's parents, of a Gateway's listeners. */
const deepest = 3;

function conditionsOf(object: KubeObject): ObjectPart[] {
  const found: ObjectPart[] = [];
  const visit = (value: unknown, path: string, depth: number): void => {
    if (depth > deepest) return;
    if (Array.isArray(value)) {
      for (const [at, item] of value.entries()) visit(item, `${path}[${labelOf(item) ?? at}]`, depth + 1);
      return;
    }
    for (const [field, below] of Object.entries(recordOf(value))) {
      if (field === 'conditions' && Array.isArray(below)) found.push(...below.map((one) => conditionPart(one, path)));
      else if (typeof below === 'object' && below !== null)
        visit(below, path === '' ? field : `${path}.${field}`, depth);
    }
  };
  visit(Reflect.get(object, 'status'), '', 0);
  return [...found, ...containersOf(object)];
}

function labelOf(item: unknown): string | undefined {
  const { name, parentRef, controllerName } = recordOf(item);
  const label = name ?? recordOf(parentRef)['name'] ?? controllerName;
  return typeof label === 'string' ? label : undefined;
}

function conditionPart(condition: unknown, path: string): ObjectPart {
  const { type, status, reason, message } = recordOf(condition);
  return {
    name: text(type),
    object: path === '' ? '-' : path,
    state: text(status),
    detail: [text(reason), text(message)].filter((word) => word !== '').join(': '),
  };
}

/** Why a container of a Pod waits or ended. */
function containersOf(object: KubeObject): ObjectPart[] {
  const statuses: unknown = recordOf(Reflect.get(object, 'status'))['containerStatuses'];
  if (!Array.isArray(statuses)) return [];
  return statuses.map((status) => {
    const { name, state } = recordOf(status);
    const [[phase, why] = ['', {}]] = Object.entries(recordOf(state));
    const { reason, message, exitCode } = recordOf(why);
    const code = typeof exitCode === 'number' ? `exit code ${exitCode}` : '';
    const detail = [text(reason), code, text(message)].filter((word) => word !== '').join(': ');
    return { name: 'container', object: text(name), state: phase, detail };
  });
}

const shownEvents = 5;

/** The latest last, as kubectl describe has them. */
async function eventsOf(client: KubeClient, { kind, metadata }: KubeObject): Promise<ObjectPart[]> {
  const selector = `involvedObject.kind=${kind},involvedObject.name=${metadata.name}`;
  const { items } = await client.list(Event, { namespace: metadata.namespace, fieldSelector: selector });
  return items
    .toSorted((a, b) => compare(a.lastTimestamp ?? '', b.lastTimestamp ?? ''))
    .slice(-shownEvents)
    .map(({ type, reason, message }) => ({
      name: 'event',
      object: text(reason),
      state: text(type),
      detail: text(message),
    }));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
