import { Environment, Optional, serialize, type ASTNode, type ParseResult } from '@marcbachmann/cel-js';
import { isIP } from 'node:net';
import {
  chargePattern,
  chargeText,
  countedList,
  countStep,
  listFunction,
  stepFunction,
  withCountedSteps,
} from './celbudget.ts';
import { registerTextFunctions } from './celtext.ts';
import { compilePattern } from './patterns.ts';
import { compareQuantities, isQuantity, Quantity } from './quantity.ts';

/**
 * CEL as Kubernetes offers it to validation rules: the language and the parts of Kubernetes' own function library that rules in
 * the field use. A rule that calls anything else does not compile, and its CustomResourceDefinition is refused.
 */

const environment = registerTextFunctions(
  new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false }),
)
  .registerVariable('self', 'dyn')
  .registerVariable('oldSelf', 'dyn')
  .registerFunction(`${stepFunction}(): bool`, countStep)
  .registerFunction(`${listFunction}(dyn): dyn`, countedList)
  .registerFunction('isURL(string): bool', (text: string) => URL.canParse(text))
  .registerFunction('isIP(string): bool', (text: string) => isIP(text) !== 0)
  .registerFunction('isCIDR(string): bool', isCidr)
  .registerFunction('string.charAt(int): string', (text: string, index: bigint) => text.charAt(Number(index)))
  .registerFunction('string.replace(string, string): string', (text: string, from: string, to: string) => {
    chargeText(text);
    return text.replaceAll(from, () => to);
  })
  .registerFunction('string.reverse(): string', (text: string) => {
    chargeText(text);
    return Array.from(text).toReversed().join('');
  })
  .registerFunction('string.find(string): string', (text: string, pattern: string) => {
    chargePattern(text, pattern);
    return compilePattern(pattern).find(text) ?? '';
  })
  .registerFunction('string.findAll(string): list', (text: string, pattern: string) => {
    chargePattern(text, pattern);
    return compilePattern(pattern).findAll(text);
  })
  .registerFunction('string.format(list): string', format)
  .registerFunction('list.isSorted(): bool', (list: readonly (string | bigint | number)[]) =>
    list.every((item, index) => index === 0 || (list[index - 1] ?? item) <= item),
  )
  .registerFunction('list.sum(): dyn', sum)
  .registerFunction('list.min(): dyn', (list: readonly Ordered[]) => extreme(list, (a, b) => a < b))
  .registerFunction('list.max(): dyn', (list: readonly Ordered[]) => extreme(list, (a, b) => a > b))
  .registerFunction('list.indexOf(dyn): int', (list: readonly unknown[], item: unknown) =>
    BigInt(searched(list).indexOf(item)),
  )
  .registerFunction('list.lastIndexOf(dyn): int', (list: readonly unknown[], item: unknown) =>
    BigInt(searched(list).lastIndexOf(item)),
  )
  .registerType('Quantity', { ctor: Quantity, fields: {} })
  .registerFunction('isQuantity(string): bool', isQuantity)
  .registerFunction('quantity(string): Quantity', (text: string) => new Quantity(text))
  .registerFunction('Quantity.isGreaterThan(Quantity): bool', (a: Quantity, b: Quantity) => compareQuantities(a, b) > 0)
  .registerFunction('Quantity.isLessThan(Quantity): bool', (a: Quantity, b: Quantity) => compareQuantities(a, b) < 0)
  .registerFunction('Quantity.compareTo(Quantity): int', (a: Quantity, b: Quantity) => BigInt(compareQuantities(a, b)))
  .registerFunction('Quantity.sign(): int', (a: Quantity) => BigInt(compareQuantities(a, new Quantity('0'))))
  .registerFunction('Quantity.isInteger(): bool', (a: Quantity) => Number.isInteger(a.asNumber()))
  .registerFunction('Quantity.asInteger(): int', (a: Quantity) => BigInt(a.asNumber()))
  .registerFunction('Quantity.asApproximateFloat(): double', (a: Quantity) => a.asNumber());

const programs = new Map<string, ParseResult>();

