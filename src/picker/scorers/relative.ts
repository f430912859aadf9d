/** Turns values into scores: the smallest gets 1, the largest 0; all get 1 when they are equal (epp.md 5.4, trap 24). */
export function scoreRelative(scores: Float64Array, count: number): void {
  let least = Infinity;
  let most = -Infinity;
  for (let at = 0; at < count; at += 1) {
    const value = scores[at] ?? 0;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const range = most - least;
  for (let at = 0; at < count; at += 1) scores[at] = range === 0 ? 1 : (most - (scores[at] ?? 0)) / range;
}

/**
 * Writes a metric of every candidate into `scores`. An endpoint without fresh metrics counts as the busiest that is known: it is
 * neither preferred for looking idle nor shut out.
 */
export function readFresh(
  column: Float64Array,
  { store, freshAfterMs }: { readonly store: { readonly updatedMs: Float64Array }; readonly freshAfterMs: number },
  slots: Int32Array,
  count: number,
  scores: Float64Array,
): void {
  let most = 0;
  let stale = 0;
  for (let at = 0; at < count; at += 1) {
    const slot = slots[at] ?? 0;
    if ((store.updatedMs[slot] ?? 0) < freshAfterMs) {
      stale += 1;
      scores[at] = -1;
      continue;
    }
    const value = column[slot] ?? 0;
    scores[at] = value;
    if (value > most) most = value;
  }
  if (stale === 0) return;
  for (let at = 0; at < count; at += 1) if ((scores[at] ?? 0) < 0) scores[at] = most;
}
