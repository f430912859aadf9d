import type { PluginFactory } from '../plugin.ts';

/** `lora-affinity-scorer`: 1 where the adapter is active, 0.8 where there is room, 0.6 where it waits, else 0 (epp.md 5.4). */
export const loraAffinityScorer: PluginFactory = {
  types: ['lora-affinity-scorer'],
  create: (name) => ({
    type: 'lora-affinity-scorer',
    name,
    score({ store, targetModel }, slots, count, scores) {
      for (let at = 0; at < count; at += 1) {
        const lora = store.lora[slots[at] ?? 0];
        if (lora === undefined) scores[at] = 0;
        else if (lora.active.includes(targetModel)) scores[at] = 1;
        else if (lora.active.length + lora.waiting.length < lora.max) scores[at] = 0.8;
        else scores[at] = lora.waiting.includes(targetModel) ? 0.6 : 0;
      }
    },
  }),
};