/** The program of a rule; throws when the rule is not CEL. */
export function programOf(rule: string): ParseResult {
  const known = programs.get(rule);
  if (known !== undefined) return known;
  const program = boundedProgram(environment, withPlainHas(rule));
  programs.set(rule, program);
  return program;
}

/** A program whose work counts against the budget; the environment has the functions that count. */
export function boundedProgram(language: Environment, expression: string): ParseResult {
  const nodes: ASTNode[] = [];
  visit(language.parse(expression).ast, (node) => nodes.push(node));
  return language.parse(withCountedSteps(expression, nodes));
}

/** What is wrong with an expression that is to give a value of `type`; undefined when nothing is. */
export function compileProblem(expression: string, type: 'bool' | 'string'): string | undefined {
  try {
    const result = environment.check(withPlainHas(expression));
    if (!result.valid) return firstLine(result.error);
    const found = result.type ?? 'dyn';
    return found === type || found === 'dyn' ? undefined : `must evaluate to a ${type}, not ${found}`;
  } catch (error) {
    return firstLine(error);
  }
}

export function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}

/** `oldSelf` of a rule with optionalOldSelf. */
export function optionalOf(value: unknown): Optional {
  return value === undefined ? Optional.none() : Optional.of(value);
}

/**
 * The library knows `has(a.b.c)` only of names. `has(list[0].c)`, which the Gateway API's definitions use, becomes
 * `[list[0]].all(e, has(e.c))`, which means the same.
 */
function withPlainHas(rule: string): string {
  if (!/\bhas\([^()]*\[/.test(rule)) return rule;
  const edits: { start: number; end: number; text: string }[] = [];
  visit(environment.parse(rule).ast, (node) => {
    const operand = hasOperand(node);
    if (operand === undefined) return;
    const { root, fields } = operand;
    const text = `[${serialize(root)}].all(has_root, has(has_root.${fields.join('.')}))`;
    edits.push({ start: node.start, end: node.end, text });
  });
  let result = rule;
  for (const { start, end, text } of edits.toSorted((a, b) => b.start - a.start)) {
    result = result.slice(0, start) + text + result.slice(end);
  }
  return result;
}

/** The operand of a `has` that is no chain of names: what it starts with, and the fields after that. */
function hasOperand(node: ASTNode): { root: ASTNode; fields: string[] } | undefined {
  if (node.op !== 'call' || node.args[0] !== 'has') return undefined;
  const fields: string[] = [];
  let operand = node.args[1][0];
  while (operand?.op === '.') {
    fields.unshift(operand.args[1]);
    operand = operand.args[0];
  }
  return operand === undefined || operand.op === 'id' || fields.length === 0 ? undefined : { root: operand, fields };
}

/** Calls `see` for every node of an expression. */
export function visit(node: unknown, see: (node: ASTNode) => void): void {
  if (Array.isArray(node)) {
    for (const one of node) visit(one, see);
  } else if (isNode(node)) {
    see(node);
    visit(node.args, see);
  }
}

/** The expression of a rule as a tree. */
export function treeOf(rule: string): ASTNode {
  return environment.parse(rule).ast;
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}

function searched(list: readonly unknown[]): readonly unknown[] {
  countedList(list);
  return list;
}

type Ordered = string | bigint | number;

function extreme(list: readonly Ordered[], better: (a: Ordered, b: Ordered) => boolean): Ordered {
  const [first, ...rest] = list;
  if (first === undefined) throw new Error('min and max called on an empty list');
  return rest.reduce((best, item) => (better(item, best) ? item : best), first);
}

function sum(list: readonly (bigint | number)[]): bigint | number {
  if (list.every((item) => typeof item === 'bigint')) return list.reduce((total, item) => total + item, 0n);
  return list.reduce<number>((total, item) => total + Number(item), 0);
}

/** Go's `%s`, `%d` and `%%`, which messages use. */
function format(template: string, values: readonly unknown[]): string {
  let next = 0;
  return template.replaceAll(/%[sd%]/g, (verb) => (verb === '%%' ? '%' : shownInText(values[next++])));
}

function shownInText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? Number(inner) : inner)) ?? 'null';
}

function isCidr(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/');
  const version = isIP(address);
  return version !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
}
