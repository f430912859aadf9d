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

/** What a pool would decide now on a request, and why. */
export interface PickExplanation {
  /** After rewrites. */
  readonly targetModel: string;
  readonly priority: number;
  /** Of the whole pool; 1 and above is saturated. */
  readonly saturation: number;
  /** Why it would not be dispatched, now; undefined when it would. */
  readonly obstacle: string | undefined;
  /** All ready endpoints with what is known of them. */
  readonly endpoints: readonly EndpointState[];
  readonly profiles: readonly ProfileTrace[];
  /** Keys of the endpoints to try, best first. Ties are broken anew each time. */
  readonly picked: readonly string[];
}

export interface EndpointState {
  readonly key: string;
  /** By its last metrics. */
  readonly waiting: number;
  readonly running: number;
  /** 0..1 */
  readonly kvUsage: number;
  /** False: its metrics are too old to be believed, or there never were any. */
  readonly fresh: boolean;
  /** Sent by this process and not answered yet. */
  readonly inFlight: number;
}
