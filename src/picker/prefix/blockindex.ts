/**
 * Which endpoints hold which blocks: a bounded map from 64-bit hash to endpoints with one least-recently-used list per endpoint
 * (epp.md 5.5), all of it in typed arrays. A *pair* is one block held by one endpoint.
 *
 * What is read together lies together, one record after the other in one array: a decision touches hundreds of records at random places,
 * and each costs one access to memory instead of one per field. Halves of hashes are kept as signed integers.
 */

const none = -1;
const firstPairs = 1024;
/** Counts of up to 2^planes - 1 blocks are kept bit by bit. */
const planes = 8;

// A record of the table of blocks, 16 bytes: the pair of its newest holder, how many hold it, the row of bits that says who where they
// are many, and the low half of its hash.
const entryShift = 2;
const headField = 0;
const holdersField = 1;
const rowField = 2;
const entryTag = 3;

// A record of the table of pairs, 8 bytes: the pair, and the low half of its hash.
const keyShift = 1;
const keyTag = 1;

// A pair, 32 bytes. Those of one block are linked by holder, those of one endpoint from newest to oldest.
const pairShift = 3;
const lowField = 0;
const highField = 1;
const slotField = 2;
const nextHolderField = 3;
const previousHolderField = 4;
const olderField = 5;
const newerField = 6;

