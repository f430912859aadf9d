import type { PrinterColumn } from '../kind.ts';
import type { KubeObject } from '../object.ts';

/** Columns of `kubectl get` for built-in kinds, whose cells are computed as Kubernetes' own printers do. */

export const age: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

/** A column whose cell is computed from an object of the kind's type. */
export function column<T extends KubeObject>(
  name: string,
  cell: (object: T, now: Date) => string | number,
  options: { wide?: boolean; type?: PrinterColumn['type'] } = {},
): PrinterColumn {
  return {
    name,
    type: options.type ?? 'string',
    // The table is only ever filled with objects of the kind that defines the column.
    cell: (object, now) => cell(object as T, now),
    ...(options.wide && { priority: 1 }),
  };
}

/** A span of time as kubectl prints it: `45s`, `3m20s`, `5h`, `2d4h`, `310d`, `2y10d`. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return joined(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return joined(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 192) return joined(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return years < 8 ? joined(years, 'y', days % 365, 'd') : `${years}y`;
}

function joined(major: number, majorUnit: string, minor: number, minorUnit: string): string {
  return minor === 0 ? `${major}${majorUnit}` : `${major}${majorUnit}${minor}${minorUnit}`;
}

/** Time since an RFC 3339 timestamp, `<unknown>` when it is not set. */
export function since(timestamp: string | undefined, now: Date): string {
  return timestamp === undefined ? '<unknown>' : humanDuration(now.getTime() - Date.parse(timestamp));
}

/** `a=b,c=d`, as kubectl prints labels and selectors; `<none>` when empty. */
export function labelText(labels: Record<string, string> | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? '<none>' : pairs.toSorted().join(',');
}

interface Selector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

export function selectorText(selector: Selector | undefined): string {
  const equal = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const rest = (selector?.matchExpressions ?? []).map(({ key, operator, values }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator.toLowerCase()} (${(values ?? []).join(',')})`;
  });
  const all = [...equal.toSorted(), ...rest];
  return all.length === 0 ? '<none>' : all.join(',');
}

interface HasContainers {
  containers?: { name?: string; image?: string }[];
}

/** The wide columns that describe the containers of a pod template. */
export function containerColumns(podSpecOf: (object: KubeObject) => HasContainers | undefined): PrinterColumn[] {
  const list = (object: KubeObject, field: 'name' | 'image') =>
    (podSpecOf(object)?.containers ?? []).map((container) => container[field] ?? '').join(',');
  return [
    column('Containers', (object) => list(object, 'name'), { wide: true }),
    column('Images', (object) => list(object, 'image'), { wide: true }),
  ];
}
