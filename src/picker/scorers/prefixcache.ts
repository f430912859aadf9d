import { createApproximatePrefix } from '../prefix/approximate.ts';
import type { PluginFactory } from '../plugin.ts';
import { prefixSource } from '../prefix/source.ts';

/**
 * `prefix-cache-scorer`: matched blocks / all blocks of the prompt (epp.md 5.5). Given parameters, as up to v1.5, it keeps the
 * index itself; without, it reads that of an `approx-prefix-cache-producer`.
 */
export const prefixCacheScorer: PluginFactory = {
  types: ['prefix-cache-scorer'],
  create(name, parameters, context) {
    const producerName = parameters.text('prefixMatchInfoProducerName', '');
    const own = producerName === '' && parameters.keys().length > 0;
    const producer = own ? createApproximatePrefix(parameters, context) : {};
    const source = prefixSource(name, producerName, context);
    return {
      ...producer,
      type: 'prefix-cache-scorer',
      name,
      score(_, slots, count, scores) {
        const { matched, totalBlocks } = source();
        for (let at = 0; at < count; at += 1) {
          scores[at] = totalBlocks === 0 ? 0 : (matched[slots[at] ?? 0] ?? 0) / totalBlocks;
        }
      },
    };
  },
};
