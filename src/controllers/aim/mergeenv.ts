import type { EnvVar } from '../../kinds/core/fields.ts';
import { goJson } from './gojson.ts';

/** Variables whose values are JSON objects that are merged instead of replaced (aim.md 5.5). */
export const jsonVariables: readonly string[] = ['AIM_ENGINE_ARGS'];

/**
 * The variables of both, in the order of `base`; an override takes the place of the variable of its name, others follow in
 * their order. No name occurs twice.
 */
export function mergeEnv(
  base: readonly EnvVar[] | undefined,
  override: readonly EnvVar[] | undefined,
  jsonKeys: readonly string[] = [],
): EnvVar[] {
  const merged = new Map<string, EnvVar>();
  for (const variable of [...(base ?? []), ...(override ?? [])]) {
    const present = merged.get(variable.name);
    const isJson = present !== undefined && jsonKeys.includes(variable.name);
    merged.set(variable.name, isJson ? mergeJsonVariable(present, variable) : variable);
  }
  return [...merged.values()];
}

function mergeJsonVariable(base: EnvVar, override: EnvVar): EnvVar {
  const { name } = base;
  if (!override.value) return override.valueFrom === undefined ? base : override;
  if (!base.value) return override;
  const below = parseObject(base.value);
  const above = parseObject(override.value);
  if (below === undefined || above === undefined) return override;
  return { name, value: goJson(sorted(mergeObjects(below, above))) };
}

type JsonObject = Record<string, unknown>;

function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function mergeObjects(base: JsonObject, override: JsonObject): JsonObject {
  const merged = { ...base };
  for (const [key, value] of Object.entries(override)) {
    const below = merged[key];
    merged[key] = isObject(below) && isObject(value) ? mergeObjects(below, value) : value;
  }
  return merged;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([key, field]) => [key, sorted(field)]));
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
