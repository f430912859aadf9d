/**
 * Which endpoints hold which blocks: a bounded map from 64-bit hash to endpoints with one least-recently-used list per endpoint
 * (epp.md 5.5), all of it in typed arrays. A *pair* is one block held by one endpoint.
 */

const none = -1;
const firstPairs = 1024;

export class BlockIndex {
  /** Pairs held. */
  size = 0;
  readonly #maxPairs: number;
  // The hash table: open addressing, linear probing, never more than half full. A head of `none` is an empty place.
  #mask = firstPairs * 2 - 1;
  #tableLow = new Uint32Array(firstPairs * 2);
  #tableHigh = new Uint32Array(firstPairs * 2);
  #heads = new Int32Array(firstPairs * 2).fill(none);
  #entries = 0;
  // The pairs. Those of one block are linked by holder, those of one endpoint from newest to oldest.
  #low = new Uint32Array(firstPairs);
  #high = new Uint32Array(firstPairs);
  #slot = new Int32Array(firstPairs);
  #nextHolder = new Int32Array(firstPairs);
  #previousHolder = new Int32Array(firstPairs);
  #older = new Int32Array(firstPairs);
  #newer = new Int32Array(firstPairs);
  #used = 0;
  #free = none;
  // The endpoints, by slot.
  #newest = new Int32Array(16).fill(none);
  #oldest = new Int32Array(16).fill(none);
  #held = new Int32Array(16);
  #holders = 0;
  #cursor = 0;

  /** @param maxPairs over all endpoints; beyond it those with more than their equal part forget first */
  constructor(maxPairs: number) {
    this.#maxPairs = maxPairs;
  }

  /** Blocks that the endpoint holds. */
  held(slot: number): number {
    return this.#held[slot] ?? 0;
  }

  has(slot: number, low: number, high: number): boolean {
    return this.#findPair(slot, this.#heads[this.#place(low, high)] ?? none) !== none;
  }

  /** Adds 1 to `counts[slot]` for every endpoint that holds the block; false when there is none. */
  count(low: number, high: number, counts: Float64Array): boolean {
    let pair = this.#heads[this.#place(low, high)] ?? none;
    if (pair === none) return false;
    const slots = this.#slot;
    const next = this.#nextHolder;
    while (pair !== none) {
      const slot = slots[pair] ?? 0;
      counts[slot] = (counts[slot] ?? 0) + 1;
      pair = next[pair] ?? none;
    }
    return true;
  }

