import type { LabelPropagation } from '../../reconcile/children.ts';
import { createHash } from 'node:crypto';

/** Labels of objects that AIM controllers make (aim.md 2.3, 2.4, 3.3). */

export const managedByLabel = 'app.kubernetes.io/managed-by';
export const componentLabel = 'app.kubernetes.io/component';

const longest = 63;

/** A text as a label value: lower-case, `_` for what labels cannot hold (aim.md 2.3). */
export function labelValue(text: string): string {
  return trimEnds(text.toLowerCase().replaceAll(/[^a-z0-9._-]/g, '_')).slice(0, longest);
}

/** The same in the older group: case stays, runs become one `_`, nothing becomes `unknown`. */
export function legacyLabelValue(text: string): string {
  const value = trimEnds(text.replaceAll(/[^A-Za-z0-9._-]+/g, '_').slice(0, longest));
  return value === '' ? 'unknown' : value;
}

const trimEnds = (text: string): string => text.replace(/^[._-]+/, '').replace(/[._-]+$/, '');

/** An object name as a label value: names may be longer than labels, and then end in a hash. */
export function nameLabel(name: string): string {
  if (name.length <= longest) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.slice(0, longest - hash.length - 1).replace(/[._-]+$/, '')}-${hash}`;
}

/** The labels of a parent that its children get: the group's own always, others as configured (aim.md 3.3). */
export function propagatedLabels(
  labels: Readonly<Record<string, string>> | undefined,
  group: string,
  propagation: LabelPropagation | undefined,
): Record<string, string> {
  const globs = propagation?.enabled === true ? (propagation.match ?? []).map(globPattern) : [];
  return Object.fromEntries(
    Object.entries(labels ?? {}).filter(
      ([key]) => key.startsWith(`${group}/`) || globs.some((glob) => glob?.test(key) === true),
    ),
  );
}

/**
 * A glob as Go's `filepath.Match` reads it: `*` and `?` stop at `/`, `[a-z]`, `[^a-z]`, `\` escapes; undefined for what it
 * calls malformed, which matches nothing.
 */
export function globPattern(glob: string): RegExp | undefined {
  let pattern = '';
  for (let at = 0; at < glob.length; at += 1) {
    const char = glob.charAt(at);
    if (char === '*') pattern += '[^/]*';
    else if (char === '?') pattern += '[^/]';
    else if (char === '[') {
      const set = /^\[(?<not>\^?)(?<members>(?:\\.|[^\\\]])+)\]/.exec(glob.slice(at));
      const members = set?.groups?.['members'];
      if (set === null || members === undefined || !validMembers(members)) return undefined;
      pattern += `[${set.groups?.['not'] ?? ''}${members.replaceAll('[', '\\[')}]`;
      at += set[0].length - 1;
    } else if (char === '\\') {
      at += 1;
      if (at === glob.length) return undefined;
      pattern += literal(glob.charAt(at));
    } else pattern += literal(char);
  }
  try {
    return new RegExp(`^${pattern}$`);
  } catch {
    return undefined;
  }
}

const literal = (char: string): string => char.replace(/[\\^$.*+?()[\]{}|/-]/, String.raw`\$&`);

/** A `-` must stand between two members. */
const validMembers = (members: string): boolean => /^(?:(?:\\.|[^\\-])(?:-(?:\\.|[^\\-]))?)+$/.test(members);
