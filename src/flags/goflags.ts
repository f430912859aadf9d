import { parseGoDuration } from '../kinds/durations.ts';

/**
 * Command lines of programs written in Go, as Kubernetes manifests carry them: `--flag value`, `--flag=value`, one dash or two,
 * booleans without a value. A table says which flags there are; anything else is refused by name.
 */

/** A command line that cannot be accepted; the message names the flag and what to do. */
export class FlagError extends Error {
  override name = 'FlagError';
}

export interface Flag<V> {
  default: V;
  /** Turns the text into a value. Throws FlagError with what was expected; the flag's name is added by the caller. */
  parse(text: string): V;
  /** What the value is, for the help: `duration`, `whole number`. */
  type?: string;
  /** Needs no value; `--flag=false` turns it off. */
  boolean?: true;
  /** Takes every following argument up to the next flag, and may be given more than once. */
  join?(previous: V, next: V): V;
}

export type FlagTable = Readonly<Record<string, Flag<unknown>>>;
export type FlagValues<T extends FlagTable> = { -readonly [K in keyof T]: T[K] extends Flag<infer V> ? V : never };

export interface ParsedFlags<T extends FlagTable> {
  values: FlagValues<T>;
  /** Names of the flags that stood on the command line. */
  given: ReadonlySet<string>;
}

/**
 * Parses `argv` by the table.
 *
 * @param refuse why a flag outside the table is refused; the default says that it is unknown.
 * @throws FlagError
 */
export function parseFlags<const T extends FlagTable>(
  argv: readonly string[],
  table: T,
  refuse: (name: string) => string = (name) => `unknown flag --${name}`,
): ParsedFlags<T> {
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(table)) values[name] = flag.default;
  const given = new Set<string>();
  let at = 0;
  while (at < argv.length) {
    const { name, inline } = splitFlag(argv[at] ?? '');
    at++;
    const flag = Object.hasOwn(table, name) ? table[name] : undefined;
    if (flag === undefined) throw new FlagError(refuse(name));
    const texts: string[] = [];
    if (inline !== undefined) texts.push(inline);
    else if (flag.boolean) texts.push('true');
    else {
      do {
        const next = argv[at];
        if (next === undefined || (flag.join !== undefined && texts.length > 0 && looksLikeFlag(next))) break;
        texts.push(next);
        at++;
      } while (flag.join !== undefined);
    }
    if (texts.length === 0) throw new FlagError(`flag --${name} needs a value`);
    for (const text of texts) {
      const value = parseValue(name, flag, text);
      values[name] = flag.join !== undefined && given.has(name) ? flag.join(values[name], value) : value;
      given.add(name);
    }
  }
  // Every key of the table was filled with a value of its flag's type above.
  return { values: values as FlagValues<T>, given };
}

function splitFlag(argument: string): { name: string; inline: string | undefined } {
  const match = /^--?([A-Za-z][\w.-]*)(?:=([\s\S]*))?$/.exec(argument);
  if (match === null) throw new FlagError(`unexpected argument ${JSON.stringify(argument)}: a flag was expected`);
  return { name: match[1] ?? '', inline: match[2] };
}

const looksLikeFlag = (argument: string): boolean => /^--?[A-Za-z]/.test(argument);

function parseValue(name: string, flag: Flag<unknown>, text: string): unknown {
  try {
    return flag.parse(text);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    throw new FlagError(`flag --${name}: ${error.message}, got ${JSON.stringify(text)}`);
  }
}

export const stringFlag = (fallback: string): Flag<string> => ({
  default: fallback,
  type: 'text',
  parse: (text) => text,
});

export function oneOfFlag<const V extends string>(values: readonly V[], fallback: V): Flag<V> {
  return {
    default: fallback,
    type: values.join('|'),
    parse(text) {
      const value = values.find((candidate) => candidate === text);
      if (value === undefined) throw new FlagError(`one of ${values.join(', ')} expected`);
      return value;
    },
  };
}

export const booleanFlag = (fallback: boolean): Flag<boolean> => ({
  default: fallback,
  type: 'true|false',
  boolean: true,
  parse(text) {
    // The spellings of Go's strconv.ParseBool.
    if (/^(1|t|true)$/i.test(text)) return true;
    if (/^(0|f|false)$/i.test(text)) return false;
    throw new FlagError('true or false expected');
  },
});

interface Range {
  min?: number;
  max?: number;
}

export const integerFlag = (fallback: number, range: Range = {}): Flag<number> => ({
  default: fallback,
  type: 'whole number',
  parse(text) {
    if (!/^[+-]?\d+$/.test(text)) throw new FlagError('a whole number expected');
    return inRange(Number(text), range);
  },
});

export const numberFlag = (fallback: number, range: Range = {}): Flag<number> => ({
  default: fallback,
  type: 'number',
  parse(text) {
    if (text.trim() === '' || !Number.isFinite(Number(text))) throw new FlagError('a number expected');
    return inRange(Number(text), range);
  },
});

/** Milliseconds from a Go duration (`50ms`, `1m30s`, `1.5h`), or from a whole number where `integerUnitMs` gives its unit. */
export const durationFlag = (fallbackMs: number, integerUnitMs?: number): Flag<number> => ({
  default: fallbackMs,
  type: 'duration',
  parse(text) {
    if (integerUnitMs !== undefined && /^\d+$/.test(text)) return Number(text) * integerUnitMs;
    const ms = parseGoDuration(text);
    if (ms === undefined || ms < 0) throw new FlagError('a duration such as 50ms or 1m30s expected');
    return ms;
  },
});

/** A list: repeated, comma-separated, or several arguments in a row. */
export const listFlag = <V>(parseOne: (text: string) => V, split: (text: string) => string[] = commas): Flag<V[]> => ({
  default: [],
  type: 'list',
  parse: (text) => split(text).map(parseOne),
  join: (previous, next) => [...previous, ...next],
});

const commas = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

/** A line for each flag: its name, what its value is, its default. */
export function flagHelp(table: FlagTable): string {
  const rows = Object.entries(table).map(([name, { type = 'value', default: fallback }]) => {
    const shown = defaultText(fallback, type);
    return [`  --${name}`, type, shown === '' ? '' : `default ${shown}`] as const;
  });
  const width = (column: 0 | 1): number => Math.max(...rows.map((row) => row[column].length));
  const [names, types] = [width(0), width(1)];
  return rows
    .map(([name, type, fallback]) => `${name.padEnd(names)}  ${type.padEnd(types)}  ${fallback}`.trimEnd())
    .join('\n');
}

function defaultText(value: unknown, type: string): string {
  if (Array.isArray(value)) return value.map(String).join(',');
  if (typeof value === 'number') return type === 'duration' ? `${value}ms` : String(value);
  return typeof value === 'string' || typeof value === 'boolean' ? String(value) : '';
}

function inRange(value: number, { min = -Infinity, max = Infinity }: Range): number {
  if (value < min || value > max) {
    const bounds = max === Infinity ? `at least ${String(min)}` : `from ${String(min)} to ${String(max)}`;
    throw new FlagError(`a number ${bounds} expected`);
  }
  return value;
}
