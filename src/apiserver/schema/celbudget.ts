import type { ASTNode } from '@marcbachmann/cel-js';
import { renamedFunctions } from './renamedfunctions.ts';

/**
 * Bounds the work of validation rules, as kube-apiserver does: a rule over long lists, or lists within lists, must not hold up
 * everybody else. Expressions are rewritten to count the steps of their loops; where the count is too high, or the time, the evaluation
 * ends with an error.
 *
 * Limits are those of Kubernetes, in its units of cost. A step of a loop counts as the least it costs there, so that a rule which
 * Kubernetes has the time for is not refused here.
 */
const maxRuleCost = 1_000_000;
const maxObjectCost = 10_000_000;
const stepCost = 3;
/** What the units do not measure is bounded by the thread's own time: on a busy machine the clock says nothing about the work. */
const maxCpuMicroseconds = 3_000_000;
const stepsBetweenLooks = 64;
/** As kube-apiserver and cel-go estimate them, per character. */
const textCostFactor = 0.1;
const patternCostFactor = 0.25;

interface Spending {
  rule: number;
  object: number;
  steps: number;
  cpuLimit: number;
  exhausted: boolean;
}

const fresh = (): Spending => ({
  rule: 0,
  object: 0,
  steps: 0,
  cpuLimit: cpuMicroseconds() + maxCpuMicroseconds,
  exhausted: false,
});

/** What is being spent on the object whose rules are being checked: an evaluation is synchronous, there is only ever one. */
let spending = fresh();

/** What ends an evaluation. One for all: it is thrown again and again until every loop has ended. */
const limitExceeded = new Error('operation cancelled: actual cost limit exceeded');

/** Begins a new object. */
export function resetBudget(): void {
  spending = fresh();
}

/** Begins the next rule of the object. */
export function beginRule(): void {
  spending.rule = 0;
}

/** Why no further rule of the object is checked; undefined as long as there is budget. */
export function exhaustion(rule: string): string | undefined {
  if (!spending.exhausted) return undefined;
  if (spending.object > maxObjectCost) {
    return 'validation failed due to running out of cost budget, no further validation rules will be run';
  }
  return `'${limitExceeded.message}': no further validation rules will be run due to call cost exceeds limit for rule: ${rule}`;
}

/** One step of a loop; always true. */
export function countStep(): boolean {
  charge(stepCost);
  return true;
}

/** A list that is about to be searched. */
export function countedList(list: unknown): unknown {
  if (Array.isArray(list)) charge(list.length);
  return list;
}

/** A text that is about to be walked over. */
export function chargeText(text: string): void {
  charge(Math.ceil(text.length * textCostFactor));
}

/** A text that is about to be matched. */
export function chargePattern(text: string, pattern: string): void {
  charge(Math.ceil((text.length + 1) * textCostFactor) * Math.ceil(pattern.length * patternCostFactor));
}

function cpuMicroseconds(): number {
  // Node 22 knows the time of the whole process only, which is more.
  const { user, system } = 'threadCpuUsage' in process ? process.threadCpuUsage() : globalThis.process.cpuUsage();
  return user + system;
}

function charge(cost: number): void {
  spending.rule += cost;
  spending.object += cost;
  spending.steps += 1;
  const late = spending.steps % stepsBetweenLooks === 0 && cpuMicroseconds() > spending.cpuLimit;
  spending.exhausted ||= late || spending.rule > maxRuleCost || spending.object > maxObjectCost;
  if (spending.exhausted) throw limitExceeded;
}

/** The functions that rewritten expressions call. */
export const stepFunction = '__step';
export const listFunction = '__list';

interface Insertion {
  at: number;
  text: string;
}

/** The expression with its steps counted; `nodes` are all of its tree. */
export function withCountedSteps(expression: string, nodes: readonly ASTNode[]): string {
  const insertions = nodes.flatMap((node) => insertionsFor(expression, node));
  let result = expression;
  // From the end, so that the places before stay where they are.
  for (const { at, text } of insertions.toSorted((a, b) => b.at - a.at)) {
    result = result.slice(0, at) + text + result.slice(at);
  }
  return result;
}

function insertionsFor(expression: string, node: ASTNode): Insertion[] {
  if (node.op === 'in') {
    const { start, end } = node.args[1];
    // Only names: where something in parentheses begins is not known.
    if (!/^[\w.]+$/.test(expression.slice(start, end))) return [];
    return [
      { at: start, text: `${listFunction}(` },
      { at: end, text: ')' },
    ];
  }
  if (node.op !== 'rcall') return [];
  const [name, receiver, args] = node.args;
  if (renamedFunctions[name] === args.length) return renaming(expression, name, receiver.end);
  const [variable] = args;
  if (variable?.op !== 'id') return [];
  const afterComma = expression.indexOf(',', variable.end) + 1;
  if (name === 'map') {
    return args.length === 2
      ? [{ at: variable.end, text: `, ${stepFunction}()` }]
      : [{ at: afterComma, text: ` ${stepFunction}() &&` }];
  }
  if (!['all', 'exists', 'exists_one', 'filter'].includes(name)) return [];
  // Not &&: that would go on with the predicate when counting fails.
  return [
    { at: afterComma, text: ` ${stepFunction}() ? (` },
    { at: node.end - 1, text: ') : false' },
  ];
}

/** Where the receiver ends, parentheses around it do not: the name is behind the next dot. */
function renaming(expression: string, name: string, receiverEnd: number): Insertion[] {
  const call = new RegExp(`[\\s)]*\\.\\s*(?=${name}\\s*\\()`, 'y');
  call.lastIndex = receiverEnd;
  return call.test(expression) ? [{ at: call.lastIndex, text: '__' }] : [];
}
