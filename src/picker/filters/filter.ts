import type { Plugin } from '../plugin.ts';

type Labels = Readonly<Record<string, string>> | undefined;

/** A filter that looks at the labels of the pod only. */
export function filterOf(type: string, name: string, keeps: (labels: Labels) => boolean): Plugin {
  return {
    type,
    name,
    filter({ store }, slots, count) {
      return keep(slots, count, (slot) => keeps(store.endpoints[slot]?.labels));
    },
  };
}

/** Moves the wanted slots to the front, in order; returns how many. */
export function keep(slots: Int32Array, count: number, wanted: (slot: number) => boolean): number {
  let kept = 0;
  for (let at = 0; at < count; at += 1) {
    const slot = slots[at] ?? 0;
    if (!wanted(slot)) continue;
    slots[kept] = slot;
    kept += 1;
  }
  return kept;
}