export class BlockIndex {
  /** Pairs held. */
  size = 0;
  readonly #maxPairs: number;
  // The blocks by hash: open addressing, linear probing, never more than half full. A head of `none` is an empty place.
  #mask = firstPairs * 2 - 1;
  #table = emptyTable(firstPairs * 2, entryShift);
  #entries = 0;
  // The pairs by hash and slot, in a table of the same kind.
  #keyMask = firstPairs * 2 - 1;
  #keys = emptyTable(firstPairs * 2, keyShift);
  // The rows of bits, one bit per slot; freed rows are kept for later.
  #rowWords = 1;
  #bits = new Int32Array(64);
  #usedRows = 0;
  readonly #freeRows: number[] = [];
  #planes = new Int32Array(planes);
  #pairs = new Int32Array(firstPairs << pairShift);
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
    return this.#keys[this.#keyPlace(slot, low | 0, high | 0) << keyShift] !== none;
  }

  /**
   * Adds to `counts`, by slot, how many of these blocks an endpoint holds, up to the first that nobody holds (epp.md 5.5). Blocks that
   * many hold are added up bit by bit for 32 endpoints at a time: a beginning that all share costs no more than one of a few.
   *
   * @param words two per block, low first; each is combined with the scope by exclusive or
   */
  countMatches(words: Uint32Array, blocks: number, scopeLow: number, scopeHigh: number, counts: Float64Array): void {
    const pairs = this.#pairs;
    const table = this.#table;
    let added = 0;
    for (let at = 0; at < blocks * 2; at += 2) {
      const entry = this.#place((words[at] ?? 0) ^ scopeLow, (words[at + 1] ?? 0) ^ scopeHigh) << entryShift;
      let pair = table[entry + headField] ?? none;
      if (pair === none) break;
      const row = table[entry + rowField] ?? none;
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
        const record = pair << pairShift;
        const slot = pairs[record + slotField] ?? 0;
        counts[slot] = (counts[slot] ?? 0) + 1;
        pair = pairs[record + nextHolderField] ?? none;
      }
    }
    if (added > 0) this.#flushPlanes(counts);
  }

  /** Calls back for every endpoint that holds the block. */
  visit(low: number, high: number, onHolder: (slot: number, weight: number) => void, weight: number): void {
    let pair = this.#table[this.#place(low | 0, high | 0) << entryShift] ?? none;
    while (pair !== none) {
      const record = pair << pairShift;
      const next = this.#pairs[record + nextHolderField] ?? none;
      onHolder(this.#pairs[record + slotField] ?? 0, weight);
      pair = next;
    }
  }

  /** The endpoint holds the block, as of now. Its least recently used blocks give way beyond `capacity`. */
  add(slot: number, low: number, high: number, capacity: number): void {
    this.#add(slot, low | 0, high | 0, capacity);
  }

  #add(slot: number, low: number, high: number, capacity: number): void {
    if (slot >= this.#newest.length) this.#growSlots(slot);
    const key = this.#keyPlace(slot, low, high) << keyShift;
    const known = this.#keys[key] ?? none;
    if (known !== none) {
      this.#unlinkUse(known, slot);
      this.#linkUse(known, slot);
      return;
    }
    const pair = this.#takePair();
    this.#keys[key] = pair;
    this.#keys[key + keyTag] = low;
    const record = pair << pairShift;
    this.#pairs[record + lowField] = low;
    this.#pairs[record + highField] = high;
    this.#pairs[record + slotField] = slot;
    this.#linkHolder(pair, this.#place(low, high));
    if ((this.#held[slot] ?? 0) === 0) this.#holders += 1;
    this.#held[slot] = (this.#held[slot] ?? 0) + 1;
    this.size += 1;
    this.#linkUse(pair, slot);
    if (this.#entries * 2 > this.#mask) this.#growTable();
    if (this.size * 2 > this.#keyMask) this.#growKeys();
    while ((this.#held[slot] ?? 0) > Math.max(1, capacity)) this.#drop(this.#oldest[slot] ?? none);
    while (this.size > this.#maxPairs) this.#drop(this.#oldest[this.#victim()] ?? none);
  }

  /** The endpoint no longer holds the block. */
  remove(slot: number, low: number, high: number): void {
    const pair = this.#keys[this.#keyPlace(slot, low | 0, high | 0) << keyShift] ?? none;
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
    const table = this.#table;
    let place = low & mask;
    for (;;) {
      const entry = place << entryShift;
      const head = table[entry + headField] ?? none;
      if (head === none) return place;
      if (table[entry + entryTag] === low && this.#pairs[(head << pairShift) + highField] === high) return place;
      place = (place + 1) & mask;
    }
  }

  /** Where the pair stands in its table, or the empty place where it would. */
  #keyPlace(slot: number, low: number, high: number): number {
    const mask = this.#keyMask;
    const keys = this.#keys;
    const pairs = this.#pairs;
    let place = this.#keyHome(slot, low);
    for (;;) {
      const key = place << keyShift;
      const pair = keys[key] ?? none;
      if (pair === none) return place;
      if (keys[key + keyTag] === low) {
        const record = pair << pairShift;
        if (pairs[record + slotField] === slot && pairs[record + highField] === high) return place;
      }
      place = (place + 1) & mask;
    }
  }

  #keyHome(slot: number, low: number): number {
    return (low ^ Math.imul(slot + 1, 0x9e3779b1)) & this.#keyMask;
  }

  #linkHolder(pair: number, place: number): void {
    const pairs = this.#pairs;
    const table = this.#table;
    const record = pair << pairShift;
    const entry = place << entryShift;
    const head = table[entry + headField] ?? none;
    pairs[record + nextHolderField] = head;
    pairs[record + previousHolderField] = none;
    if (head === none) {
      table[entry + entryTag] = pairs[record + lowField] ?? 0;
      table[entry + holdersField] = 0;
      table[entry + rowField] = none;
      this.#entries += 1;
    } else pairs[(head << pairShift) + previousHolderField] = pair;
    table[entry + headField] = pair;
    const holders = (table[entry + holdersField] ?? 0) + 1;
    table[entry + holdersField] = holders;
    const row = table[entry + rowField] ?? none;
    if (row !== none) this.#setBit(row, pairs[record + slotField] ?? 0);
    // A row is worth its room where it is no longer than the list it stands for.
    else if (holders >= Math.max(8, this.#rowWords)) this.#makeRow(place);
  }

  #unlinkHolder(pair: number): void {
    const pairs = this.#pairs;
    const table = this.#table;
    const record = pair << pairShift;
    const place = this.#place(pairs[record + lowField] ?? 0, pairs[record + highField] ?? 0);
    const entry = place << entryShift;
    const next = pairs[record + nextHolderField] ?? none;
    const previous = pairs[record + previousHolderField] ?? none;
    if (next !== none) pairs[(next << pairShift) + previousHolderField] = previous;
    if (previous === none) table[entry + headField] = next;
    else pairs[(previous << pairShift) + nextHolderField] = next;
    const holders = (table[entry + holdersField] ?? 0) - 1;
    table[entry + holdersField] = holders;
    const row = table[entry + rowField] ?? none;
    if (row !== none) {
      const slot = pairs[record + slotField] ?? 0;
      const word = row * this.#rowWords + (slot >> 5);
      this.#bits[word] = (this.#bits[word] ?? 0) & ~(1 << (slot & 31));
      if (holders * 2 < Math.max(8, this.#rowWords)) {
        table[entry + rowField] = none;
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
    const entry = place << entryShift;
    this.#table[entry + rowField] = row;
    let pair = this.#table[entry + headField] ?? none;
    while (pair !== none) {
      const record = pair << pairShift;
      this.#setBit(row, this.#pairs[record + slotField] ?? 0);
      pair = this.#pairs[record + nextHolderField] ?? none;
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
    const pairs = this.#pairs;
    const newest = this.#newest[slot] ?? none;
    const record = pair << pairShift;
    pairs[record + olderField] = newest;
    pairs[record + newerField] = none;
    if (newest === none) this.#oldest[slot] = pair;
    else pairs[(newest << pairShift) + newerField] = pair;
    this.#newest[slot] = pair;
  }

  #unlinkUse(pair: number, slot: number): void {
    const pairs = this.#pairs;
    const record = pair << pairShift;
    const older = pairs[record + olderField] ?? none;
    const newer = pairs[record + newerField] ?? none;
    if (older === none) this.#oldest[slot] = newer;
    else pairs[(older << pairShift) + newerField] = newer;
    if (newer === none) this.#newest[slot] = older;
    else pairs[(newer << pairShift) + olderField] = older;
  }

  #drop(pair: number): void {
    const pairs = this.#pairs;
    const record = pair << pairShift;
    const slot = pairs[record + slotField] ?? 0;
    this.#unlinkUse(pair, slot);
    this.#closeKeyGap(this.#keyPlace(slot, pairs[record + lowField] ?? 0, pairs[record + highField] ?? 0));
    this.#unlinkHolder(pair);
    pairs[record + olderField] = this.#free;
    this.#free = pair;
    this.#held[slot] = (this.#held[slot] ?? 0) - 1;
    if (this.#held[slot] === 0) this.#holders -= 1;
    this.size -= 1;
  }

  /** Moves what was pushed past an emptied place back, so that probing needs no tombstones. */
  #closeGap(emptied: number): void {
    this.#entries -= 1;
    const mask = this.#mask;
    const table = this.#table;
    let gap = emptied;
    for (let place = (gap + 1) & mask; table[place << entryShift] !== none; place = (place + 1) & mask) {
      const from = place << entryShift;
      const home = (table[from + entryTag] ?? 0) & mask;
      if (((place - home) & mask) < ((place - gap) & mask)) continue;
      copyEntry(table, from, table, gap << entryShift);
      table[from] = none;
      gap = place;
    }
  }

  #closeKeyGap(emptied: number): void {
    const mask = this.#keyMask;
    const keys = this.#keys;
    let gap = emptied;
    keys[gap << keyShift] = none;
    for (let place = (gap + 1) & mask; ; place = (place + 1) & mask) {
      const key = place << keyShift;
      const pair = keys[key] ?? none;
      if (pair === none) return;
      const tag = keys[key + keyTag] ?? 0;
      const home = this.#keyHome(this.#pairs[(pair << pairShift) + slotField] ?? 0, tag);
      if (((place - home) & mask) < ((place - gap) & mask)) continue;
      keys[gap << keyShift] = pair;
      keys[(gap << keyShift) + keyTag] = tag;
      keys[key] = none;
      gap = place;
    }
  }

  #takePair(): number {
    const free = this.#free;
    if (free !== none) {
      this.#free = this.#pairs[(free << pairShift) + olderField] ?? none;
      return free;
    }
    if (this.#used << pairShift === this.#pairs.length)
      this.#pairs = copied(this.#pairs, new Int32Array(this.#pairs.length * 2));
    this.#used += 1;
    return this.#used - 1;
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

  #growKeys(): void {
    const before = this.#keys;
    this.#keyMask = this.#keyMask * 2 + 1;
    this.#keys = emptyTable(this.#keyMask + 1, keyShift);
    for (let key = 0; key < before.length; key += 1 << keyShift) {
      const pair = before[key] ?? none;
      if (pair === none) continue;
      const tag = before[key + keyTag] ?? 0;
      let place = this.#keyHome(this.#pairs[(pair << pairShift) + slotField] ?? 0, tag);
      while (this.#keys[place << keyShift] !== none) place = (place + 1) & this.#keyMask;
      this.#keys[place << keyShift] = pair;
      this.#keys[(place << keyShift) + keyTag] = tag;
    }
  }

  #growTable(): void {
    const before = this.#table;
    this.#mask = this.#mask * 2 + 1;
    this.#table = emptyTable(this.#mask + 1, entryShift);
    for (let from = 0; from < before.length; from += 1 << entryShift) {
      if (before[from] === none) continue;
      let place = (before[from + entryTag] ?? 0) & this.#mask;
      while (this.#table[place << entryShift] !== none) place = (place + 1) & this.#mask;
      copyEntry(before, from, this.#table, place << entryShift);
    }
  }
}

/** Whose places are all empty: the first field of each is `none`. */
function emptyTable(places: number, shift: number): Int32Array<ArrayBuffer> {
  return new Int32Array(places << shift).fill(none);
}

function copyEntry(source: Int32Array, from: number, target: Int32Array, to: number): void {
  target[to] = source[from] ?? none;
  target[to + holdersField] = source[from + holdersField] ?? 0;
  target[to + rowField] = source[from + rowField] ?? none;
  target[to + entryTag] = source[from + entryTag] ?? 0;
}

function copied(from: Int32Array, to: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  to.set(from);
  return to;
}
