import type { Cycle, PluginFactory } from '../plugin.ts';

interface Range {
  readonly min: number;
  readonly max: number;
}

/**
 * `context-length-aware`: prefers endpoints whose label `min-max` names the prompt's length in tokens, the tighter the better;
 * with `enableFiltering` the others are removed (epp.md 5.4). Four characters count as a token where no tokens are known.
 */
export const contextLengthAware: PluginFactory = {
  types: ['context-length-aware'],
  create(name, parameters) {
    const label = parameters.text('label', 'llm-d.ai/context-length-range');
    const filters = parameters.flag('enableFiltering', false);
    const ranges = new Map<string, Range | undefined>();

    const rangeOf = (text: string): Range | undefined => {
      if (ranges.has(text)) return ranges.get(text);
      // Labels of a pool are few; beyond that somebody is inventing them.
      if (ranges.size >= 1024) ranges.clear();
      const parts = /^(\d+)-(\d+)$/.exec(text.trim());
      const range = parts === null ? undefined : { min: Number(parts[1]), max: Number(parts[2]) };
      const valid = range !== undefined && range.min <= range.max ? range : undefined;
      ranges.set(text, valid);
      return valid;
    };

    return {
      type: 'context-length-aware',
      name,
      ...(filters && {
        filter(cycle, slots, count) {
          const length = lengthOf(cycle);
          let kept = 0;
          for (let at = 0; at < count; at += 1) {
            const slot = slots[at] ?? 0;
            const text = cycle.store.endpoints[slot]?.labels?.[label];
            const range = text === undefined ? undefined : rangeOf(text);
            if (text === undefined || (range !== undefined && length >= range.min && length <= range.max)) {
              slots[kept] = slot;
              kept += 1;
            }
          }
          return kept;
        },
      }),
      score(cycle, slots, count, scores) {
        const length = lengthOf(cycle);
        for (let at = 0; at < count; at += 1) {
          const text = cycle.store.endpoints[slots[at] ?? 0]?.labels?.[label];
          scores[at] = text === undefined ? 0.5 : scoreRange(rangeOf(text), length);
        }
      },
    };
  },
};

function lengthOf({ request }: Cycle): number {
  return request.tokens?.length ?? Math.floor((request.prompt?.promptBytes ?? request.bodyBytes) * 0.25);
}

function scoreRange(range: Range | undefined, length: number): number {
  if (range === undefined) return 0;
  const { min, max } = range;
  if (length < min || length > max) return 0.3 / (1 + (length < min ? min - length : length - max) / 1000);
  const width = max - min;
  if (width === 0) return 1;
  return 0.3 + 0.7 * (0.7 / (1 + width / 10_000) + (0.3 * (max - length)) / width);
}
