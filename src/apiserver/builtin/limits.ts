import { parseQuantity } from '../../kinds/quantity.ts';
import { equalJson, isObject, listAt, objectAt, stringAt, valueAt, withValue, type JsonObject } from '../json.ts';
import { duplicate, forbiddenField, invalidValue, required, shown, type FieldError } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import { withDefaults, type Strategy } from './strategy.ts';

/** LimitRanges, PodDisruptionBudgets, and kinds of which only little may change: PriorityClasses, RuntimeClasses, ControllerRevisions. */

export const limitRanges: Strategy = {
  prepare: (object) => ({
    ...object,
    ...withValue(object, ['spec', 'limits'], listAt(object, 'spec', 'limits').map(withContainerDefaults)),
  }),
  validate: (object) => {
    const limits = listAt(object, 'spec', 'limits');
    const types = limits.map((limit) => stringAt(limit, 'type'));
    return limits.flatMap((limit, index) => [
      ...(types.indexOf(types[index]) < index ? [duplicate(`spec.limits[${index}].type`, types[index])] : []),
      ...checkLimit(limit, `spec.limits[${index}]`),
    ]);
  },
};

/** Limits of containers say what one gets that asks for nothing: its maximum, and no less than the minimum (SetDefaults_LimitRangeItem). */
function withContainerDefaults(limit: unknown): unknown {
  if (!isObject(limit) || limit['type'] !== 'Container') return limit;
  const defaults = withDefaults(objectAt(limit, 'default') ?? {}, objectAt(limit, 'max') ?? {});
  const requests = withDefaults(
    withDefaults(objectAt(limit, 'defaultRequest') ?? {}, defaults),
    objectAt(limit, 'min') ?? {},
  );
  const isSet = (amounts: JsonObject) => Object.keys(amounts).length > 0;
  return {
    ...limit,
    ...(isSet(defaults) && { default: defaults }),
    ...(isSet(requests) && { defaultRequest: requests }),
  };
}

function checkLimit(limit: unknown, field: string): FieldError[] {
  const amounts = (name: string) => objectAt(limit, name) ?? {};
  const errors: FieldError[] = [];
  if (stringAt(limit, 'type') === 'Pod') {
    for (const name of ['default', 'defaultRequest']) {
      if (Object.keys(amounts(name)).length === 0) continue;
      errors.push(forbiddenField(`${field}.${name}`, 'may not be specified when `type` is "Pod"'));
    }
  }
  // Every amount of the first is at most that of the second.
  for (const [lower, upper] of [
    ['min', 'max'],
    ['min', 'defaultRequest'],
    ['defaultRequest', 'default'],
    ['default', 'max'],
  ] as const) {
    for (const [resource, amount] of Object.entries(amounts(lower))) {
      const bound = amounts(upper)[resource];
      if (bound === undefined || amountOf(amount) <= amountOf(bound)) continue;
      const why = `${lower} value ${shown(amount)} is greater than ${upper} value ${shown(bound)}`;
      errors.push(invalidValue(`${field}.${lower}[${resource}]`, amount, why));
    }
  }
  return errors;
}

function amountOf(quantity: unknown): number {
  return parseQuantity(String(quantity)) ?? NaN;
}

export const podDisruptionBudgets: Strategy = {
  validate(object) {
    const spec = objectAt(object, 'spec') ?? {};
    const errors: FieldError[] = [];
    if (spec['minAvailable'] !== undefined && spec['maxUnavailable'] !== undefined) {
      const why = 'minAvailable and maxUnavailable cannot be both set';
      errors.push(invalidValue('spec', spec, why));
    }
    for (const name of ['minAvailable', 'maxUnavailable']) {
      const value = spec[name];
      if (value === undefined || isCount(value)) continue;
      errors.push(invalidValue(`spec.${name}`, value, 'must be a non-negative integer or a percentage (e.g. "30%")'));
    }
    return errors;
  },
};

function isCount(value: unknown): boolean {
  return typeof value === 'number' ? value >= 0 : /^(\d{1,2}|100)%$/.test(String(value));
}

/** The largest value of a class that is not Kubernetes' own. */
const highestUserPriority = 1_000_000_000;

export const priorityClasses: Strategy = {
  validate(object, previous) {
    const { name } = object.metadata;
    const value = object['value'];
    const errors = checkUnchanged(object, previous, ['value', 'preemptionPolicy']);
    if (name.startsWith('system-')) {
      errors.push(
        forbiddenField('metadata.name', "priority class names with 'system-' prefix are reserved for system use only"),
      );
    } else if (typeof value === 'number' && value > highestUserPriority) {
      const why = `maximum allowed value of a user defined priority is ${highestUserPriority}`;
      errors.push(forbiddenField('value', why));
    }
    return errors;
  },
};

export const runtimeClasses: Strategy = {
  validate: (object, previous) => checkUnchanged(object, previous, ['handler']),
};

export const controllerRevisions: Strategy = {
  validate: (object, previous) => [
    ...(object['data'] === undefined ? [required('data', 'data is mandatory')] : []),
    ...checkUnchanged(object, previous, ['data']),
    ...(Number(object['revision']) < 0 ? [invalidValue('revision', object['revision'], 'must be 0 or more')] : []),
  ],
};

function checkUnchanged(
  object: StoredObject,
  previous: StoredObject | undefined,
  fields: readonly string[],
): FieldError[] {
  if (previous === undefined) return [];
  return fields
    .filter((field) => !equalJson(valueAt(object, field), valueAt(previous, field)))
    .map((field) => invalidValue(field, object[field], 'field is immutable'));
}
