import { listAt, objectAt, stringAt, type JsonObject } from '../json.ts';
import type { StoredObject } from '../store/object.ts';
import { setDefinitionCondition } from './conditions.ts';

/** Names that others of the same group have already. */
export interface TakenNames {
  resources: ReadonlySet<string>;
  kinds: ReadonlySet<string>;
}

export function takenNames(others: readonly JsonObject[]): TakenNames {
  const names = (field: string) => others.map((other) => stringAt(other, field) ?? '').filter((name) => name !== '');
  const shortNames = others.flatMap((other) => listAt(other, 'shortNames')).map(String);
  return {
    resources: new Set([...names('plural'), ...names('singular'), ...shortNames]),
    kinds: new Set([...names('kind'), ...names('listKind')]),
  };
}

/** A definition with its names accepted, as far as nobody else has them, and Established once all were. */
export function withAcceptedNames(crd: StoredObject, taken: TakenNames): StoredObject {
  const wanted = objectAt(crd, 'spec', 'names') ?? {};
  const problem = conflictOf(wanted, taken);
  if (problem === undefined) {
    const named = { ...crd, status: { ...objectAt(crd, 'status'), acceptedNames: wanted } };
    const accepted = setDefinitionCondition(named, {
      type: 'NamesAccepted',
      status: 'True',
      reason: 'NoConflicts',
      message: 'no conflicts found',
    });
    return setDefinitionCondition(accepted, {
      type: 'Established',
      status: 'True',
      reason: 'InitialNamesAccepted',
      message: 'the initial names have been accepted',
    });
  }
  const refused = setDefinitionCondition(crd, { type: 'NamesAccepted', status: 'False', ...problem });
  return setDefinitionCondition(refused, {
    type: 'Established',
    status: 'False',
    reason: 'NotAccepted',
    message: 'not all names are accepted',
  });
}

function conflictOf(wanted: JsonObject, taken: TakenNames): { reason: string; message: string } | undefined {
  const inUse = (name: string) => `"${name}" is already in use`;
  const checks = [
    ['plural', 'PluralConflict', taken.resources],
    ['singular', 'SingularConflict', taken.resources],
    ['kind', 'KindConflict', taken.kinds],
    ['listKind', 'ListKindConflict', taken.kinds],
  ] as const;
  for (const [field, reason, names] of checks) {
    const name = stringAt(wanted, field) ?? '';
    if (names.has(name)) return { reason, message: inUse(name) };
  }
  const short = listAt(wanted, 'shortNames')
    .map(String)
    .filter((name) => taken.resources.has(name));
  return short.length === 0 ? undefined : { reason: 'ShortNamesConflict', message: short.map(inUse).join(', ') };
}
