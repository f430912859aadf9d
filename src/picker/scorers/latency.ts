import type { Cycle, PluginFactory } from '../plugin.ts';
import { prefixSource } from '../prefix/source.ts';
import { requestHeaders } from '../request.ts';
import { numericHeader } from '../slo.ts';

/**
 * `latency-scorer`: the room between predicted latency and the request's objectives, packed tightly (`least`) or widely (`most`);
 * where the store has no predictions a composite of free KV cache, relative queue and prefix (epp.md 5.7).
 */
export const latencyScorer: PluginFactory = {
  types: ['latency-scorer'],
  create(name, parameters, context) {
    const ttftWeight = parameters.number('ttftWeight', 0.8, { min: 0 });
    const tpotWeight = parameters.number('tpotWeight', 0.2, { min: 0 });
    const strategy = parameters.oneOf('headroomSelectionStrategy', ['least', 'most'], 'least');
    const kvWeight = parameters.number('compositeKVWeight', 1, { min: 0 });
    const queueWeight = parameters.number('compositeQueueWeight', 1, { min: 0 });
    const prefixWeight = parameters.number('compositePrefixWeight', 1, { min: 0 });
    const compositeSum = kvWeight + queueWeight + prefixWeight;
    const source = prefixSource(name, '', context, true);
    let ttft = new Float64Array(0);
    let tpot = new Float64Array(0);
    let competes = new Uint8Array(0);

    const scoreComposite = ({ store }: Cycle, slots: Int32Array, count: number, scores: Float64Array): void => {
      const { matched, totalBlocks } = source();
      let longest = 0;
      for (let at = 0; at < count; at += 1) longest = Math.max(longest, store.waiting[slots[at] ?? 0] ?? 0);
      for (let at = 0; at < count; at += 1) {
        const slot = slots[at] ?? 0;
        const free = 1 - (store.kvUsage[slot] ?? 0);
        const queue = longest === 0 ? 1 : 1 - (store.waiting[slot] ?? 0) / longest;
        const prefix = totalBlocks === 0 ? 0 : (matched[slot] ?? 0) / totalBlocks;
        const sum = kvWeight * free + queueWeight * queue + prefixWeight * prefix;
        scores[at] = compositeSum === 0 ? 0 : sum / compositeSum;
      }
    };

    return {
      type: 'latency-scorer',
      name,
      score(cycle, slots, count, scores) {
        const { store, request } = cycle;
        if (ttft.length < count) {
          ttft = new Float64Array(store.capacity);
          tpot = new Float64Array(store.capacity);
          competes = new Uint8Array(store.capacity);
        }
        const ttftSlo = numericHeader(request, requestHeaders.sloTtft);
        const tpotSlo = numericHeader(request, requestHeaders.sloTpot);
        let predicted = false;
        for (let at = 0; at < count; at += 1) {
          const slot = slots[at] ?? 0;
          predicted ||= !Number.isNaN(store.predictedTtftMs[slot] ?? NaN);
          ttft[at] = ttftSlo - (store.predictedTtftMs[slot] ?? NaN);
          tpot[at] = tpotSlo - (store.predictedTpotMs[slot] ?? NaN);
        }
        if (!predicted) {
          scoreComposite(cycle, slots, count, scores);
          return;
        }
        const positive = selectCompetitors(cycle, slots, count, { ttft, tpot, competes });
        scoreHeadroom(count, { ttft, tpot, competes }, scores, {
          ttftWeight,
          tpotWeight,
          least: !positive || strategy === 'least',
        });
      },
    };
  },
};

interface Headrooms {
  readonly ttft: Float64Array;
  readonly tpot: Float64Array;
  readonly competes: Uint8Array;
}

/** Marks who competes: both headrooms positive; else idle ones; else the mildest kind of deficit. True for the first. */
function selectCompetitors(cycle: Cycle, slots: Int32Array, count: number, rooms: Headrooms): boolean {
  const { ttft, tpot, competes } = rooms;
  const mark = (test: (at: number) => boolean): boolean => {
    let any = false;
    for (let at = 0; at < count; at += 1) {
      const wanted = test(at);
      competes[at] = wanted ? 1 : 0;
      any ||= wanted;
    }
    return any;
  };
  const meets = (rooms: Float64Array, at: number): boolean => (rooms[at] ?? NaN) >= 0;
  if (mark((at) => meets(ttft, at) && meets(tpot, at))) return true;
  if (mark((at) => (cycle.store.inFlight[slots[at] ?? 0] ?? 0) === 0 && !Number.isNaN(ttft[at] ?? NaN))) return false;
  if (mark((at) => meets(ttft, at))) return false;
  if (mark((at) => meets(tpot, at))) return false;
  mark((at) => !Number.isNaN(ttft[at] ?? NaN));
  return false;
}

function scoreHeadroom(
  count: number,
  { ttft, tpot, competes }: Headrooms,
  scores: Float64Array,
  { ttftWeight, tpotWeight, least }: { ttftWeight: number; tpotWeight: number; least: boolean },
): void {
  const [ttftMin, ttftRange] = rangeOf(ttft, competes, count);
  const [tpotMin, tpotRange] = rangeOf(tpot, competes, count);
  // A dimension in which all are equal says nothing; its weight goes to the other.
  const first = ttftRange === 0 ? 0 : tpotRange === 0 ? ttftWeight + tpotWeight : ttftWeight;
  const second = tpotRange === 0 ? 0 : ttftRange === 0 ? ttftWeight + tpotWeight : tpotWeight;
  const sum = first + second;
  for (let at = 0; at < count; at += 1) {
    if (competes[at] === 0) {
      scores[at] = 0;
      continue;
    }
    const x = ttftRange === 0 ? 0 : (Math.abs(ttft[at] ?? 0) - ttftMin) / ttftRange;
    const y = tpotRange === 0 ? 0 : (Math.abs(tpot[at] ?? 0) - tpotMin) / tpotRange;
    const combined = sum === 0 ? 0 : (first * x + second * y) / sum;
    scores[at] = (Math.trunc((least ? 1 - combined : combined) * 100) + 1) / 100;
  }
}

function rangeOf(values: Float64Array, competes: Uint8Array, count: number): [min: number, range: number] {
  let min = Infinity;
  let max = -Infinity;
  for (let at = 0; at < count; at += 1) {
    const value = Math.abs(values[at] ?? NaN);
    if (competes[at] === 0 || Number.isNaN(value)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return max > min ? [min, max - min] : [0, 0];
}
