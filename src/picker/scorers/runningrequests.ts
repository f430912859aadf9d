import type { PluginFactory } from '../plugin.ts';
import { readFresh, scoreRelative } from './relative.ts';

/** `running-requests-size-scorer`: as queue-scorer, of the requests that run (epp.md 5.4). */
export const runningRequestsScorer: PluginFactory = {
  types: ['running-requests-size-scorer'],
  create: (name) => ({
    type: 'running-requests-size-scorer',
    name,
    score(cycle, slots, count, scores) {
      readFresh(cycle.store.running, cycle, slots, count, scores);
      scoreRelative(scores, count);
    },
  }),
};
