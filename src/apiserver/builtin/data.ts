import { equalJson, objectAt, stringAt, valueAt } from '../json.ts';
import { forbiddenField, invalidValue, required, type FieldError } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import type { Strategy } from './strategy.ts';

/** ConfigMaps and Secrets. */

const maxBytes = 1024 * 1024;

export const configMaps: Strategy = {
  validate: (object, previous) => [
    ...checkKeys(object, ['data', 'binaryData']),
    ...checkImmutable(object, previous, ['data', 'binaryData']),
  ],
};

export const secrets: Strategy = {
  prepare(object) {
    const { stringData: _folded, ...rest } = object;
    const plain = Object.entries(objectAt(object, 'stringData') ?? {});
    const encoded = Object.fromEntries(plain.map(([key, text]) => [key, Buffer.from(String(text)).toString('base64')]));
    const data = { ...objectAt(object, 'data'), ...encoded };
    return { ...rest, ...(Object.keys(data).length > 0 && { data }), type: stringAt(object, 'type') || 'Opaque' };
  },
  validate(object, previous) {
    const errors = [...checkKeys(object, ['data']), ...checkImmutable(object, previous, ['data'])];
    const type = stringAt(object, 'type') ?? '';
    for (const key of requiredKeys[type] ?? []) {
      if (valueAt(object, 'data', key) === undefined) errors.push(required(`data[${key}]`));
    }
    if (previous !== undefined && stringAt(previous, 'type') !== type) {
      errors.push(invalidValue('type', type, 'field is immutable'));
    }
    return errors;
  },
};

const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/dockercfg': ['.dockercfg'],
};

function checkKeys(object: StoredObject, fields: readonly string[]): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const field of fields) {
    for (const [key, value] of Object.entries(objectAt(object, field) ?? {})) {
      bytes += typeof value === 'string' ? value.length : 0;
      if (/^[-._a-zA-Z0-9]{1,253}$/.test(key) && key !== '.' && key !== '..') continue;
      errors.push(
        invalidValue(
          `${field}[${key}]`,
          key,
          "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
        ),
      );
    }
  }
  // base64 makes Secrets a third longer than what the limit is about.
  const limit = object.kind === 'Secret' ? (maxBytes * 4) / 3 : maxBytes;
  if (bytes > limit)
    errors.push({
      reason: 'FieldValueTooLong',
      field: 'data',
      message: `Too long: may not be more than ${maxBytes} bytes`,
    });
  return errors;
}

function checkImmutable(
  object: StoredObject,
  previous: StoredObject | undefined,
  fields: readonly string[],
): FieldError[] {
  if (previous?.['immutable'] !== true) return [];
  const why = 'field is immutable when `immutable` is set';
  return ['immutable', ...fields]
    .filter((field) => !equalJson(object[field], previous[field]))
    .map((field) => forbiddenField(field, why));
}
