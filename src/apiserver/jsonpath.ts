import { isObject, valueAt } from './json.ts';

/**
 * The part of kubectl's JSONPath that printer columns use: fields, `['quoted']` fields, `[0]`, `[-1]`, `[-1:]`, `[*]` and
 * `[?(@.type=="Ready")]`. Returns every value found.
 */
export function evaluatePath(path: string, root: unknown): unknown[] {
  let values: unknown[] = [root];
  for (const step of stepsOf(path)) values = values.flatMap((value) => step(value));
  return values.filter((value) => value !== undefined && value !== null);
}

/** Whether a path can be read at all. */
export function isReadablePath(path: string): boolean {
  try {
    stepsOf(path);
    return true;
  } catch {
    return false;
  }
}

type Step = (value: unknown) => readonly unknown[];

const compiled = new Map<string, readonly Step[]>();

const token =
  /\.(?<field>(?:\\.|[^.[\\])+)|\[['"](?<quoted>[^'"]*)['"]\]|\[(?<index>-?\d+)\]|\[(?<from>-?\d*):(?<to>-?\d*)\]|\[(?<all>\*)\]|\[\?\(@\.(?<key>[\w.]+)\s*==\s*['"]?(?<wanted>[^'")]*)['"]?\)\]/y;

function stepsOf(path: string): readonly Step[] {
  const known = compiled.get(path);
  if (known !== undefined) return known;
  const steps: Step[] = [];
  token.lastIndex = 0;
  while (token.lastIndex < path.length) {
    const at = token.lastIndex;
    const groups = token.exec(path)?.groups;
    if (groups === undefined) throw new Error(`cannot read the JSONPath "${path}" at "${path.slice(at)}"`);
    steps.push(stepOf(groups));
  }
  compiled.set(path, steps);
  return steps;
}

function stepOf(groups: Record<string, string | undefined>): Step {
  const name = groups['field']?.replaceAll(/\\(.)/g, '$1') ?? groups['quoted'];
  if (name === '*' || groups['all'] !== undefined)
    return (value) => (isObject(value) ? Object.values(value) : listOf(value));
  if (name !== undefined) return (value) => (isObject(value) ? [value[name]] : []);
  const { index, key, wanted } = groups;
  if (index !== undefined) return (value) => [listOf(value).at(Number(index))];
  if (key !== undefined) {
    const keyPath = key.split('.');
    return (value) => listOf(value).filter((item) => String(valueAt(item, ...keyPath)) === wanted);
  }
  const from = Number(groups['from'] || 0);
  const to = groups['to'] ? Number(groups['to']) : undefined;
  return (value) => listOf(value).slice(from, to);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
