/**
 * JSONPath as kubectl and client-go read one expression of it: fields after a dot, indexes, slices, filters, wildcards,
 * recursive descent, and a quoted text. What they refuse is refused: `['field']`, lists of paths, names without a dot,
 * range and end (aim.md 5.6).
 */

export class JsonPathError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'JsonPathError';
  }
}

type Step =
  | { type: 'field'; name: string }
  | { type: 'anyField' }
  | { type: 'descend'; name: string }
  | { type: 'slice'; from: number | undefined; to: number | undefined; step: number }
  | { type: 'index'; at: number }
  | { type: 'anyItem' }
  | { type: 'filter'; left: Operand; operator: string | undefined; right: Operand | undefined };

type Operand = { type: 'path'; steps: readonly Step[] } | { type: 'value'; value: string | number | boolean };

/** All values the expression finds. Throws JsonPathError for what it cannot read, and for missing fields. */
export function evaluateJsonPath(expression: string, root: unknown): unknown[] {
  const literal = quoted(expression);
  if (literal !== undefined) return [literal];
  return walk(parsePath(expression.replace(/^\$/, ''), expression), [root], expression);
}

const quoted = (text: string): string | undefined => {
  const groups = /^(?:'(?<single>[^']*)'|"(?<double>[^"]*)")$/.exec(text)?.groups;
  return groups === undefined ? undefined : (groups['single'] ?? groups['double']);
};

const fieldName = /^(?:\\.|[^\\\s.,[\]$@{}|()'"*])+/;
const bracket = /^\[(?<inside>(?:[^[\]'"]|'[^']*'|"[^"]*"|\[[^\]]*\])*)\]/;

function parsePath(path: string, expression: string): Step[] {
  const steps: Step[] = [];
  let rest = path;
  while (rest !== '') {
    const { step, length } = parseStep(rest, expression);
    steps.push(step);
    rest = rest.slice(length);
  }
  return steps;
}

function parseStep(rest: string, expression: string): { step: Step; length: number } {
  if (rest.startsWith('[')) {
    const found = bracket.exec(rest);
    if (found === null) throw new JsonPathError(`"${expression}": a [ is not closed`);
    return { step: parseBracket((found.groups?.['inside'] ?? '').trim(), expression), length: found[0].length };
  }
  if (!rest.startsWith('.')) {
    throw new JsonPathError(`"${expression}": cannot read "${rest}"; fields begin with a dot, as in .metadata.name`);
  }
  if (rest.startsWith('.*')) return { step: { type: 'anyField' }, length: 2 };
  const dots = rest.startsWith('..') ? 2 : 1;
  const [name] = fieldName.exec(rest.slice(dots)) ?? [];
  if (name === undefined) throw new JsonPathError(`"${expression}": a field name is missing after the dot`);
  const plain = name.replaceAll(/\\(.)/g, '$1');
  return { step: { type: dots === 2 ? 'descend' : 'field', name: plain }, length: dots + name.length };
}

function parseBracket(inside: string, expression: string): Step {
  if (inside === '*') return { type: 'anyItem' };
  if (/^-?\d+$/.test(inside)) return { type: 'index', at: Number(inside) };
  const slice = /^(?<from>-?\d+)?:(?<to>-?\d+)?(?::(?<step>\d+))?$/.exec(inside)?.groups;
  if (slice !== undefined) {
    const { from, to, step } = slice;
    const numberOf = (text: string | undefined) => (text === undefined ? undefined : Number(text));
    return { type: 'slice', from: numberOf(from), to: numberOf(to), step: Math.max(1, numberOf(step) ?? 1) };
  }
  const filter = /^\?\((?<test>.*)\)$/.exec(inside)?.groups?.['test'];
  if (filter === undefined) {
    throw new JsonPathError(`"${expression}": [${inside}] is no index, slice or filter; write fields as .name`);
  }
  const parts = /^(?<left>.*?)\s*(?<operator>==|!=|<=|>=|<|>)\s*(?<right>.*)$/.exec(filter)?.groups;
  if (parts === undefined)
    return { type: 'filter', left: parseOperand(filter, expression), operator: undefined, right: undefined };
  return {
    type: 'filter',
    left: parseOperand(parts['left'] ?? '', expression),
    operator: parts['operator'],
    right: parseOperand(parts['right'] ?? '', expression),
  };
}

function parseOperand(text: string, expression: string): Operand {
  const trimmed = text.trim();
  if (trimmed.startsWith('@')) return { type: 'path', steps: parsePath(trimmed.slice(1), expression) };
  const literal = quoted(trimmed);
  if (literal !== undefined) return { type: 'value', value: literal };
  if (/^-?\d+(?:\.\d+)?$/.test(trimmed)) return { type: 'value', value: Number(trimmed) };
  if (trimmed === 'true' || trimmed === 'false') return { type: 'value', value: trimmed === 'true' };
  throw new JsonPathError(`"${expression}": "${trimmed}" in a filter is no path (@.name), text, number or boolean`);
}

function walk(steps: readonly Step[], roots: readonly unknown[], expression: string): unknown[] {
  let values = [...roots];
  for (const step of steps) values = values.flatMap((value) => take(step, value, expression));
  return values;
}

function take(step: Step, value: unknown, expression: string): unknown[] {
  switch (step.type) {
    case 'field': {
      const found = isRecord(value) && Object.hasOwn(value, step.name) ? value[step.name] : undefined;
      if (found === undefined) throw new JsonPathError(`"${expression}": ${step.name} is not there`);
      return [found];
    }
    case 'anyField':
      return isRecord(value) ? Object.values(value) : Array.isArray(value) ? value : [];
    case 'descend':
      return descend(value, step.name);
    case 'anyItem':
      return Array.isArray(value) ? value : isRecord(value) ? Object.values(value) : [];
    case 'index': {
      const items = listOf(value, expression);
      const found: unknown = items.at(step.at);
      if (found === undefined) {
        throw new JsonPathError(`"${expression}": there is no item ${step.at}, the list has ${items.length}`);
      }
      return [found];
    }
    case 'slice':
      return listOf(value, expression)
        .slice(step.from, step.to)
        .filter((_, at) => at % step.step === 0);
    case 'filter':
      return listOf(value, expression).filter((item) => passes(step, item, expression));
  }
}

function listOf(value: unknown, expression: string): unknown[] {
  if (!Array.isArray(value)) throw new JsonPathError(`"${expression}": only lists have items`);
  return value;
}

function descend(value: unknown, name: string): unknown[] {
  if (Array.isArray(value)) return value.flatMap((item) => descend(item, name));
  if (!isRecord(value)) return [];
  const own = Object.hasOwn(value, name) ? [value[name]] : [];
  return [...own, ...Object.values(value).flatMap((field) => descend(field, name))];
}

function passes(filter: Extract<Step, { type: 'filter' }>, item: unknown, expression: string): boolean {
  const left = operandOf(filter.left, item, expression);
  if (filter.right === undefined) return left !== undefined;
  const right = operandOf(filter.right, item, expression);
  if (left === undefined || right === undefined) return false;
  if (typeof left !== typeof right) throw new JsonPathError(`"${expression}": a filter compares different types`);
  switch (filter.operator) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    default:
      return left >= right;
  }
}

function operandOf(operand: Operand, item: unknown, expression: string): string | number | boolean | undefined {
  if (operand.type === 'value') return operand.value;
  try {
    const [value] = walk(operand.steps, [item], expression);
    return isScalar(value) ? value : undefined;
  } catch (error) {
    // An item without the field does not pass.
    if (error instanceof JsonPathError) return undefined;
    throw error;
  }
}

export function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
