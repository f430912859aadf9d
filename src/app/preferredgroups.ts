import type { Kind } from '../kinds/kind.ts';

/**
 * The kinds with those of these groups first, in this order: names that two groups share, such as `aimservice`, mean to kubectl what
 * discovery tells first.
 *
 * @throws Error for a group that is none of theirs
 */
export function preferring(kinds: readonly Kind[], groups: readonly string[]): readonly Kind[] {
  const known = [...new Set(kinds.map(({ group }) => group))].filter((group) => group !== '');
  for (const group of groups) {
    if (!known.includes(group)) {
      throw new Error(`--prefer-group ${group}: there is no such group; there are ${known.toSorted().join(', ')}`);
    }
  }
  const place = ({ group }: Kind): number => (groups.includes(group) ? groups.indexOf(group) : groups.length);
  return kinds.toSorted((a, b) => place(a) - place(b));
}
