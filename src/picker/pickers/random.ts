import type { Chance } from '../ports.ts';
import type { PluginFactory } from '../plugin.ts';
import { swap } from './maxscore.ts';
import { wantedOf } from './wanted.ts';

/** `random-picker`: any endpoints, whatever their scores (epp.md 5.2). */
export const randomPicker: PluginFactory = {
  types: ['random-picker'],
  create(name, parameters, context) {
    const wanted = wantedOf(parameters, context);
    return {
      type: 'random-picker',
      name,
      pick: (slots, count, totals) => pickRandom(slots, count, totals, wanted, context.random),
    };
  },
};

export function pickRandom(
  slots: Int32Array,
  count: number,
  totals: Float64Array,
  wanted: number,
  random: Chance,
): number {
  const picked = Math.min(wanted, count);
  for (let rank = 0; rank < picked; rank += 1) {
    swap(slots, totals, rank, rank + Math.floor(random() * (count - rank)));
  }
  return picked;
}
