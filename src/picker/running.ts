/** The account of one request: what it occupies from the decision to its end, given back exactly once (epp.md 5.7, traps 47 and 48). */
import type { Decision } from './decision.ts';
import type { DirectorObserver } from './observer.ts';
import type { Plugin, SchedulingResult } from './plugin.ts';
import type { MonotonicClock } from './ports.ts';
import { requestHeaders, type InferenceRequest } from './request.ts';
import { numericHeader } from './slo.ts';
import type { EndpointStore } from './store.ts';
import type { Usage } from '../llm/usage.ts';

/** What upstream reckons a request to cost in tokens: its bytes as prompt, times this for the answer (inflight-load-producer). */
const outputFactor = 2.5;
const bytesPerToken = 4;

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

interface Facts {
  readonly request: InferenceRequest;
  readonly targetModel: string;
  readonly priority: number;
  readonly fairnessId: string;
}

interface Surroundings {
  readonly store: EndpointStore;
  readonly clock: MonotonicClock;
  readonly observer: DirectorObserver;
  readonly plugins: readonly Plugin[];
}

/** A place that is occupied at an endpoint. */
interface Hold {
  readonly slot: number;
  readonly generation: number;
}

export class Running implements ScheduledRequest {
  /** Token ids are added once they are known. */
  request: InferenceRequest;
  readonly targetModel: string;
  readonly priority: number;
  readonly fairnessId: string;
  /** Takes the request out of flow control's queue, or ends the wait for its token ids. */
  leaveQueue: () => void = () => undefined;
  readonly #surroundings: Surroundings;
  readonly #startedMs: number;
  readonly #tokens: number;
  #state: 'deciding' | 'dispatched' | 'over' = 'deciding';
  #primary: Hold | undefined;
  #prefill: Hold | undefined;
  #encode: Hold | undefined;
  #status: number | undefined;
  #firstByteMs: number | undefined;
  #responseBytes = 0;
  #usage: Usage = {};

  constructor({ request, targetModel, priority, fairnessId }: Facts, surroundings: Surroundings) {
    this.request = request;
    this.targetModel = targetModel;
    this.priority = priority;
    this.fairnessId = fairnessId;
    this.#surroundings = surroundings;
    this.#startedMs = surroundings.clock();
    this.#tokens = Math.max(1, request.bodyBytes / bytesPerToken) * outputFactor;
  }

  /** Occupies the first endpoint of every profile. */
  begin({ primary, prefill, encode }: SchedulingResult): void {
    this.#primary = this.#hold(primary.picked[0]);
    if (prefill !== undefined) this.#prefill = this.#hold(prefill.picked[0]);
    if (encode !== undefined) this.#encode = this.#hold(encode.picked[0]);
  }

  settled(decision: Decision): void {
    if (this.#state !== 'deciding') return;
    this.#state = decision.type === 'dispatch' ? 'dispatched' : 'over';
    if (decision.type === 'dispatch') this.#surroundings.observer.running?.(this.request.incomingModel, 1);
    else this.#releaseAll();
  }

  cancel(): void {
    if (this.#state === 'deciding') this.leaveQueue();
    else this.completed();
  }

  responseHeaders(status: number, served?: string): readonly (readonly [name: string, value: string])[] {
    if (this.#state !== 'dispatched') return [];
    this.#status = status;
    const { store, plugins } = this.#surroundings;
    const slot = served === undefined ? undefined : store.find(served);
    if (slot !== undefined && slot !== this.#primary?.slot) {
      this.#release(this.#primary);
      this.#primary = this.#hold(slot);
    }
    const endpoint = this.#primary === undefined ? undefined : store.endpoints[this.#primary.slot];
    if (endpoint === undefined) return [];
    return plugins.flatMap((plugin) => plugin.responseHeaders?.(endpoint) ?? []);
  }

  responseChunk(bytes: number): void {
    if (this.#state !== 'dispatched') return;
    this.#responseBytes += bytes;
    if (this.#firstByteMs !== undefined) return;
    this.#firstByteMs = this.#surroundings.clock();
    // The prompt is through once the answer begins.
    this.#release(this.#prefill);
    this.#release(this.#encode);
    this.#prefill = undefined;
    this.#encode = undefined;
  }

  usage(usage: Usage): void {
    this.#usage = { ...this.#usage, ...usage };
  }

  completed(): void {
    if (this.#state !== 'dispatched') return;
    this.#state = 'over';
    this.#releaseAll();
    const { clock, observer } = this.#surroundings;
    const { request } = this;
    observer.running?.(request.incomingModel, -1);
    observer.completed?.({
      incomingModel: request.incomingModel,
      targetModel: this.targetModel,
      priority: this.priority,
      durationMs: clock() - this.#startedMs,
      ttftMs: this.#firstByteMs === undefined ? undefined : this.#firstByteMs - this.#startedMs,
      requestBytes: request.bodyBytes,
      responseBytes: this.#responseBytes,
      streaming: request.streaming,
      status: this.#status,
      usage: this.#usage,
      slo: {
        ttftMs: numericHeader(request, requestHeaders.sloTtft),
        tpotMs: numericHeader(request, requestHeaders.sloTpot),
      },
    });
  }

  #hold(slot: number): Hold {
    const { store } = this.#surroundings;
    const hold = { slot, generation: store.generation[slot] ?? 0 };
    store.addInFlight(slot, hold.generation, 1, this.#tokens);
    return hold;
  }

  #release(hold: Hold | undefined): void {
    if (hold !== undefined) this.#surroundings.store.addInFlight(hold.slot, hold.generation, -1, -this.#tokens);
  }

  #releaseAll(): void {
    for (const hold of [this.#primary, this.#prefill, this.#encode]) this.#release(hold);
    this.#primary = undefined;
    this.#prefill = undefined;
    this.#encode = undefined;
  }
}
