/** How a decision came about: what each filter left over and what each scorer gave, for `explain` and debug trails. */

export interface ScorerTrace {
  readonly type: string;
  readonly name: string;
  readonly weight: number;
  /** Clamped to 0..1, in the order of `candidates`. */
  readonly scores: readonly number[];
}

export interface ProfileTrace {
  readonly profile: string;
  readonly filters: readonly { readonly type: string; readonly name: string; readonly left: number }[];
  /** Keys of the endpoints that were scored. */
  readonly candidates: readonly string[];
  readonly scorers: readonly ScorerTrace[];
  /** Σ weight × score, in the order of `candidates`. */
  readonly totals: readonly number[];
  /** Keys of those picked, best first; empty when the profile failed. */
  readonly picked: readonly string[];
}
