/**
 * One behaviour of the Kubernetes API that clients depend on, as data: requests, and what their answers must hold. In every
 * string of a request or expectation `{ns}` is a namespace made for this behaviour alone (also good as a unique name of
 * a cluster-scoped object), and `{x}` is what an earlier step captured as `x`.
 */
export interface Behaviour {
  name: string;
  steps: readonly Step[];
  /** Needs what kube-controller-manager does in a cluster (garbage collection, namespace finalisation, ...). */
  needsControllers?: true;
  /** Why the real API of this suite cannot show it. Such a behaviour is taken from Kubernetes' sources and documents. */
  handVerified?: string;
}

export interface Step {
  /** GET when left out. */
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';
  path: string;
  headers?: Readonly<Record<string, string>>;
  /** Objects are sent as JSON, strings as they are. */
  body?: unknown;
  /** Content type of the body; application/json when left out. */
  type?: string;
  /** Bearer token instead of the administrator's; `null` sends none. */
  token?: string | null;
  /** 200 when left out; several where clients cannot care which. */
  status?: number | readonly number[];
  /** Parts of the answer's headers, names in lower case. */
  expectHeaders?: Readonly<Record<string, Expected>>;
  /** Parts of the answer's JSON body, or of its text when it is not JSON. */
  expect?: Expected;
  /** Names for values of the answer, by path: `{ rv: 'metadata.resourceVersion' }`. */
  capture?: Readonly<Record<string, string>>;
  /** Asked again until the expectations hold, for what happens a moment after a write. */
  eventually?: true;
  /** The answer is a watch. */
  watch?: WatchExpectation;
}

export interface WatchExpectation {
  /** The first events, in order. The watch is closed when they have come. */
  events: readonly Expected[];
  /** Requests made after the watch has answered, before its events are read. */
  during?: readonly Step[];
  /** After these events the server ends the watch without another one. */
  ends?: true;
}

/**
 * What a value must be. Objects: each named field as given, others do not matter. Arrays: exactly these elements. Strings may hold
 * `{captures}`; a RegExp must match the value as text.
 */
export type Expected =
  null | boolean | number | string | RegExp | Matcher | readonly Expected[] | { readonly [field: string]: Expected };

export class Matcher {
  readonly description: string;
  readonly matches: (actual: unknown, fill: (text: string) => string) => boolean;

  constructor(description: string, matches: Matcher['matches']) {
    this.description = description;
    this.matches = matches;
  }
}

/** The field is not there. */
export const absent = new Matcher('absent', (actual) => actual === undefined);
/** The field is there, whatever its value. */
export const present = new Matcher('present', (actual) => actual !== undefined && actual !== null && actual !== '');

/** The field is not there, or null. */
export const nothing = new Matcher('nothing', (actual) => actual === undefined || actual === null);

export function not(unwanted: string): Matcher {
  return new Matcher(`not ${unwanted}`, (actual, fill) => actual !== undefined && actual !== fill(unwanted));
}

/** A list with an element like each of these, in any order, among others. */
export function containing(...elements: Expected[]): Matcher {
  return new Matcher(
    `a list with ${elements.map((element) => describeExpected(element)).join(' and ')}`,
    (actual, fill) =>
      Array.isArray(actual) &&
      elements.every((element) => actual.some((one) => mismatches(one, element, fill).length === 0)),
  );
}

/** A list without an element like this. */
export function without(element: Expected): Matcher {
  return new Matcher(
    `a list without ${describeExpected(element)}`,
    (actual, fill) => Array.isArray(actual) && actual.every((one) => mismatches(one, element, fill).length > 0),
  );
}

/** A list of this length. */
export function length(count: number): Matcher {
  return new Matcher(`${count} elements`, (actual) => Array.isArray(actual) && actual.length === count);
}

/** One line for each part of a value that is not as expected: its path, what was expected and what was got. */
export function mismatches(actual: unknown, expected: Expected, fill: (text: string) => string, path = '.'): string[] {
  const wrong = [`${path}: expected ${describeExpected(expected, fill)}, got ${describeActual(actual)}`];
  if (expected instanceof Matcher) return expected.matches(actual, fill) ? [] : wrong;
  if (expected instanceof RegExp) {
    const text = typeof actual === 'string' ? actual : JSON.stringify(actual);
    return text !== undefined && new RegExp(fill(expected.source), expected.flags).test(text) ? [] : wrong;
  }
  if (typeof expected === 'string') return actual === fill(expected) ? [] : wrong;
  if (isList(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return wrong;
    return expected.flatMap((element, index) => mismatches(actual[index], element, fill, `${path}[${index}]`));
  }
  if (typeof expected === 'object' && expected !== null) {
    const fields = Object.entries(expected);
    // A missing object is one without fields, so that each field that was expected of it is reported (or rightly absent).
    const given = actual === undefined && fields.length > 0 ? {} : actual;
    if (!isRecord(given)) return wrong;
    return fields.flatMap(([name, value]) =>
      mismatches(given[fill(name)], value, fill, path === '.' ? `.${name}` : `${path}.${name}`),
    );
  }
  return actual === expected ? [] : wrong;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: Expected): value is readonly Expected[] {
  return Array.isArray(value);
}

function describeExpected(expected: Expected, fill: (text: string) => string = (text) => text): string {
  if (expected instanceof Matcher) return expected.description;
  if (expected instanceof RegExp) return `something like ${String(expected)}`;
  return fill(
    JSON.stringify(expected, (_, value: unknown) =>
      value instanceof Matcher ? `<${value.description}>` : value instanceof RegExp ? String(value) : value,
    ),
  );
}

function describeActual(actual: unknown): string {
  if (actual === undefined) return 'nothing';
  const text = JSON.stringify(actual);
  return text.length > 1500 ? `${text.slice(0, 1500)}...` : text;
}
