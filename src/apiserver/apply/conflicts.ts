import { ApiError } from '../status.ts';
import type { Manager } from './managers.ts';
import type { Conflict } from './ownership.ts';

/** 409: which fields an apply would take from which managers, in the words of kube-apiserver. */
export function applyConflict(conflicts: readonly Conflict[]): ApiError {
  return new ApiError(409, 'Conflict', messageOf(conflicts), {
    causes: conflicts.map(({ manager, path }) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${shown(manager)}`,
      field: path,
    })),
  });
}

function messageOf(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (first !== undefined && conflicts.length === 1) {
    return `Apply failed with 1 conflict: conflict with ${shown(first.manager)}: ${first.path}`;
  }
  const byManager = Map.groupBy(conflicts, ({ manager }) => shown(manager));
  const lines = [...byManager]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([manager, list]) => [`conflicts with ${manager}:`, ...list.map(({ path }) => `- ${path}`)]);
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}

function shown({ manager, operation, apiVersion, subresource }: Manager): string {
  const name = JSON.stringify(manager);
  const where = subresource === undefined ? name : `${name} with subresource ${JSON.stringify(subresource)}`;
  return operation === 'Update' ? `${where} using ${apiVersion}` : where;
}
