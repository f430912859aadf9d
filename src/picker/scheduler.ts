/** The core of a decision: profiles of filters, weighted scorers and a picker, run as a handler says (epp.md 5.1). No I/O, no clock of its own. */
import type { DirectorObserver, ExtensionPoint } from './observer.ts';
import type { Cycle, Plugin, ProfileResult, SchedulingResult } from './plugin.ts';
import type { MonotonicClock } from './ports.ts';
import type { EndpointStore } from './store.ts';
import type { ProfileTrace, ScorerTrace } from './trace.ts';

type FilterPlugin = Plugin & Required<Pick<Plugin, 'filter'>>;
type ScorerPlugin = Plugin & Required<Pick<Plugin, 'score'>>;
export type PickerPlugin = Plugin & Required<Pick<Plugin, 'pick'>>;
export type HandlerPlugin = Plugin & Required<Pick<Plugin, 'handler'>>;

export interface Profile {
  readonly name: string;
  readonly filters: readonly FilterPlugin[];
  readonly scorers: readonly { readonly plugin: ScorerPlugin; readonly weight: number }[];
  readonly picker: PickerPlugin;
}

export interface SchedulerOptions {
  readonly profiles: readonly Profile[];
  readonly handler: HandlerPlugin;
  readonly observer: DirectorObserver;
  readonly clock: MonotonicClock;
}

export interface Scheduler {
  /** Decides among the first `count` candidates; undefined when the primary profile found none. The candidates are left as they are. */
  schedule(cycle: Cycle, candidates: Int32Array, count: number): SchedulingResult | undefined;
  /** As `schedule`, with its traces whether or not the observer listens. */
  explain(cycle: Cycle, candidates: Int32Array, count: number): SchedulingResult | undefined;
  /** How the last decision came about, while the observer listens for it; after `explain` always. */
  readonly traces: readonly ProfileTrace[];
}

export function createScheduler({ profiles, handler: handlerPlugin, observer, clock }: SchedulerOptions): Scheduler {
  const byName = new Map(profiles.map((profile) => [profile.name, profile]));
  const { handler } = handlerPlugin;
  const timed = observer.plugin === undefined ? undefined : observer;
  let traced = observer.trace !== undefined;
  let slots = new Int32Array(16);
  let totals = new Float64Array(16);
  let scores = new Float64Array(16);
  let traces: ProfileTrace[] = [];

  const reserve = (capacity: number): void => {
    if (slots.length >= capacity) return;
    slots = new Int32Array(capacity);
    totals = new Float64Array(capacity);
    scores = new Float64Array(capacity);
  };
  const report = (point: ExtensionPoint, { type, name }: Plugin, startedMs: number): void => {
    timed?.plugin?.(point, type, name, clock() - startedMs);
  };

  const run = (profile: Profile, cycle: Cycle, candidates: Int32Array, count: number): ProfileResult | undefined => {
    slots.set(count === candidates.length ? candidates : candidates.subarray(0, count));
    const trace = traced ? new Trace(profile, cycle.store) : undefined;
    let left = count;
    for (const plugin of profile.filters) {
      const startedMs = timed === undefined ? 0 : clock();
      left = plugin.filter(cycle, slots, left);
      if (timed !== undefined) report('Filter', plugin, startedMs);
      trace?.filtered(plugin, left);
      if (left === 0) break;
    }
    if (left === 0) {
      if (trace !== undefined) traces.push(trace.failed());
      return undefined;
    }
    totals.fill(0, 0, left);
    trace?.candidatesAre(slots, left);
    for (const { plugin, weight } of profile.scorers) {
      const startedMs = timed === undefined ? 0 : clock();
      plugin.score(cycle, slots, left, scores);
      addWeighted(totals, scores, weight, left);
      if (timed !== undefined) report('Scorer', plugin, startedMs);
      trace?.scored(plugin, weight, scores, left);
    }
    trace?.totalled(totals, left);
    const startedMs = timed === undefined ? 0 : clock();
    const picked = profile.picker.pick(slots, left, totals);
    if (timed !== undefined) report('Picker', profile.picker, startedMs);
    const result: ProfileResult = { profile: profile.name, picked: [slots[0] ?? 0, ...slots.subarray(1, picked)] };
    if (trace !== undefined) traces.push(trace.done(result));
    return result;
  };

  const schedule: Scheduler['schedule'] = (cycle, candidates, count) => {
    reserve(cycle.store.capacity);
    if (traced) traces = [];
    const startedMs = timed === undefined ? 0 : clock();
    const result = handler.schedule(cycle, (name) => {
      const profile = byName.get(name);
      return profile === undefined ? undefined : run(profile, cycle, candidates, count);
    });
    if (timed !== undefined) report('ProfilePicker', handlerPlugin, startedMs);
    return result;
  };

  return {
    get traces() {
      return traces;
    },
    schedule,
    explain(cycle, candidates, count) {
      const listens = traced;
      traced = true;
      try {
        return schedule(cycle, candidates, count);
      } finally {
        traced = listens;
      }
    },
  };
}

/** Σ weight × clamp(score, 0, 1), without dividing by the weights (epp.md 5.1, trap 22). What is not a number counts 0. */
function addWeighted(totals: Float64Array, scores: Float64Array, weight: number, count: number): void {
  for (let at = 0; at < count; at += 1) {
    const score = scores[at] ?? 0;
    if (score > 0) totals[at] = (totals[at] ?? 0) + weight * (score < 1 ? score : 1);
  }
}

/** Writes down what a profile does. */
class Trace {
  readonly #profile: Profile;
  readonly #store: EndpointStore;
  readonly #filters: { type: string; name: string; left: number }[] = [];
  readonly #scorers: ScorerTrace[] = [];
  #candidates: readonly string[] = [];
  #totals: readonly number[] = [];

  constructor(profile: Profile, store: EndpointStore) {
    this.#profile = profile;
    this.#store = store;
  }

  filtered({ type, name }: Plugin, left: number): void {
    this.#filters.push({ type, name, left });
  }

  candidatesAre(slots: Int32Array, count: number): void {
    this.#candidates = this.#keys(slots.subarray(0, count));
  }

  scored({ type, name }: Plugin, weight: number, scores: Float64Array, count: number): void {
    const clamped = Array.from(scores.subarray(0, count), (score) => (score > 0 ? Math.min(1, score) : 0));
    this.#scorers.push({ type, name, weight, scores: clamped });
  }

  totalled(totals: Float64Array, count: number): void {
    this.#totals = Array.from(totals.subarray(0, count));
  }

  failed(): ProfileTrace {
    return this.#finish([]);
  }

  done({ picked }: ProfileResult): ProfileTrace {
    return this.#finish(this.#keys(picked));
  }

  #finish(picked: readonly string[]): ProfileTrace {
    return {
      profile: this.#profile.name,
      filters: this.#filters,
      candidates: this.#candidates,
      scorers: this.#scorers,
      totals: this.#totals,
      picked,
    };
  }

  #keys(slots: ArrayLike<number>): string[] {
    return Array.from(slots, (slot) => this.#store.endpoints[slot]?.key ?? '');
  }
}
