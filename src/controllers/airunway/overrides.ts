import type { Made } from './providers/provider.ts';

/** `spec.provider.overrides`: merged over the object that the provider makes; maps are merged, all else replaces (airunway.md 5.1). */

const refused = ['apiVersion', 'kind', 'metadata', 'status'] as const;

/** Throws for fields that identify the object or are not the user's to say. */
export function withOverrides(made: Made, overrides: Readonly<Record<string, unknown>> | undefined): Made {
  if (overrides === undefined) return made;
  const wrong = refused.find((name) => name in overrides);
  if (wrong !== undefined) throw new Error(`spec.provider.overrides.${wrong} may not be overridden`);
  return { ...made, body: merged(made.body, overrides) };
}

function merged(
  base: Readonly<Record<string, unknown>>,
  over: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const result: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(over)) {
    const before = result[name];
    result[name] = isMap(before) && isMap(value) ? merged(before, value) : value;
  }
  return result;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
