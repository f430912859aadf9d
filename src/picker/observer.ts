/** Facts that the director reports while it works; what renders metrics (epp.md 7.1) or a debug trail listens. All times in milliseconds. */
import type { Decision } from './decision.ts';
import type { InferenceRequest } from './request.ts';
import type { ProfileTrace } from './trace.ts';
import type { Usage } from '../llm/usage.ts';

/** Label values of plugin metrics (epp.md 5.10). */
export type ExtensionPoint =
  | 'ProfilePicker'
  | 'Filter'
  | 'Scorer'
  | 'Picker'
  | 'ProcessProfilesResults'
  | 'PreRequest'
  | 'ResponseReceived'
  | 'ResponseStreaming'
  | 'ResponseComplete';

/** Outcomes of flow control as its metrics name them (epp.md 6.4). */
export type FlowOutcome =
  'Dispatched' | 'RejectedCapacity' | 'RejectedOther' | 'EvictedTTL' | 'EvictedContextCancelled' | 'EvictedOther';

export interface FlowLabels {
  readonly fairnessId: string;
  readonly priority: number;
  readonly incomingModel: string;
  readonly targetModel: string;
}

export interface CompletedRequest {
  readonly incomingModel: string;
  readonly targetModel: string;
  readonly priority: number;
  readonly durationMs: number;
  /** Until the first chunk of the body; undefined when none came. */
  readonly ttftMs: number | undefined;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly streaming: boolean;
  /** Of the response; undefined when it never came. */
  readonly status: number | undefined;
  readonly usage: Usage;
  /** What the client asked for; 0: nothing. */
  readonly slo: { readonly ttftMs: number; readonly tpotMs: number };
}

/** Every method may be left out; what is not listened to is not measured. */
export interface DirectorObserver {
  /** Model and priority are known: `request_total`. */
  received?(incomingModel: string, targetModel: string, priority: number): void;
  /** Every request ends in exactly one decision. `pool`: `namespace/name`. */
  decided?(request: InferenceRequest, decision: Decision, pool: string): void;
  /** A dispatched request began or stopped running: `running_requests`. */
  running?(incomingModel: string, change: 1 | -1): void;
  completed?(request: CompletedRequest): void;
  /** One run of the scheduler: `scheduler_e2e_duration_seconds`. */
  scheduled?(durationMs: number): void;
  plugin?(point: ExtensionPoint, type: string, name: string, durationMs: number): void;
  /** `prefix_indexer_hit_ratio` and `_hit_bytes` of the endpoint chosen. */
  prefix?(matchedBlocks: number, totalBlocks: number, blockBytes: number): void;
  rewrote?(rewriteName: string, incomingModel: string, targetModel: string): void;
  disaggregated?(
    model: string,
    decision: 'decode-only' | 'prefill-decode' | 'encode-decode' | 'encode-prefill-decode',
  ): void;
  flowEnqueued?(labels: FlowLabels, bytes: number, durationMs: number): void;
  flowSettled?(labels: FlowLabels, bytes: number, outcome: FlowOutcome, queuedMs: number): void;
  flowCycle?(durationMs: number): void;
  /** A batch of KV events could not be read. */
  kvEventsRefused?(topic: string, reason: string): void;
  /** So many batches of KV events of a publisher never came. */
  kvEventsMissed?(topic: string, batches: number): void;
  /** A model server did not say the token ids of a prompt. */
  renderFailed?(url: string, reason: string): void;
  /** Scores of every candidate; makes decisions slower while it is listened to. */
  trace?(request: InferenceRequest, profiles: readonly ProfileTrace[], decision: Decision): void;
}
