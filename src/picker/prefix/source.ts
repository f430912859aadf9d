import { ConfigError } from '../config/parameters.ts';
import type { PluginContext, PrefixMatches } from '../plugin.ts';

const nothing: PrefixMatches = { matched: new Float64Array(0), totalBlocks: 0, blockTokens: 16 };

/**
 * Where a plugin reads prefix matches from: the plugin it names, or the first that has any. Looked up on first use, since plugins may
 * be declared in any order. A loader makes sure that there is one, so that without a name only `optional` finds none.
 */
export function prefixSource(
  consumer: string,
  wanted: string,
  context: PluginContext,
  optional = false,
): () => PrefixMatches {
  let found: { readonly matches?: PrefixMatches } | undefined;
  return () => {
    found ??= wanted === '' ? context.first((plugin) => plugin.matches !== undefined) : context.find(wanted);
    if (found?.matches !== undefined) return found.matches;
    if (optional) return nothing;
    throw new ConfigError(
      `plugin "${consumer}": ${wanted === '' ? 'no plugin' : `plugin "${wanted}"`} tells prefix matches`,
    );
  };
}
