/** Why the embedded API does not behave like kube-apiserver yet, and where: names of behaviours in `api/`. */
export interface KnownDifference {
  reason: string;
  behaviours: readonly string[];
}

/** The runner requires each of these to fail, so that the list can only shrink. */
export const knownDifferences: readonly KnownDifference[] = [
  {
    reason: 'one history for all kinds: a watch from resourceVersion 1 is served as long as nothing was compacted',
    behaviours: ['a watch from before the history of a kind gets 410 Expired'],
  },
];
