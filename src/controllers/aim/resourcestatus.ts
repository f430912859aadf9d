import type { ResourceStatus } from '../../kinds/aim/fields.ts';
import type { State } from './health.ts';

/** The root state as `status.status` of models, templates and caches spells it: they do not run, and so do not start. */
export function resourceStatus(state: State): ResourceStatus {
  if (state === 'Running') return 'Ready';
  return state === 'Starting' ? 'Progressing' : state;
}
