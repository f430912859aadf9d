/**
 * The dialect of RegularExpression matches: the part of RE2's syntax that ECMAScript shares, matched against the whole
 * text. Patterns are the user's and texts are any client's, so each pattern gets a bound on its work, and what cannot be
 * bounded is refused (gatewayapi.md 13, trap 41). `docs/routing.md` tells users the rules.
 */

/** Steps that one match may cost in the worst case; some milliseconds. */
const maxSteps = 4_000_000;
/** A pattern must at least work for texts of this length. */
const minTextLength = 128;
const maxTextLength = 16_384;
const maxPatternLength = 1024;
const maxRepeat = 100;

/** A regular expression that is safe to run on what clients send. */
export interface TextPattern {
  test(text: string): boolean;
}

export type CompiledPattern = { pattern: TextPattern } | { problem: string };

/** Compiles a pattern, or says why it is refused. */
export function compilePattern(source: string): CompiledPattern {
  if (source.length > maxPatternLength) return { problem: `is longer than ${maxPatternLength} characters` };
  const ignoreCase = source.startsWith('(?i)');
  const body = ignoreCase ? source.slice(4) : source;
  const measured = measure(body);
  if ('problem' in measured) return measured;
  const longest = Math.floor((maxSteps / measured.branches) ** (1 / Math.max(1, measured.loops)));
  if (longest < minTextLength) return { problem: 'may take too long: use fewer repetitions and alternatives' };
  try {
    const regex = new RegExp(`^(?:${body})$`, ignoreCase ? 'is' : 's');
    const limit = Math.min(longest, maxTextLength);
    return { pattern: { test: (text) => text.length <= limit && regex.test(text) } };
  } catch {
    return { problem: 'is not a valid regular expression' };
  }
}

/** What backtracking can cost: `branches` x (text length ^ `loops`) steps. */
interface Cost {
  loops: number;
  branches: number;
}

interface Group extends Cost {
  alternatives: number;
  /** A repetition or an alternative inside: repeating the group itself could then take exponential time. */
  ambiguous: boolean;
}

const newGroup = (): Group => ({ loops: 0, branches: 1, alternatives: 1, ambiguous: false });

const repetition = /^(?:[*+?]|\{(?<min>\d+)(?<open>,)?(?<max>\d*)\})\??/;
const simpleEscape = /^\\(?:[dDwWsSbBtnrfv]|x[0-9a-fA-F]{2}|[^A-Za-z0-9])/;
const bracket = /^\[\^?(?:\\(?:[dDwWsStnrfv]|x[0-9a-fA-F]{2}|[^A-Za-z0-9])|[^\]\\])+\]/;

function measure(source: string): Cost | { problem: string } {
  const open: Group[] = [];
  let group = newGroup();
  /** What a repetition that comes next repeats: an atom, a group just closed, or nothing. */
  let previous: 'atom' | Group | undefined;
  for (let rest = source; rest !== '';) {
    let length = 1;
    const repeat = repetition.exec(rest);
    if (repeat !== null) {
      if (previous === undefined) return { problem: `has nothing to repeat before ${repeat[0]}` };
      const problem = addRepetition(group, previous, repeat);
      if (problem !== undefined) return { problem };
      length = repeat[0].length;
      previous = undefined;
    } else if (rest.startsWith('(')) {
      const head = /^\((?:\?:)?(?!\?)/.exec(rest);
      if (head === null) return { problem: 'uses look-around, flags or named groups, which are not supported' };
      length = head[0].length;
      open.push(group);
      group = newGroup();
      previous = undefined;
    } else if (rest.startsWith(')')) {
      const outer = open.pop();
      if (outer === undefined) return { problem: 'has a ) without a (' };
      previous = group;
      addGroup(outer, group);
      group = outer;
    } else if (rest.startsWith('|')) {
      group.alternatives += 1;
      group.ambiguous = true;
      previous = undefined;
    } else {
      const atom = atomOf(rest);
      if (atom === undefined) return { problem: `is not supported from ${rest.slice(0, 12)} on` };
      length = atom.length;
      previous = 'atom';
    }
    rest = rest.slice(length);
  }
  if (open.length > 0) return { problem: 'has a ( without a )' };
  return { loops: group.loops, branches: group.branches * group.alternatives };
}

/** The single character, escape or character class at the start of the text. */
function atomOf(rest: string): string | undefined {
  if (rest.startsWith('\\')) return simpleEscape.exec(rest)?.[0];
  if (!rest.startsWith('[')) return rest[0];
  const found = bracket.exec(rest)?.[0];
  return found === undefined || /\[:[a-z]+:\]/.test(found) ? undefined : found;
}

/** Counts a repetition in the group it stands in; returns why it is refused. */
function addRepetition(group: Group, repeated: 'atom' | Group, repeat: RegExpExecArray): string | undefined {
  const { min = '1', open, max = '' } = repeat.groups ?? {};
  group.ambiguous = true;
  if (repeat[0].startsWith('?')) {
    group.branches *= 2;
    return undefined;
  }
  if (repeated !== 'atom' && repeated.ambiguous) {
    return `repeats a group that itself has repetitions or alternatives (${repeat[0]}): this may take too long`;
  }
  if (Math.max(Number(min), Number(max)) > maxRepeat) return `repeats more than ${maxRepeat} times: ${repeat[0]}`;
  const fixed = repeat[0].startsWith('{') && open === undefined;
  if (!fixed) group.loops += 1;
  return undefined;
}

function addGroup(outer: Group, inner: Group): void {
  outer.loops += inner.loops;
  outer.branches *= inner.branches * inner.alternatives;
  outer.ambiguous ||= inner.ambiguous;
}
