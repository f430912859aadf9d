import type { PrinterColumn } from '../kinds/kind.ts';
import { since } from '../kinds/kubernetes/columns.ts';
import { evaluatePath } from './jsonpath.ts';
import type { Served } from './resources.ts';
import type { StoredObject } from './store/object.ts';

/** Server-side printing: `kubectl get` shows what these tables (meta.k8s.io/v1 Table) say. */

interface ColumnDefinition {
  name: string;
  type: string;
  format: string;
  description: string;
  priority: number;
}

export interface TableRow {
  cells: unknown[];
  object?: unknown;
}

export interface Table {
  kind: 'Table';
  apiVersion: 'meta.k8s.io/v1';
  metadata: Record<string, unknown>;
  columnDefinitions: ColumnDefinition[];
  rows: TableRow[];
}

const nameColumn: PrinterColumn = { name: 'Name', type: 'string', jsonPath: '.metadata.name' };
const ageColumn: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

export function makeTable(
  served: Served,
  objects: readonly StoredObject[],
  includeObject: string,
  metadata: Record<string, unknown>,
): Table {
  const columns = columnsOf(served);
  const now = new Date();
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: columns.map((column) => ({
      name: column.name,
      type: column.type === 'date' ? 'string' : column.type,
      format: column === nameColumn ? 'name' : '',
      description: column.description ?? '',
      priority: column.priority ?? 0,
    })),
    rows: objects.map((object) => ({
      cells: columns.map((column) => cellOf(column, object, now)),
      ...(includeObject !== 'None' && { object: includeObject === 'Object' ? object : partialMetadata(object) }),
    })),
  };
}

function columnsOf({ version }: Served): readonly PrinterColumn[] {
  const own = version.printerColumns ?? [ageColumn];
  // Events print their name last, in wide output only.
  return own.some((column) => column.name === 'Name') ? own : [nameColumn, ...own];
}

function cellOf(column: PrinterColumn, object: StoredObject, now: Date): unknown {
  if (column.cell !== undefined) return column.cell(object, now);
  const values = evaluatePath(column.jsonPath ?? '', object);
  const [first] = values;
  if (first === undefined) return column.type === 'date' && column.name === 'Age' ? '<unknown>' : null;
  if (column.type === 'date') return typeof first === 'string' ? since(first, now) : '<unknown>';
  if (column.type === 'integer' || column.type === 'number') return typeof first === 'number' ? first : null;
  if (column.type === 'boolean') return typeof first === 'boolean' ? first : null;
  return values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join(',');
}

/** meta.k8s.io/v1 PartialObjectMetadata */
export function partialMetadata(object: StoredObject): Record<string, unknown> {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}
