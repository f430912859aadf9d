import type { PluginFactory } from '../plugin.ts';
import { filterOf } from './filter.ts';

const roleLabel = 'llm-d.ai/role';

/** `decode-filter`, `prefill-filter`, `encode-filter`: endpoints by their role in disaggregated serving (epp.md 5.7). */
export const roleFilters: readonly PluginFactory[] = [
  roleFilter('decode-filter', ['decode', 'prefill-decode', 'both', 'encode-prefill-decode'], true),
  roleFilter('prefill-filter', ['prefill', 'encode-prefill', 'prefill-decode', 'both', 'encode-prefill-decode'], false),
  roleFilter('encode-filter', ['encode', 'encode-prefill', 'encode-prefill-decode'], false),
];

function roleFilter(type: string, roles: readonly string[], allowsNoLabel: boolean): PluginFactory {
  return {
    types: [type],
    create: (name) =>
      filterOf(type, name, (labels) => {
        const role = labels?.[roleLabel];
        return role === undefined ? allowsNoLabel : roles.includes(role);
      }),
  };
}
