import { parseGoDuration } from '../../kinds/durations.ts';
import { parseQuantity } from '../../kinds/quantity.ts';
/** Reads parameters of one plugin, or fields of one part of a configuration. Whatever is wrong is an error that names place, field and value. */
export class Parameters {
  readonly #where: string;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #known = new Set<string>();

  /** @param where what errors begin with, as `plugin "queue" (queue-scorer)` */
  constructor(where: string, values: Readonly<Record<string, unknown>>) {
    this.#where = where;
    this.#values = values;
  }

  /** Undefined where the field is absent or null. */
  value(field: string): unknown {
    this.#known.add(field);
    return this.#values[field] ?? undefined;
  }

  number(
    field: string,
    fallback: number,
    limits: { min?: number; max?: number; above?: number; integer?: boolean } = {},
  ): number {
    const value = this.value(field);
    if (value === undefined) return fallback;
    const { min = -Infinity, max = Infinity, above = -Infinity, integer = false } = limits;
    if (typeof value !== 'number' || !Number.isFinite(value)) return this.fail(field, 'a number expected', value);
    if (integer && !Number.isInteger(value)) return this.fail(field, 'a whole number expected', value);
    if (value < min) return this.fail(field, `at least ${min} expected`, value);
    if (value <= above) return this.fail(field, `more than ${above} expected`, value);
    if (value > max) return this.fail(field, `at most ${max} expected`, value);
    return value;
  }

  count(field: string, fallback: number, min = 0): number {
    return this.number(field, fallback, { min, integer: true });
  }

  text(field: string, fallback: string): string {
    const value = this.value(field);
    if (value === undefined) return fallback;
    return typeof value === 'string' ? value : this.fail(field, 'text expected', value);
  }

  required(field: string): string {
    const value = this.text(field, '');
    return value === '' ? this.fail(field, 'text that is not empty expected', this.#values[field]) : value;
  }

  oneOf<const Choice extends string>(field: string, choices: readonly Choice[], fallback: NoInfer<Choice>): Choice {
    const value = this.value(field);
    if (value === undefined) return fallback;
    return (
      choices.find((choice) => choice === value) ?? this.fail(field, `one of ${choices.join(', ')} expected`, value)
    );
  }

  flag(field: string, fallback: boolean): boolean {
    const value = this.value(field);
    if (value === undefined) return fallback;
    return typeof value === 'boolean' ? value : this.fail(field, 'true or false expected', value);
  }

  texts(field: string): readonly string[] {
    const value = this.value(field);
    if (value === undefined) return [];
    const isText = (item: unknown): item is string => typeof item === 'string';
    return Array.isArray(value) && value.every(isText) ? value : this.fail(field, 'a list of texts expected', value);
  }

  textMap(field: string): Readonly<Record<string, string>> {
    const map = this.map(field);
    const texts: Record<string, string> = {};
    for (const key of map.keys()) texts[key] = map.text(key, '');
    return texts;
  }

  /** A part of its own; empty when it is absent. Its `done` is the caller's to call. */
  map(field: string): Parameters {
    const value = this.value(field) ?? {};
    return new Parameters(`${this.#where}.${field}`, isMap(value) ? value : this.fail(field, 'a map expected', value));
  }

  maps(field: string): readonly Parameters[] {
    const value = this.value(field) ?? [];
    if (!Array.isArray(value)) return this.fail(field, 'a list expected', value);
    return value.map((item: unknown, at) => {
      const where = `${field}[${at}]`;
      return new Parameters(`${this.#where}.${where}`, isMap(item) ? item : this.fail(where, 'a map expected', item));
    });
  }

  /** Milliseconds of a duration such as `1h30m`, `200ms` or `1.5s`. */
  duration(field: string, fallbackMs: number): number {
    const value = this.value(field);
    if (value === undefined) return fallbackMs;
    const ms = typeof value === 'string' ? parseGoDuration(value) : undefined;
    return ms ?? this.fail(field, 'a duration such as 200ms or 1m30s expected', value);
  }

  /** A Kubernetes quantity such as `512Mi` or a number, as a whole number. */
  quantity(field: string, fallback: number): number {
    const value = this.value(field);
    if (value === undefined) return fallback;
    const amount = typeof value === 'number' || typeof value === 'string' ? parseQuantity(value) : undefined;
    if (amount === undefined || !Number.isFinite(amount) || amount < 0) {
      return this.fail(field, 'a quantity such as 512Mi or 1000 expected', value);
    }
    return Math.ceil(amount);
  }

  has(field: string): boolean {
    return this.value(field) !== undefined;
  }

  keys(): readonly string[] {
    return Object.keys(this.#values);
  }

  /** Accepts a field of an older version that has no effect any more. */
  ignore(...fields: readonly string[]): void {
    for (const field of fields) this.#known.add(field);
  }

  fail(field: string, expected: string, value: unknown): never {
    throw new ConfigError(`${this.#where}.${field}: ${expected}, got ${JSON.stringify(value) ?? 'nothing'}`);
  }

  /** Every field must have been asked for (strict decoding, epp.md 4.7). */
  done(): void {
    for (const field of Object.keys(this.#values)) {
      if (this.#known.has(field)) continue;
      const known = [...this.#known].toSorted().join(', ');
      throw new ConfigError(
        `${this.#where}.${field}: unknown field; ${known === '' ? 'there are none' : `known are ${known}`}`,
      );
    }
  }
}

/** A configuration that cannot be used; the message says where and why. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
