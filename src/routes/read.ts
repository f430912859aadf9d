import { problemsOf } from './check.ts';
import type { RouteTable } from './table.ts';

/**
 * A table that comes from outside of the process: parsed JSON.
 *
 * @throws Error that says what is wrong with it
 */
export function readTable(value: unknown): RouteTable {
  if (!isTable(value))
    throw new Error('no route table: a generation and lists of gateways, routes, endpointSets, pools expected');
  const problems = problemsOf(value);
  if (problems.length > 0) throw new Error(`a broken route table: ${problems.slice(0, 5).join('; ')}`);
  return value;
}

/** The lists; what is in their parts is known by the identities of these. */
function isTable(value: unknown): value is RouteTable {
  if (!isRecord(value) || typeof value['generation'] !== 'number') return false;
  return ['gateways', 'routes', 'endpointSets', 'pools'].every((name) => {
    const list = value[name];
    return Array.isArray(list) && list.every(isPart);
  });
}

const isPart = (part: unknown): boolean =>
  isRecord(part) && typeof part['key'] === 'string' && typeof part['identity'] === 'string';

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
