/** Version constraints of cluster model sources: not npm's semver (aim.md 10, trap 12). */

export interface Version {
  readonly numbers: readonly [number, number, number];
  readonly preRelease: readonly string[];
}

const strict =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?$/;

/** The version a tag stands for, without a leading `v`; undefined when it is not strict semver. */
export function versionOfTag(tag: string): Version | undefined {
  return parseVersion(tag.replace(/^v/, ''));
}

function parseVersion(text: string): Version | undefined {
  const match = strict.exec(text);
  if (match === null) return undefined;
  const [, major, minor, patch, preRelease] = match;
  return {
    numbers: [Number(major), Number(minor), Number(patch)],
    preRelease: preRelease === undefined ? [] : preRelease.split('.'),
  };
}

/** Negative, 0 or positive; pre-releases come before their release (semver 2.0.0, section 11). */
export function compareVersions(a: Version, b: Version): number {
  for (const [i, number] of a.numbers.entries()) {
    const other = b.numbers[i] ?? 0;
    if (number !== other) return number - other;
  }
  if (a.preRelease.length === 0 || b.preRelease.length === 0) {
    return Number(a.preRelease.length === 0) - Number(b.preRelease.length === 0);
  }
  for (let i = 0; i < Math.max(a.preRelease.length, b.preRelease.length); i++) {
    const difference = compareIdentifiers(a.preRelease[i], b.preRelease[i]);
    if (difference !== 0) return difference;
  }
  return 0;
}

function compareIdentifiers(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  const numeric = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (numeric[0] === true && numeric[1] === true) return Number(a) - Number(b);
  if (numeric[0] !== numeric[1]) return numeric[0] === true ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

type Test = (version: Version) => boolean;

/**
 * A constraint such as `>=0.8.5 <1.0.0 || 2.x.x`: comparators that all hold, alternatives with `||`. Undefined when it
 * cannot be read, as with `~1.2`, `^1.2` and `>=v1.0.0`: such a constraint is ignored.
 */
export function parseConstraint(text: string): Test | undefined {
  const alternatives = text.split('||').map((alternative) => parseAll(alternative));
  if (!alternatives.every((test) => test !== undefined)) return undefined;
  return (version) => alternatives.some((test) => test(version));
}

function parseAll(text: string): Test | undefined {
  // An operator may stand apart from its version.
  const parts = text
    .trim()
    .replace(/(>=|<=|==|!=|[=!<>])\s+/g, '$1')
    .split(/\s+/);
  const tests = parts.map(parseComparator);
  if (!tests.every((test) => test !== undefined)) return undefined;
  return (version) => tests.every((test) => test(version));
}

function parseComparator(text: string): Test | undefined {
  const match = /^(>=|<=|==|!=|[=!<>])?(.+)$/.exec(text);
  if (match === null) return undefined;
  const [, operator = '=', versionText = ''] = match;
  const wildcard = wildcardRange(versionText);
  if (wildcard !== undefined) return holds(operator, wildcard.from, wildcard.to);
  // `>=1.2` is meant as `>=1.2.0`.
  const padded = versionText.split('.').length === 2 ? `${versionText}.0` : versionText;
  const version = parseVersion(padded);
  return version === undefined ? undefined : holds(operator, version, undefined);
}

/** `1.x` and `1.2.x`: all versions from `from` up to, and without, `to`. */
function wildcardRange(text: string): { from: Version; to: Version } | undefined {
  const match = /^(0|[1-9]\d*)(?:\.(0|[1-9]\d*))?(?:\.x)+$/.exec(text);
  if (match === null || text.split('.').length > 3) return undefined;
  const major = Number(match[1]);
  const minor = match[2] === undefined ? undefined : Number(match[2]);
  const at = (...numbers: [number, number, number]): Version => ({ numbers, preRelease: [] });
  return minor === undefined
    ? { from: at(major, 0, 0), to: at(major + 1, 0, 0) }
    : { from: at(major, minor, 0), to: at(major, minor + 1, 0) };
}

/** `to` is where a wildcard's versions end; absent: `from` is one version. */
function holds(operator: string, from: Version, to: Version | undefined): Test {
  const below: Test = (version) => compareVersions(version, from) < 0;
  const above: Test = (version) =>
    to === undefined ? compareVersions(version, from) > 0 : compareVersions(version, to) >= 0;
  switch (operator) {
    case '<':
      return below;
    case '<=':
      return (version) => !above(version);
    case '>':
      return above;
    case '>=':
      return (version) => !below(version);
    case '!':
    case '!=':
      return (version) => below(version) || above(version);
    default:
      return (version) => !below(version) && !above(version);
  }
}

/**
 * Whether a tag satisfies every constraint. Constraints that cannot be read are ignored; a tag that is not semver is dropped
 * only when there are constraints at all.
 */
export function tagSatisfies(tag: string, constraints: readonly string[]): boolean {
  if (constraints.length === 0) return true;
  const version = versionOfTag(tag);
  if (version === undefined) return false;
  return constraints.every((constraint) => parseConstraint(constraint)?.(version) ?? true);
}
