/** The picker of one pool: takes requests, decides where they go, and keeps account of them until they end (epp.md 6.1). */
import type { InferenceModelRewrite } from '../kinds/inference/inferencemodelrewrite.ts';
import type { InferenceObjective } from '../kinds/inference/inferenceobjective.ts';
import type { Log } from '../telemetry/log.ts';
import type { PickerConfig } from './config/config.ts';
import type { Decision } from './decision.ts';
import type { EndpointMetrics } from './metrics/engines.ts';
import type { DirectorObserver, Usage } from './observer.ts';
import type { Chance, MonotonicClock, Timers } from './ports.ts';
import type { PromptApi, PromptHasher } from './prefix/prompthasher.ts';
import type { InferenceRequest, PickerEndpoint } from './request.ts';
import type { JsonScan } from '../llm/scan.ts';

export interface DirectorOptions {
  readonly config: PickerConfig;
  readonly pool: { readonly name: string; readonly namespace: string };
  readonly clock: MonotonicClock;
  readonly random: Chance;
  readonly timers: Timers;
  readonly observer: DirectorObserver;
  readonly log?: Log;
}

export interface Director {
  /** The ready endpoints of the pool, from now on; what is known of those that stay is kept. */
  update(endpoints: readonly PickerEndpoint[]): void;
  /** What a scrape of an endpoint found; keys that are not in the pool are ignored. */
  recordMetrics(key: string, metrics: EndpointMetrics): void;
  /** Objectives and rewrites of the namespace; those of other pools are ignored. */
  applyObjects(objectives: readonly InferenceObjective[], rewrites: readonly InferenceModelRewrite[]): void;
  /** Hashes a body as it comes in; undefined when no plugin of this configuration wants it. `scan`: when the caller scans the body itself. */
  promptHasher(api: PromptApi, scan?: JsonScan): PromptHasher | undefined;
  /**
   * Decides on a request. `settle` is called exactly once with the decision: before this returns, unless flow control queues
   * the request. A dispatched request counts as running until its `completed` was called.
   */
  schedule(request: InferenceRequest, settle: (decision: Decision) => void): ScheduledRequest;
  /** A uniformly random endpoint for requests without a body to look at (epp.md 3.4); nothing is accounted for. */
  anyEndpoint(subset?: readonly string[]): PickerEndpoint | undefined;
  /** What gauges show; computed when asked for. */
  stats(): DirectorStats;
  /** Drops everything that is queued and forgets the rest. */
  stop(): void;
}

/** One request from its arrival to its end. After `completed` or a drop every method does nothing. */
export interface ScheduledRequest {
  /** The client is gone: leaves the queue, or ends as `completed` does. */
  cancel(): void;
  /**
   * The response's head. `served`: the endpoint that answered, when it is known and may differ from the first target. Returns
   * headers to set on the response.
   */
  responseHeaders(status: number, served?: string): readonly (readonly [name: string, value: string])[];
  /** Bytes of the response's body arrived. */
  responseChunk(bytes: number): void;
  usage(usage: Usage): void;
  /** The exchange is over, well or not. */
  completed(): void;
}

export interface DirectorStats {
  readonly readyEndpoints: number;
  /** Averages over endpoints with fresh metrics; 0 when there are none. */
  readonly averageKvCacheUtilization: number;
  readonly averageQueueSize: number;
  readonly averageRunningRequests: number;
  readonly endpoints: readonly {
    readonly endpoint: PickerEndpoint;
    readonly queueSize: number;
    readonly fresh: boolean;
  }[];
  /** Pairs of block and endpoint in the prefix index. */
  readonly prefixIndexSize: number;
  /** 1 and above: saturated. */
  readonly saturation: number;
  readonly queues: readonly {
    readonly fairnessId: string;
    readonly priority: number;
    readonly requests: number;
    readonly bytes: number;
  }[];
}
