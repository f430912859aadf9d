/** Names that clients choose, as values of metric labels: each kept forever, so that there must not be too many of them. */

const longestName = 256;

/** What stands for every further name, and for those that are too long. */
export const otherNames = 'other';

/** Lets the first `limit` names pass, the same ones from then on. */
export function boundedNames(limit: number): (name: string) => string {
  const known = new Set<string>();
  return (name) => {
    if (known.has(name)) return name;
    if (known.size >= limit || name.length > longestName) return otherNames;
    known.add(name);
    return name;
  };
}
