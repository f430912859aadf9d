import { isObject, type JsonObject } from '../json.ts';
import { elementOf, shapeOf, type FieldType, type ListType, type MapType } from './fieldtypes.ts';
import { pathsOf, emptySet } from './fieldset.ts';

/** What keeps a configuration from being of a type, in the words of structured-merge-diff; undefined when nothing does. */
export function problemOf(type: FieldType, configuration: JsonObject): string | undefined {
  const problems: string[] = [];
  check(type, configuration, '', problems);
  if (problems.length <= 1) return problems[0];
  return ['errors:', ...problems.map((problem) => `  ${problem}`)].join('\n');
}

function check(type: FieldType, value: unknown, path: string, problems: string[]): void {
  if (value === null || value === undefined) return;
  const shape = shapeOf(type, value);
  const report = (problem: string) => problems.push(path === '' ? problem : `${path}: ${problem}`);
  if (shape === 'map' && type.map !== undefined) {
    if (isObject(value)) checkMap(type.map, value, path, problems);
    else report(`expected map, got &{${shown(value)}}`);
  } else if (shape === 'list' && type.list !== undefined) {
    if (Array.isArray(value)) checkList(type.list, value, path, problems);
    else report(`expected list, got &{${shown(value)}}`);
  } else {
    const problem = scalarProblem(type.scalar, value);
    if (problem !== undefined) report(problem);
  }
}

function checkMap(type: MapType, map: JsonObject, path: string, problems: string[]): void {
  for (const [name, value] of Object.entries(map)) {
    const field = type.fields.get(name) ?? type.values;
    if (field === undefined) problems.push(`${path}.${name}: field not declared in schema`);
    else check(field, value, `${path}.${name}`, problems);
  }
}

function checkList(type: ListType, list: readonly unknown[], path: string, problems: string[]): void {
  const seen = new Set<string>();
  for (const [index, item] of list.entries()) {
    if (type.atomic) {
      check(type.items, item, `${path}[${index}]`, problems);
      continue;
    }
    const element = elementOf(type, item);
    if (element === undefined) {
      problems.push(`${path}: element ${index}: ${whyNoElement(type, item)}`);
      return;
    }
    const shownElement = pathsOf({ [element]: emptySet })[0] ?? '';
    if (seen.has(element)) problems.push(`${path}: duplicate entries for key ${shownElement}`);
    seen.add(element);
    check(type.items, item, `${path}${shownElement}`, problems);
  }
}

function whyNoElement(type: ListType, item: unknown): string {
  if (type.keys.length === 0) {
    if (item === null) return "associative list without keys has an element that's an explicit null";
    return Array.isArray(item)
      ? 'not supported: associative list with lists as elements'
      : "associative list without keys has an element that's a map type";
  }
  if (item === null) return 'associative list with keys may not have a null element';
  if (!isObject(item)) return 'associative list with keys may not have non-map elements';
  const missing = type.keys.find((key) => elementOf({ ...type, keys: [key] }, item) === undefined) ?? '';
  return `associative list with keys has an element that omits key field ${JSON.stringify(missing)} (and doesn't have default value)`;
}

function scalarProblem(scalar: FieldType['scalar'], value: unknown): string | undefined {
  switch (scalar) {
    case 'numeric':
      return typeof value === 'number' ? undefined : `expected numeric (int or float), got ${goType(value)}`;
    case 'string':
      return typeof value === 'string'
        ? undefined
        : `expected string, got &value.valueUnstructured{Value:${shown(value)}}`;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `expected boolean, got &{${shown(value)}}`;
    case 'untyped':
    case undefined:
      return typeof value === 'object' ? `expected any scalar, got &{${shown(value)}}` : undefined;
  }
}

function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'object') return 'map[string]interface {}';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}
