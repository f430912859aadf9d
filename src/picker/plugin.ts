/**
 * What a plugin is (epp.md 5): a named instance that takes part in a decision by the methods it has. All of them are synchronous;
 * endpoints are slots of the store, and lists of endpoints the first `count` elements of an array that the director owns.
 */
import type { Parameters } from './config/parameters.ts';
import type { KvEventSource } from './kvevents/events.ts';
import type { DirectorObserver } from './observer.ts';
import type { Chance, MonotonicClock, Render } from './ports.ts';
import type { PickerEndpoint, InferenceRequest } from './request.ts';
import type { EndpointStore } from './store.ts';
import type { Usage } from '../llm/usage.ts';

/** One request while it is decided on. The director reuses the object: nothing may keep it. */
export interface Cycle {
  readonly store: EndpointStore;
  readonly request: InferenceRequest;
  readonly targetModel: string;
  readonly priority: number;
  readonly nowMs: number;
  /** Metrics updated before this are too old to be believed. */
  readonly freshAfterMs: number;
}

/** How much of the request's prompt each endpoint has in its cache. */
export interface PrefixMatches {
  /** Matched blocks by slot, weighted where tiers of cache differ. */
  readonly matched: Float64Array;
  readonly totalBlocks: number;
  readonly blockTokens: number;
}

/** What a profile picked: slots, best first. Never empty. */
export interface ProfileResult {
  readonly profile: string;
  readonly picked: readonly [number, ...number[]];
}

/** What came of all profiles of a request. */
export interface SchedulingResult {
  readonly primary: ProfileResult;
  readonly prefill?: ProfileResult;
  readonly encode?: ProfileResult;
}

/** Changes of the request's headers, collected from the plugins. */
export interface HeaderChanges {
  set(name: string, value: string): void;
  remove(name: string): void;
}

export interface ProfileHandler {
  /** Whether it works with these profiles; the reason when it does not. */
  check(profiles: readonly string[]): string | undefined;
  /** Runs the profiles it wants, in its order; undefined when the primary one failed. */
  schedule(cycle: Cycle, run: (profile: string) => ProfileResult | undefined): SchedulingResult | undefined;
  /** The endpoint as the proxy is to reach it. */
  target?(endpoint: PickerEndpoint): PickerEndpoint;
}

/** A number for the proxy's dynamic metadata. */
export interface Attribute {
  readonly namespace: string;
  readonly name: string;
  readonly value: number;
}

export interface Plugin {
  readonly type: string;
  readonly name: string;
  /** Keeps the wanted ones of the first `count` slots, in order, at the front; returns how many. */
  readonly filter?: (cycle: Cycle, slots: Int32Array, count: number) => number;
  /** Writes one score per slot: 0 (worst) to 1 (best). */
  readonly score?: (cycle: Cycle, slots: Int32Array, count: number, scores: Float64Array) => void;
  /** Moves the chosen slots to the front, best first; returns how many (0 only of none). May reorder `totals` too. */
  readonly pick?: (slots: Int32Array, count: number, totals: Float64Array) => number;
  readonly handler?: ProfileHandler;
  /** Load of the whole pool: 1 and above is saturated. */
  readonly saturation?: (store: EndpointStore, nowMs: number) => number;
  /** False: the request is refused. */
  readonly admit?: (cycle: Cycle, slots: Int32Array, count: number) => boolean;
  /** Says whether to run a further profile of a disaggregated request. `decode`: the slot that was picked for decoding. */
  readonly decide?: (cycle: Cycle, decode: number) => boolean;
  /**
   * Finds the token ids of a request's prompt, before it is admitted. `done` is called once, soon or late but within a bound,
   * unless what is returned cancels it; without token ids where none could be had.
   */
  readonly tokenize?: (
    request: InferenceRequest,
    targetModel: string,
    done: (tokens: ArrayLike<number> | undefined) => void,
  ) => () => void;
  /** Finds out before the profiles run; the result is read from `matches`. */
  readonly produce?: (cycle: Cycle) => void;
  readonly matches?: PrefixMatches;
  /** Size of the blocks that it wants prompts hashed in, now. */
  readonly hashing?: (store: EndpointStore) => { blockBytes: number; maxBlocks: number; partialTail: boolean };
  /** Pairs of block and endpoint that are kept. */
  readonly indexSize?: () => number;
  /** The decision is made. */
  readonly preRequest?: (cycle: Cycle, result: SchedulingResult, headers: HeaderChanges) => void;
  /** Headers to set on the response of `endpoint`. */
  readonly responseHeaders?: (endpoint: PickerEndpoint) => readonly (readonly [string, string])[];
  /** What to tell the proxy of a request that is over, from its usage; undefined: nothing. */
  readonly report?: (usage: Usage) => Attribute | undefined;
  /** The slot has no endpoint any more: forget what is kept of it. */
  readonly forget?: (slot: number) => void;
  /** The pool has other endpoints than before. */
  readonly endpointsChanged?: () => void;
  /** Lets go of everything outside. */
  readonly stop?: () => void;
  readonly fairness?: FairnessPolicy;
  readonly ordering?: OrderingPolicy;
  /** The saturation from which on nothing is dispatched to a priority. */
  readonly usageLimit?: number;
}

/** The flow of a band whose first item goes next (epp.md 6.4). `order` compares two heads as the ordering policy does. */
export interface FairnessPolicy {
  /** `flows` is never empty and sorted by flow id; each has an item. Returns the position of the flow. */
  choose(flows: readonly FlowHead[], bandState: { cursor: string }): number;
}

export interface FlowHead {
  readonly id: string;
  /** Rank of its first item: smaller goes first. */
  readonly rank: number;
  readonly sequence: number;
}

export interface OrderingPolicy {
  /** Smaller goes first; equal ranks go by arrival. */
  rank(item: { readonly enqueuedMs: number; readonly deadlineMs: number; readonly request: InferenceRequest }): number;
}

/** What a plugin may use of its surroundings. */
export interface PluginContext {
  readonly store: EndpointStore;
  readonly random: Chance;
  readonly clock: MonotonicClock;
  readonly observer: DirectorObserver;
  /** Targets beyond what the configuration asks for, as alternatives when the first cannot be reached. */
  readonly alternatives: number;
  /** Time between two scrapes of an endpoint. */
  readonly metricsIntervalMs: number;
  /** Where KV events come from; undefined: nowhere. */
  readonly kvEvents?: KvEventSource | undefined;
  /** How model servers are asked for token ids; undefined: they are not. */
  readonly render?: Render | undefined;
  /** Another plugin of the configuration by name, made before this one's methods are called. */
  find(name: string): Plugin | undefined;
  /** The first plugin that has what `test` looks for. */
  first(test: (plugin: Plugin) => boolean): Plugin | undefined;
}

export interface PluginFactory {
  /** Types in a configuration; the first is the current name, others are older. */
  readonly types: readonly [string, ...string[]];
  /** Reads the parameters at once, throwing what is wrong with them. */
  create(name: string, parameters: Parameters, context: PluginContext): Plugin;
}
