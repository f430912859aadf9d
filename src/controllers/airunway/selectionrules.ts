import { Environment, type ParseResult } from '@marcbachmann/cel-js';
import type { ModelDeployment } from '../../kinds/airunway/modeldeployment.ts';

/**
 * The CEL conditions by which a provider says when it wants to be chosen (airunway.md 3.6). They see `spec` as Go encodes it:
 * without zeros, empty texts, `false` and what is empty then, so that `spec.resources.gpu.count` of 0 is absent and reading it
 * is an error. Numbers are doubles.
 */

const environment = new Environment().registerVariable('spec', 'dyn');
const programs = new Map<string, ParseResult>();
const maxPrograms = 1000;

/** Whether the condition is true; one that does not parse, fails or is no boolean is not. */
export function conditionHolds(condition: string, spec: Readonly<Record<string, unknown>>): boolean {
  try {
    return programOf(condition)({ spec }) === true;
  } catch {
    return false;
  }
}

function programOf(condition: string): ParseResult {
  const known = programs.get(condition);
  if (known !== undefined) return known;
  const program = environment.parse(condition);
  if (programs.size >= maxPrograms) programs.clear();
  programs.set(condition, program);
  return program;
}

/** Fields whose Go types are pointers or whole structs: they stay when they are zero or empty (airunway.md 9, trap 5). */
const pointers: ReadonlySet<string> = new Set(['spec.gateway.enabled', 'spec.engine.contextLength']);

/** The spec as the conditions see it. */
export function specForRules({ spec }: ModelDeployment, engine: string): Record<string, unknown> {
  const named = { ...spec, engine: { ...spec.engine, type: engine } };
  return Object.fromEntries(
    Object.entries(named).flatMap(([name, value]) => kept(name, withoutZeros(value, `spec.${name}`))),
  );
}

function withoutZeros(value: unknown, path: string): unknown {
  if (pointers.has(path)) return value;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((item) => withoutZeros(item, path) ?? {});
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).flatMap(([name, item]) => kept(name, withoutZeros(item, `${path}.${name}`))),
    );
  }
  return value === 0 || value === '' || value === false || value === null ? undefined : value;
}

const kept = (name: string, value: unknown): [string, unknown][] => (value === undefined ? [] : [[name, value]]);
