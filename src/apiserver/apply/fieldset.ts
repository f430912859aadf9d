import { isObject } from '../json.ts';

/**
 * Sets of fields in the form they are stored and shown in (FieldsV1): a tree of path elements, `f:<field>`,
 * `k:{<keys>}` for entries of list maps and `v:<value>` for entries of sets. A node without children is a member of the
 * set; a node with children is one when it has a `.`. Sets are never changed once made.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

export const emptySet: FieldSet = {};

/** The name under which a node with children says that it is a member itself. */
const self = '.';

export function isEmptySet(set: FieldSet): boolean {
  for (const _element in set) return false;
  return true;
}

/** A node that is a member, with the children a set of it has. */
export function member(children: FieldSet | undefined): FieldSet {
  return children === undefined || isEmptySet(children) || self in children
    ? (children ?? emptySet)
    : { [self]: emptySet, ...children };
}

function isMember(node: FieldSet): boolean {
  return self in node || isEmptySet(node);
}

/** A node of its parts; undefined when nothing is left of it. */
function nodeOf(isSelf: boolean, children: FieldSet): FieldSet | undefined {
  if (isSelf) return member(children);
  return isEmptySet(children) ? undefined : children;
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a)) return b;
  if (isEmptySet(b)) return a;
  const result: Record<string, FieldSet> = {};
  for (const element in a) {
    const mine = a[element];
    const other = b[element];
    if (mine === undefined || element === self) continue;
    result[element] = other === undefined ? mine : unionOfNodes(mine, other);
  }
  for (const element in b) {
    const other = b[element];
    if (other !== undefined && element !== self && a[element] === undefined) result[element] = other;
  }
  return result;
}

function unionOfNodes(a: FieldSet, b: FieldSet): FieldSet {
  const children = union(childrenOf(a), childrenOf(b));
  return isMember(a) || isMember(b) ? member(children) : children;
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const result: Record<string, FieldSet> = {};
  for (const element in a) {
    const mine = a[element];
    const other = b[element];
    if (mine === undefined || other === undefined || element === self) continue;
    const node = nodeOf(isMember(mine) && isMember(other), intersection(mine, other));
    if (node !== undefined) result[element] = node;
  }
  return result;
}

/** What is in `a` and not in `b`; fields below a member of `b` stay. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(b) || isEmptySet(a)) return a;
  const result: Record<string, FieldSet> = {};
  for (const element in a) {
    const mine = a[element];
    const other = b[element];
    if (mine === undefined || element === self) continue;
    const node =
      other === undefined ? mine : nodeOf(isMember(mine) && !isMember(other), childrenOf(difference(mine, other)));
    if (node !== undefined) result[element] = node;
  }
  return result;
}

/** What is in `a` and neither in `b` nor below a member of `b`. */
export function withoutBelow(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(b) || isEmptySet(a)) return a;
  const result: Record<string, FieldSet> = {};
  for (const element in a) {
    const mine = a[element];
    const other = b[element];
    if (mine === undefined || element === self || (other !== undefined && isMember(other))) continue;
    const node = other === undefined ? mine : nodeOf(isMember(mine), childrenOf(withoutBelow(mine, other)));
    if (node !== undefined) result[element] = node;
  }
  return result;
}

/** The children of a node as a set of their own. */
export function childrenOf(node: FieldSet): FieldSet {
  if (!(self in node)) return node;
  const { [self]: _self, ...children } = node;
  return children;
}

/** Members of a set, as the paths that messages show: `.spec.containers[name="web"].image`. */
export function pathsOf(set: FieldSet, prefix = ''): string[] {
  const elements = Object.keys(set)
    .filter((element) => element !== self)
    .toSorted(compareElements);
  const own = elements.filter((element) => isMember(set[element] ?? emptySet));
  return [
    ...own.map((element) => prefix + shownElement(element)),
    ...elements.flatMap((element) => pathsOf(set[element] ?? emptySet, prefix + shownElement(element))),
  ];
}

