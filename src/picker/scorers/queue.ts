import type { PluginFactory } from '../plugin.ts';
import { readFresh, scoreRelative } from './relative.ts';

/**
 * `queue-scorer`: (max - q) / (max - min) over the candidates' waiting requests, 1 when all are equal (epp.md 5.4). To what the server
 * reports come the requests that were sent from here and that it has not reported yet, so that a burst between two scrapes spreads.
 */
export const queueScorer: PluginFactory = {
  types: ['queue-scorer'],
  create: (name) => ({
    type: 'queue-scorer',
    name,
    score(cycle, slots, count, scores) {
      const { store, freshAfterMs } = cycle;
      readFresh(store.waiting, cycle, slots, count, scores);
      for (let at = 0; at < count; at += 1) {
        const slot = slots[at] ?? 0;
        const sent = store.inFlight[slot] ?? 0;
        if (sent === 0) continue;
        const fresh = (store.updatedMs[slot] ?? 0) >= freshAfterMs;
        const reported = fresh ? (store.waiting[slot] ?? 0) + (store.running[slot] ?? 0) : 0;
        if (sent > reported) scores[at] = (scores[at] ?? 0) + sent - reported;
      }
      scoreRelative(scores, count);
    },
  }),
};
