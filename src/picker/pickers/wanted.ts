import type { Parameters } from '../config/parameters.ts';
import type { PluginContext } from '../plugin.ts';

/** How many endpoints a picker returns: what its configuration asks for, at least what the caller needs for retries. */
export function wantedOf(parameters: Parameters, { alternatives }: PluginContext): number {
  return Math.max(parameters.count('maxNumOfEndpoints', 1, 1), 1 + alternatives);
}
