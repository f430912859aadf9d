import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../kinds/object.ts';

/**
 * What server-side apply has noted of us in an object (metav1.FieldsV1), so that after a restart nothing is applied again
 * that is there already, however many defaults the API has added around it.
 */

/**
 * True when the manager has applied exactly the fields of `wanted` (a body without metadata), and they have these values
 * still. May be false where applying would change nothing: an API that adds defaults inside a list it keeps as one value.
 */
export function isApplied(stored: KubeObject, wanted: Record<string, unknown>, manager: string): boolean {
  const entries = (stored.metadata.managedFields ?? []).filter(isRecord).filter((entry) => {
    return entry['manager'] === manager && entry['operation'] === 'Apply' && (entry['subresource'] ?? '') === '';
  });
  const fields = entries[0]?.['fieldsV1'];
  if (entries.length !== 1 || !isRecord(fields)) return false;
  const { 'f:metadata': _checkedElsewhere, ...body } = fields;
  return sameFields(body, wanted, stored as unknown as Record<string, unknown>);
}

/** `fields` is what the manager owns of the value; nothing below it: the value as a whole. */
function isSame(fields: Record<string, unknown>, wanted: unknown, stored: unknown): boolean {
  const { '.': _itself, ...below } = fields;
  const names = Object.keys(below);
  if (names.length === 0) return isDeepStrictEqual(wanted, stored);
  if (Array.isArray(wanted) && Array.isArray(stored)) {
    return names.every((name) => name.startsWith('v:'))
      ? sameSet(names, wanted, stored)
      : sameItems(below, wanted, stored);
  }
  return isRecord(wanted) && isRecord(stored) && sameFields(below, wanted, stored);
}

function sameFields(
  fields: Record<string, unknown>,
  wanted: Record<string, unknown>,
  stored: Record<string, unknown>,
): boolean {
  const owned = Object.entries(fields);
  return (
    owned.length === Object.keys(wanted).length &&
    owned.every(([field, below]) => {
      const name = field.slice(2);
      const known = field.startsWith('f:') && name in wanted && isRecord(below);
      return known && isSame(below, wanted[name], stored[name]);
    })
  );
}

/** A list whose items have keys; a key that is not wanted explicitly is a default. */
function sameItems(fields: Record<string, unknown>, wanted: readonly unknown[], stored: readonly unknown[]): boolean {
  const owned = Object.entries(fields);
  const places: number[] = [];
  const same = owned.every(([field, below]) => {
    const keys = field.startsWith('k:') ? parsed(field.slice(2)) : undefined;
    if (keys === undefined || !isRecord(below)) return false;
    const isOf = (item: unknown, optional: boolean): boolean =>
      isRecord(item) &&
      Object.entries(keys).every(([key, value]) => item[key] === value || (optional && item[key] === undefined));
    const item = wanted.find((candidate) => isOf(candidate, true));
    const place = stored.findIndex((candidate) => isOf(candidate, false));
    places[wanted.indexOf(item)] = place;
    return item !== undefined && place >= 0 && isSame(below, item, stored[place]);
  });
  // Applying puts the items into the order that is wanted.
  const ordered = places.every((place, index) => index === 0 || (places[index - 1] ?? -1) < place);
  return same && ordered && owned.length === wanted.length;
}

function sameSet(names: readonly string[], wanted: readonly unknown[], stored: readonly unknown[]): boolean {
  const owned = new Set(names.map((name) => name.slice(2)));
  return (
    owned.size === wanted.length && wanted.every((item) => owned.has(JSON.stringify(item)) && stored.includes(item))
  );
}

function parsed(text: string): Record<string, unknown> | undefined {
  const value: unknown = JSON.parse(text);
  return isRecord(value) ? value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
