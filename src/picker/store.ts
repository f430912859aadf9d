/**
 * What is known of every endpoint of a pool, one slot each in typed arrays, so that scoring reads plain numbers and allocates
 * nothing (design section 6).
 */
import type { EndpointMetrics, LoraMetrics } from './metrics/engines.ts';
import type { PickerEndpoint } from './request.ts';

const firstCapacity = 16;

export class EndpointStore {
  /** Requests waiting and running in the model server, by its last answer. */
  waiting = new Float64Array(firstCapacity);
  running = new Float64Array(firstCapacity);
  kvUsage = new Float64Array(firstCapacity);
  /** Tokens per block and blocks of the KV cache; 0: unknown. */
  cacheBlockSize = new Float64Array(firstCapacity);
  cacheBlocks = new Float64Array(firstCapacity);
  /** When at least one field was last updated; -Infinity: never. */
  updatedMs = new Float64Array(firstCapacity).fill(-Infinity);
  /** Requests and estimated tokens that this process has sent and that are not answered yet. */
  inFlight = new Float64Array(firstCapacity);
  inFlightTokens = new Float64Array(firstCapacity);
  /** Latency predictions for the current request, in milliseconds; NaN: none. */
  predictedTtftMs = new Float64Array(firstCapacity).fill(NaN);
  predictedTpotMs = new Float64Array(firstCapacity).fill(NaN);
  /** Grows each time a slot is given to another endpoint. */
  generation = new Float64Array(firstCapacity);
  readonly lora: (LoraMetrics | undefined)[] = [];
  readonly endpoints: (PickerEndpoint | undefined)[] = [];
  /** Slots of the pool's endpoints, in the pool's order. */
  ready = new Int32Array(0);
  readonly #slots = new Map<string, number>();
  readonly #free: number[] = [];

  get capacity(): number {
    return this.waiting.length;
  }

  find(key: string): number | undefined {
    return this.#slots.get(key);
  }

  /** The pool has exactly these endpoints from now on. Returns the slots that became free. */
  update(endpoints: readonly PickerEndpoint[]): readonly number[] {
    const keys = new Set(endpoints.map(({ key }) => key));
    const removed: number[] = [];
    for (const [key, slot] of this.#slots) {
      if (keys.has(key)) continue;
      this.#slots.delete(key);
      this.#free.push(slot);
      this.endpoints[slot] = undefined;
      removed.push(slot);
    }
    const ready = new Set<number>();
    for (const endpoint of endpoints) {
      const slot = this.#slots.get(endpoint.key) ?? this.#take(endpoint.key);
      this.endpoints[slot] = endpoint;
      ready.add(slot);
    }
    this.ready = Int32Array.from(ready);
    return removed;
  }

  /** Takes what a scrape found; fields it did not find keep their value (epp.md 6.5). */
  record(key: string, metrics: EndpointMetrics, nowMs: number): void {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    const { waiting, running, kvUsage, cacheBlockSize, cacheBlocks, lora } = metrics;
    if (waiting !== undefined) this.waiting[slot] = waiting;
    if (running !== undefined) this.running[slot] = running;
    if (kvUsage !== undefined) this.kvUsage[slot] = kvUsage;
    if (cacheBlockSize !== undefined) this.cacheBlockSize[slot] = cacheBlockSize;
    if (cacheBlocks !== undefined) this.cacheBlocks[slot] = cacheBlocks;
    if (lora !== undefined) this.lora[slot] = lora;
    if ((waiting ?? running ?? kvUsage ?? cacheBlocks ?? lora) !== undefined) this.updatedMs[slot] = nowMs;
  }

  /** Adds to what is in flight at an endpoint, unless its slot went to another one meanwhile. */
  addInFlight(slot: number, generation: number, requests: number, tokens: number): void {
    if (this.generation[slot] !== generation) return;
    this.inFlight[slot] = Math.max(0, (this.inFlight[slot] ?? 0) + requests);
    this.inFlightTokens[slot] = Math.max(0, (this.inFlightTokens[slot] ?? 0) + tokens);
  }

  #take(key: string): number {
    const slot = this.#free.pop() ?? this.#slots.size;
    if (slot >= this.capacity) this.#grow();
    for (const column of [this.waiting, this.running, this.kvUsage, this.cacheBlockSize, this.cacheBlocks]) {
      column[slot] = 0;
    }
    this.inFlight[slot] = 0;
    this.inFlightTokens[slot] = 0;
    this.updatedMs[slot] = -Infinity;
    this.predictedTtftMs[slot] = NaN;
    this.predictedTpotMs[slot] = NaN;
    this.lora[slot] = undefined;
    this.generation[slot] = (this.generation[slot] ?? 0) + 1;
    this.#slots.set(key, slot);
    return slot;
  }

  #grow(): void {
    const grown = (column: Float64Array): Float64Array<ArrayBuffer> => {
      const larger = new Float64Array(column.length * 2);
      larger.set(column);
      return larger;
    };
    this.waiting = grown(this.waiting);
    this.running = grown(this.running);
    this.kvUsage = grown(this.kvUsage);
    this.cacheBlockSize = grown(this.cacheBlockSize);
    this.cacheBlocks = grown(this.cacheBlocks);
    this.updatedMs = grown(this.updatedMs);
    this.inFlight = grown(this.inFlight);
    this.inFlightTokens = grown(this.inFlightTokens);
    this.predictedTtftMs = grown(this.predictedTtftMs);
    this.predictedTpotMs = grown(this.predictedTpotMs);
    this.generation = grown(this.generation);
  }
}
