import type * as core from 'kubernetes-types/core/v1.js';
import type { EnvVar } from '../../kinds/core/fields.ts';

/** A variable of an AIM object as a container has it: pods spell quantities as text. */
export function containerVariable({ name, value, valueFrom }: EnvVar): core.EnvVar {
  const variable = { name, ...(value === undefined ? {} : { value }) };
  if (valueFrom === undefined) return variable;
  const { resourceFieldRef, ...sources } = valueFrom;
  if (resourceFieldRef === undefined) return { ...variable, valueFrom: sources };
  const { divisor, ...field } = resourceFieldRef;
  const reference = { ...field, ...(divisor === undefined ? {} : { divisor: String(divisor) }) };
  return { ...variable, valueFrom: { ...sources, resourceFieldRef: reference } };
}