  /** Calls back for every endpoint that holds the block. */
  visit(low: number, high: number, onHolder: (slot: number, weight: number) => void, weight: number): void {
    let pair = this.#heads[this.#place(low, high)] ?? none;
    while (pair !== none) {
      onHolder(this.#slot[pair] ?? 0, weight);
      pair = this.#nextHolder[pair] ?? none;
    }
  }

  /** The endpoint holds the block, as of now. Its least recently used blocks give way beyond `capacity`. */
  add(slot: number, low: number, high: number, capacity: number): void {
    if (slot >= this.#newest.length) this.#growSlots(slot);
    const place = this.#place(low, high);
    const head = this.#heads[place] ?? none;
    let pair = this.#findPair(slot, head);
    if (pair !== none) {
      this.#unlinkUse(pair, slot);
      this.#linkUse(pair, slot);
      return;
    }
    pair = this.#takePair();
    this.#low[pair] = low;
    this.#high[pair] = high;
    this.#slot[pair] = slot;
    this.#nextHolder[pair] = head;
    this.#previousHolder[pair] = none;
    if (head === none) {
      this.#tableLow[place] = low;
      this.#tableHigh[place] = high;
      this.#entries += 1;
    } else this.#previousHolder[head] = pair;
    this.#heads[place] = pair;
    if ((this.#held[slot] ?? 0) === 0) this.#holders += 1;
    this.#held[slot] = (this.#held[slot] ?? 0) + 1;
    this.size += 1;
    this.#linkUse(pair, slot);
    if (this.#entries * 2 > this.#mask) this.#growTable();
    while ((this.#held[slot] ?? 0) > Math.max(1, capacity)) this.#drop(this.#oldest[slot] ?? none);
    while (this.size > this.#maxPairs) this.#drop(this.#oldest[this.#victim()] ?? none);
  }

  /** The endpoint no longer holds the block. */
  remove(slot: number, low: number, high: number): void {
    const pair = this.#findPair(slot, this.#heads[this.#place(low, high)] ?? none);
    if (pair !== none) this.#drop(pair);
  }

  /** The endpoint holds nothing any more. */
  clear(slot: number): void {
    while ((this.#held[slot] ?? 0) > 0) this.#drop(this.#oldest[slot] ?? none);
  }

  /** An endpoint that holds more than its equal part of all pairs; there is one when there are too many. */
  #victim(): number {
    const part = this.#maxPairs / this.#holders;
    while ((this.#held[this.#cursor] ?? 0) <= part) this.#cursor = (this.#cursor + 1) % this.#held.length;
    return this.#cursor;
  }

  /** Where the block stands in the table, or the empty place where it would. */
  #place(low: number, high: number): number {
    const mask = this.#mask;
    let place = low & mask;
    for (;;) {
      if (this.#heads[place] === none) return place;
      if (this.#tableLow[place] === low && this.#tableHigh[place] === high) return place;
      place = (place + 1) & mask;
    }
  }

  #findPair(slot: number, head: number): number {
    let pair = head;
    while (pair !== none && this.#slot[pair] !== slot) pair = this.#nextHolder[pair] ?? none;
    return pair;
  }

  #linkUse(pair: number, slot: number): void {
    const newest = this.#newest[slot] ?? none;
    this.#older[pair] = newest;
    this.#newer[pair] = none;
    if (newest === none) this.#oldest[slot] = pair;
    else this.#newer[newest] = pair;
    this.#newest[slot] = pair;
  }

  #unlinkUse(pair: number, slot: number): void {
    const older = this.#older[pair] ?? none;
    const newer = this.#newer[pair] ?? none;
    if (older === none) this.#oldest[slot] = newer;
    else this.#newer[older] = newer;
    if (newer === none) this.#newest[slot] = older;
    else this.#older[newer] = older;
  }

  #drop(pair: number): void {
    const slot = this.#slot[pair] ?? 0;
    this.#unlinkUse(pair, slot);
    const next = this.#nextHolder[pair] ?? none;
    const previous = this.#previousHolder[pair] ?? none;
    if (next !== none) this.#previousHolder[next] = previous;
    if (previous !== none) this.#nextHolder[previous] = next;
    else {
      const place = this.#place(this.#low[pair] ?? 0, this.#high[pair] ?? 0);
      this.#heads[place] = next;
      if (next === none) this.#closeGap(place);
    }
    this.#older[pair] = this.#free;
    this.#free = pair;
    this.#held[slot] = (this.#held[slot] ?? 0) - 1;
    if (this.#held[slot] === 0) this.#holders -= 1;
    this.size -= 1;
  }

  /** Moves what was pushed past an emptied place back, so that probing needs no tombstones. */
  #closeGap(emptied: number): void {
    this.#entries -= 1;
    const mask = this.#mask;
    let gap = emptied;
    for (let place = (gap + 1) & mask; this.#heads[place] !== none; place = (place + 1) & mask) {
      const home = (this.#tableLow[place] ?? 0) & mask;
      if (((place - home) & mask) < ((place - gap) & mask)) continue;
      this.#tableLow[gap] = this.#tableLow[place] ?? 0;
      this.#tableHigh[gap] = this.#tableHigh[place] ?? 0;
      this.#heads[gap] = this.#heads[place] ?? none;
      this.#heads[place] = none;
      gap = place;
    }
  }

  #takePair(): number {
    const free = this.#free;
    if (free !== none) {
      this.#free = this.#older[free] ?? none;
      return free;
    }
    if (this.#used === this.#slot.length) this.#growPairs();
    this.#used += 1;
    return this.#used - 1;
  }

  #growPairs(): void {
    const size = this.#slot.length * 2;
    this.#low = copied(this.#low, new Uint32Array(size));
    this.#high = copied(this.#high, new Uint32Array(size));
    this.#slot = copied(this.#slot, new Int32Array(size));
    this.#nextHolder = copied(this.#nextHolder, new Int32Array(size));
    this.#previousHolder = copied(this.#previousHolder, new Int32Array(size));
    this.#older = copied(this.#older, new Int32Array(size));
    this.#newer = copied(this.#newer, new Int32Array(size));
  }

  #growSlots(slot: number): void {
    const size = 2 ** Math.ceil(Math.log2(slot + 1));
    this.#newest = copied(this.#newest, new Int32Array(size).fill(none));
    this.#oldest = copied(this.#oldest, new Int32Array(size).fill(none));
    this.#held = copied(this.#held, new Int32Array(size));
  }

  #growTable(): void {
    const [low, high, heads] = [this.#tableLow, this.#tableHigh, this.#heads];
    const size = heads.length * 2;
    this.#mask = size - 1;
    this.#tableLow = new Uint32Array(size);
    this.#tableHigh = new Uint32Array(size);
    this.#heads = new Int32Array(size).fill(none);
    for (let at = 0; at < heads.length; at += 1) {
      if (heads[at] === none) continue;
      const place = this.#place(low[at] ?? 0, high[at] ?? 0);
      this.#tableLow[place] = low[at] ?? 0;
      this.#tableHigh[place] = high[at] ?? 0;
      this.#heads[place] = heads[at] ?? none;
    }
  }
}

function copied<T extends Int32Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
