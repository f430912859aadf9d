import { Environment, type ParseResult } from '@marcbachmann/cel-js';
import type { MatchCondition } from 'kubernetes-types/admissionregistration/v1.js';
import { beginRule, countedList, countStep, listFunction, resetBudget, stepFunction } from '../schema/celbudget.ts';
import { registerTextFunctions } from '../schema/celtext.ts';
import { boundedProgram } from '../schema/celenvironment.ts';

/** The CEL conditions that narrow down which writes a webhook is asked about. They see `request`, `object` and `oldObject`. */

const environment = registerTextFunctions(
  new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false }),
)
  .registerVariable('request', 'dyn')
  .registerVariable('object', 'dyn')
  .registerVariable('oldObject', 'dyn')
  .registerFunction(`${stepFunction}(): bool`, countStep)
  .registerFunction(`${listFunction}(dyn): dyn`, countedList);

const programs = new Map<string, ParseResult>();
const maxPrograms = 1000;

function programOf(expression: string): ParseResult {
  const known = programs.get(expression);
  if (known !== undefined) return known;
  const program = boundedProgram(environment, expression);
  if (programs.size >= maxPrograms) programs.clear();
  programs.set(expression, program);
  return program;
}

/** What is wrong with a condition; undefined when it can be evaluated. `authorizer` and the functions of libraries are not known. */
export function conditionProblem(expression: string): string | undefined {
  try {
    const result = environment.parse(expression).check();
    return result.valid ? undefined : firstLine(result.error);
  } catch (error) {
    return firstLine(error);
  }
}

/** Whether all conditions hold: `error` when one cannot be evaluated and none is false. */
export function conditionsHold(
  conditions: readonly MatchCondition[],
  values: { request: unknown; object: unknown; oldObject: unknown },
): boolean | { error: string } {
  const context = celObject(values);
  let failure: { error: string } | undefined;
  resetBudget();
  for (const { name, expression } of conditions) {
    beginRule();
    try {
      if (programOf(expression)(context) !== true) return false;
    } catch (error) {
      failure ??= { error: `matchCondition "${name}": ${firstLine(error)}` };
    }
  }
  return failure ?? true;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}

function celObject(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, celValue(value)]));
}

/** JSON as CEL sees it without a schema: whole numbers are ints, what is absent is null. */
function celValue(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(celValue);
  if (typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, field]) => field !== undefined && name !== '__proto__')
      .map(([name, field]) => [name, celValue(field)]),
  );
}
