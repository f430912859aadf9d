/**
 * What is known of every endpoint, one slot each in typed arrays, so that scoring reads plain numbers and allocates nothing
 * (design section 6).
 */

/** What a scrape of a model server's metrics tells; a field that was not there is undefined. */
export interface EndpointMetrics {
  readonly waiting?: number;
  readonly running?: number;
  /** Share of the KV cache in use, 0..1. */
  readonly kvUsage?: number;
}

export class EndpointStore {
  /** Requests waiting and running in the model server, by its last answer. */
  waiting = new Float64Array(16);
  running = new Float64Array(16);
  kvUsage = new Float64Array(16);
  /** When at least one field was last updated; -Infinity: never. */
  updatedMs = new Float64Array(16).fill(-Infinity);
  /** Requests that this process has sent and that are not answered yet. */
  inFlight = new Float64Array(16);
  /** Changes whenever a slot may mean another endpoint. */
  version = 0;
  readonly #slots = new Map<string, number>();
  readonly #free: number[] = [];

  get size(): number {
    return this.#slots.size;
  }

  keys(): Iterable<string> {
    return this.#slots.keys();
  }

  find(key: string): number | undefined {
    return this.#slots.get(key);
  }

  /** The slot of an endpoint; a new one knows nothing yet. */
  slot(key: string): number {
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    const slot = this.#free.pop() ?? this.#slots.size;
    if (slot >= this.waiting.length) this.#grow();
    for (const column of [this.waiting, this.running, this.kvUsage, this.inFlight]) column[slot] = 0;
    this.updatedMs[slot] = -Infinity;
    this.#slots.set(key, slot);
    return slot;
  }

  /** Forgets all endpoints but these. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const [key, slot] of this.#slots) {
      if (keys.has(key)) continue;
      this.#slots.delete(key);
      this.#free.push(slot);
      this.version += 1;
    }
  }

  /** Takes what a scrape found; fields it did not find keep their value (epp.md 6.5). */
  record(key: string, metrics: EndpointMetrics, nowMs: number): void {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    if (metrics.waiting !== undefined) this.waiting[slot] = metrics.waiting;
    if (metrics.running !== undefined) this.running[slot] = metrics.running;
    if (metrics.kvUsage !== undefined) this.kvUsage[slot] = metrics.kvUsage;
    if ((metrics.waiting ?? metrics.running ?? metrics.kvUsage) !== undefined) this.updatedMs[slot] = nowMs;
  }

  addInFlight(key: string, change: 1 | -1): void {
    const slot = change > 0 ? this.slot(key) : this.#slots.get(key);
    if (slot !== undefined) this.inFlight[slot] = Math.max(0, (this.inFlight[slot] ?? 0) + change);
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
    this.updatedMs = grown(this.updatedMs);
    this.inFlight = grown(this.inFlight);
  }
}
