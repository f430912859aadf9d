import type { PluginFactory } from '../plugin.ts';
import { prefixSource } from '../prefix/source.ts';

/** Whether a request is worth disaggregating (epp.md 5.8). */
export const deciders: readonly PluginFactory[] = [
  {
    types: ['prefix-based-pd-decider'],
    create(name, parameters, context) {
      const nonCachedTokens = parameters.count('nonCachedTokens', 0);
      const source = prefixSource(name, parameters.text('prefixPluginName', ''), context, true);
      return {
        type: 'prefix-based-pd-decider',
        name,
        decide({ request }, decode) {
          if (nonCachedTokens === 0) return false;
          const { matched, blockTokens } = source();
          const inputTokens = request.tokens?.length ?? (request.prompt?.promptBytes ?? request.bodyBytes) / 4;
          return inputTokens - (matched[decode] ?? 0) * blockTokens >= nonCachedTokens;
        },
      };
    },
  },
  {
    types: ['always-disagg-pd-decider'],
    create: (name) => ({ type: 'always-disagg-pd-decider', name, decide: () => true }),
  },
  {
    types: ['always-disagg-multimodal-decider'],
    create: (name) => ({
      type: 'always-disagg-multimodal-decider',
      name,
      decide: ({ request }) => request.multimodal === true,
    }),
  },
];
