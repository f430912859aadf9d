import { isObject, listAt, objectAt, valueAt } from '../json.ts';
import type { StoredObject } from '../store/object.ts';
import { timestamp } from '../../kinds/timestamp.ts';

interface DefinitionCondition {
  type: 'NamesAccepted' | 'Established' | 'Terminating';
  status: 'True' | 'False';
  reason: string;
  message: string;
}

/** Sets a condition of a CustomResourceDefinition; the time stays while the status does. */
export function setDefinitionCondition(crd: StoredObject, condition: DefinitionCondition): StoredObject {
  const conditions = listAt(crd, 'status', 'conditions').filter(isObject);
  const before = conditions.find(({ type }) => type === condition.type);
  const unchanged = before?.['status'] === condition.status;
  const lastTransitionTime = unchanged && before !== undefined ? before['lastTransitionTime'] : timestamp();
  const next = { ...condition, lastTransitionTime };
  const replaced =
    before === undefined ? [...conditions, next] : conditions.map((one) => (one === before ? next : one));
  return { ...crd, status: { ...objectAt(crd, 'status'), conditions: replaced } };
}

export function definitionConditionIs(crd: StoredObject, type: DefinitionCondition['type'], status: string): boolean {
  return listAt(crd, 'status', 'conditions').some(
    (condition) => valueAt(condition, 'type') === type && valueAt(condition, 'status') === status,
  );
}
