/**
 * Which endpoints hold which blocks: a bounded map from 64-bit hash to endpoints with one least-recently-used list per endpoint
 * (epp.md 5.5), all of it in typed arrays. A *pair* is one block held by one endpoint.
 */

const none = -1;
const firstPairs = 1024;
/** Counts of up to 2^planes - 1 blocks are kept bit by bit. */
const planes = 8;

export class BlockIndex {
  /** Pairs held. */
  size = 0;
  readonly #maxPairs: number;
  // The hash table: open addressing, linear probing, never more than half full. A head of `none` is an empty place.
  #mask = firstPairs * 2 - 1;
  #tableLow = new Uint32Array(firstPairs * 2);
  #tableHigh = new Uint32Array(firstPairs * 2);
  #heads = new Int32Array(firstPairs * 2).fill(none);
  /** How many hold the block, and the row of bits that says who, where they are many. */
  #holdersOf = new Int32Array(firstPairs * 2);
  #rows = new Int32Array(firstPairs * 2).fill(none);
  #entries = 0;
  // The pairs by hash and slot, in a table of the same kind.
  #pairMask = firstPairs * 2 - 1;
  #pairs = new Int32Array(firstPairs * 2).fill(none);
  // The rows of bits, one bit per slot; freed rows are kept for later.
  #rowWords = 1;
  #bits = new Int32Array(64);
  #usedRows = 0;
  readonly #freeRows: number[] = [];
  #planes = new Int32Array(planes);
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
    return this.#pairs[this.#pairPlace(slot, low, high)] !== none;
  }

  /**
   * Adds to `counts`, by slot, how many of these blocks an endpoint holds, up to the first that nobody holds (epp.md 5.5). Blocks that
   * many hold are added up bit by bit for 32 endpoints at a time: a beginning that all share costs no more than one of a few.
   *
   * @param words two per block, low first; each is combined with the scope by exclusive or
   */
  countMatches(words: Uint32Array, blocks: number, scopeLow: number, scopeHigh: number, counts: Float64Array): void {
    const slots = this.#slot;
    const next = this.#nextHolder;
    let added = 0;
    for (let at = 0; at < blocks * 2; at += 2) {
      const place = this.#place(((words[at] ?? 0) ^ scopeLow) >>> 0, ((words[at + 1] ?? 0) ^ scopeHigh) >>> 0);
      let pair = this.#heads[place] ?? none;
      if (pair === none) break;
      const row = this.#rows[place] ?? none;
      if (row !== none) {
        this.#addRow(row);
        added += 1;
        if (added === 2 ** planes - 1) {
          this.#flushPlanes(counts);
          added = 0;
        }
        continue;
      }
      while (pair !== none) {
        const slot = slots[pair] ?? 0;
        counts[slot] = (counts[slot] ?? 0) + 1;
        pair = next[pair] ?? none;
      }
    }
    if (added > 0) this.#flushPlanes(counts);
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
    const pairPlace = this.#pairPlace(slot, low, high);
    const known = this.#pairs[pairPlace] ?? none;
    if (known !== none) {
      this.#unlinkUse(known, slot);
      this.#linkUse(known, slot);
      return;
    }
    const pair = this.#takePair();
    this.#pairs[pairPlace] = pair;
    this.#low[pair] = low;
    this.#high[pair] = high;
    this.#slot[pair] = slot;
    this.#linkHolder(pair, this.#place(low, high));
    if ((this.#held[slot] ?? 0) === 0) this.#holders += 1;
    this.#held[slot] = (this.#held[slot] ?? 0) + 1;
    this.size += 1;
    this.#linkUse(pair, slot);
    if (this.#entries * 2 > this.#mask) this.#growTable();
    if (this.size * 2 > this.#pairMask) this.#growPairTable();
    while ((this.#held[slot] ?? 0) > Math.max(1, capacity)) this.#drop(this.#oldest[slot] ?? none);
    while (this.size > this.#maxPairs) this.#drop(this.#oldest[this.#victim()] ?? none);
  }

  /** The endpoint no longer holds the block. */
  remove(slot: number, low: number, high: number): void {
    const pair = this.#pairs[this.#pairPlace(slot, low, high)] ?? none;
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

  /** Where the pair stands in its table, or the empty place where it would. */
  #pairPlace(slot: number, low: number, high: number): number {
    const mask = this.#pairMask;
    let place = this.#pairHome(slot, low);
    for (;;) {
      const pair = this.#pairs[place] ?? none;
      if (pair === none) return place;
      if (this.#low[pair] === low && this.#slot[pair] === slot && this.#high[pair] === high) return place;
      place = (place + 1) & mask;
    }
  }

  #pairHome(slot: number, low: number): number {
    return (low ^ Math.imul(slot + 1, 0x9e3779b1)) & this.#pairMask;
  }

  #linkHolder(pair: number, place: number): void {
    const head = this.#heads[place] ?? none;
    const slot = this.#slot[pair] ?? 0;
    this.#nextHolder[pair] = head;
    this.#previousHolder[pair] = none;
    if (head === none) {
      this.#tableLow[place] = this.#low[pair] ?? 0;
      this.#tableHigh[place] = this.#high[pair] ?? 0;
      this.#holdersOf[place] = 0;
      this.#rows[place] = none;
      this.#entries += 1;
    } else this.#previousHolder[head] = pair;
    this.#heads[place] = pair;
    const holders = (this.#holdersOf[place] ?? 0) + 1;
    this.#holdersOf[place] = holders;
    const row = this.#rows[place] ?? none;
    if (row !== none) this.#setBit(row, slot);
    // A row is worth its room where it is no longer than the list it stands for.
    else if (holders >= Math.max(8, this.#rowWords)) this.#makeRow(place);
  }

  #unlinkHolder(pair: number): void {
    const place = this.#place(this.#low[pair] ?? 0, this.#high[pair] ?? 0);
    const next = this.#nextHolder[pair] ?? none;
    const previous = this.#previousHolder[pair] ?? none;
    if (next !== none) this.#previousHolder[next] = previous;
    if (previous === none) this.#heads[place] = next;
    else this.#nextHolder[previous] = next;
    const holders = (this.#holdersOf[place] ?? 0) - 1;
    this.#holdersOf[place] = holders;
    const row = this.#rows[place] ?? none;
    if (row !== none) {
      const slot = this.#slot[pair] ?? 0;
      const word = row * this.#rowWords + (slot >> 5);
      this.#bits[word] = (this.#bits[word] ?? 0) & ~(1 << (slot & 31));
      if (holders * 2 < Math.max(8, this.#rowWords)) {
        this.#rows[place] = none;
        this.#freeRows.push(row);
      }
    }
    if (next === none && previous === none) this.#closeGap(place);
  }

  #setBit(row: number, slot: number): void {
    const word = row * this.#rowWords + (slot >> 5);
    this.#bits[word] = (this.#bits[word] ?? 0) | (1 << (slot & 31));
  }

  #makeRow(place: number): void {
    const row = this.#freeRows.pop() ?? this.#usedRows++;
    const words = this.#rowWords;
    if ((row + 1) * words > this.#bits.length) this.#bits = copied(this.#bits, new Int32Array(this.#bits.length * 2));
    this.#bits.fill(0, row * words, (row + 1) * words);
    this.#rows[place] = row;
    let pair = this.#heads[place] ?? none;
    while (pair !== none) {
      this.#setBit(row, this.#slot[pair] ?? 0);
      pair = this.#nextHolder[pair] ?? none;
    }
  }

  /** Adds 1 to the count of every slot in the row: binary addition, each plane holding one digit of all counts. */
  #addRow(row: number): void {
    const words = this.#rowWords;
    const from = row * words;
    for (let word = 0; word < words; word += 1) {
      let carry = this.#bits[from + word] ?? 0;
      for (let at = word; carry !== 0; at += words) {
        const digit = this.#planes[at] ?? 0;
        this.#planes[at] = digit ^ carry;
        carry &= digit;
      }
    }
  }

  #flushPlanes(counts: Float64Array): void {
    const words = this.#rowWords;
    for (let at = 0; at < this.#planes.length; at += 1) {
      let bits = this.#planes[at] ?? 0;
      if (bits === 0) continue;
      this.#planes[at] = 0;
      const value = 2 ** Math.floor(at / words);
      const firstSlot = (at % words) * 32;
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits);
        bits ^= 1 << bit;
        counts[firstSlot + bit] = (counts[firstSlot + bit] ?? 0) + value;
      }
    }
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
    this.#unlinkHolder(pair);
    this.#closePairGap(this.#pairPlace(slot, this.#low[pair] ?? 0, this.#high[pair] ?? 0));
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
      this.#holdersOf[gap] = this.#holdersOf[place] ?? 0;
      this.#rows[gap] = this.#rows[place] ?? none;
      this.#heads[place] = none;
      gap = place;
    }
  }

  #closePairGap(emptied: number): void {
    const mask = this.#pairMask;
    let gap = emptied;
    this.#pairs[gap] = none;
    for (let place = (gap + 1) & mask; ; place = (place + 1) & mask) {
      const pair = this.#pairs[place] ?? none;
      if (pair === none) return;
      const home = this.#pairHome(this.#slot[pair] ?? 0, this.#low[pair] ?? 0);
      if (((place - home) & mask) < ((place - gap) & mask)) continue;
      this.#pairs[gap] = pair;
      this.#pairs[place] = none;
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
    this.#widenRows(Math.ceil(size / 32));
  }

  #widenRows(words: number): void {
    const before = this.#rowWords;
    if (words <= before) return;
    const wider = new Int32Array(Math.max(64, this.#usedRows * words * 2));
    for (let row = 0; row < this.#usedRows; row += 1) {
      wider.set(this.#bits.subarray(row * before, (row + 1) * before), row * words);
    }
    this.#bits = wider;
    this.#rowWords = words;
    this.#planes = new Int32Array(planes * words);
  }

  #growPairTable(): void {
    const before = this.#pairs;
    this.#pairs = new Int32Array(before.length * 2).fill(none);
    this.#pairMask = this.#pairs.length - 1;
    for (const pair of before) {
      if (pair === none) continue;
      this.#pairs[this.#pairPlace(this.#slot[pair] ?? 0, this.#low[pair] ?? 0, this.#high[pair] ?? 0)] = pair;
    }
  }

  #growTable(): void {
    const [low, high, heads] = [this.#tableLow, this.#tableHigh, this.#heads];
    const [holdersOf, rows] = [this.#holdersOf, this.#rows];
    const size = heads.length * 2;
    this.#mask = size - 1;
    this.#tableLow = new Uint32Array(size);
    this.#tableHigh = new Uint32Array(size);
    this.#heads = new Int32Array(size).fill(none);
    this.#holdersOf = new Int32Array(size);
    this.#rows = new Int32Array(size).fill(none);
    for (let at = 0; at < heads.length; at += 1) {
      if (heads[at] === none) continue;
      const place = this.#place(low[at] ?? 0, high[at] ?? 0);
      this.#tableLow[place] = low[at] ?? 0;
      this.#tableHigh[place] = high[at] ?? 0;
      this.#heads[place] = heads[at] ?? none;
      this.#holdersOf[place] = holdersOf[at] ?? 0;
      this.#rows[place] = rows[at] ?? none;
    }
  }
}

function copied<T extends Int32Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