/** Whether two sets have the same members. */
export function equalSets(a: FieldSet, b: FieldSet): boolean {
  const elements = Object.keys(a);
  return (
    elements.length === Object.keys(b).length &&
    elements.every((element) => {
      const mine = a[element];
      const other = b[element];
      return mine !== undefined && other !== undefined && equalSets(mine, other);
    })
  );
}

/** `f:name`; `k:` and `v:` elements are made by elementOf (fieldtypes.ts). */
export function fieldElement(name: string): string {
  return `f:${name}`;
}

function shownElement(element: string): string {
  const body = element.slice(2);
  switch (element.slice(0, 2)) {
    case 'k:': {
      const keys: unknown = JSON.parse(body);
      const shown = Object.entries(isObject(keys) ? keys : {}).map(
        ([name, value]) => `${name}=${JSON.stringify(value)}`,
      );
      return `[${shown.join(',')}]`;
    }
    case 'v:':
      return `[=${body}]`;
    case 'i:':
      return `[${body}]`;
    default:
      return `.${body}`;
  }
}

/** The set with its elements in the order kube-apiserver writes them. */
export function sorted(set: FieldSet): FieldSet {
  const elements = Object.keys(set);
  if (elements.length === 0) return emptySet;
  elements.sort(compareElements);
  const result: Record<string, FieldSet> = {};
  for (const element of elements) result[element] = sorted(set[element] ?? emptySet);
  return result;
}

function compareElements(a: string, b: string): number {
  const kind = a.slice(0, 2);
  if (kind === b.slice(0, 2) && (kind === 'k:' || kind === 'v:')) {
    return compareValues(JSON.parse(a.slice(2)), JSON.parse(b.slice(2)));
  }
  return a < b ? -1 : Number(a > b);
}

function compareValues(a: unknown, b: unknown): number {
  if (isObject(a) && isObject(b)) {
    for (const name of Object.keys(a)) {
      const order = compareValues(a[name], b[name]);
      if (order !== 0) return order;
    }
    return 0;
  }
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [left, right] = [JSON.stringify(a) ?? '', JSON.stringify(b) ?? ''];
  return left < right ? -1 : Number(left > right);
}

/** Nesting that no object the API stores comes near to. */
const maxDepth = 200;

/** Reads a set from outside; undefined when it is none. Keys and values take the form this server writes them in. */
export function parseSet(value: unknown, depth = 0): FieldSet | undefined {
  if (!isObject(value) || depth > maxDepth) return undefined;
  const result: Record<string, FieldSet> = {};
  for (const [element, below] of Object.entries(value)) {
    if (element === self) {
      result[self] = emptySet;
      continue;
    }
    const canonical = canonicalElement(element);
    if (canonical === undefined) return undefined;
    // Elements of a kind that this version does not know are dropped, as kube-apiserver drops them.
    if (canonical === '') continue;
    const node = parseSet(below, depth + 1);
    if (node === undefined) return undefined;
    result[canonical] = node;
  }
  return result;
}

function canonicalElement(element: string): string | undefined {
  const body = element.slice(2);
  if (element[1] !== ':') return undefined;
  try {
    switch (element[0]) {
      case 'f':
        return element;
      case 'v':
        return `v:${JSON.stringify(JSON.parse(body))}`;
      case 'k': {
        const keys: unknown = JSON.parse(body);
        return isObject(keys) ? keyElement(keys, Object.keys(keys).toSorted()) : undefined;
      }
      case 'i':
        return Number.isInteger(Number(body)) ? `i:${Number(body)}` : undefined;
      default:
        return '';
    }
  } catch {
    return undefined;
  }
}

/** The element of a list map's entry; `names` in alphabetical order. */
export function keyElement(keys: Readonly<Record<string, unknown>>, names: readonly string[]): string {
  return `k:{${names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(keys[name])}`).join(',')}}`;
}
