import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareObjects, fieldsSetBy } from '../../src/apiserver/apply/compare.ts';
import {
  difference,
  equalSets,
  intersection,
  parseSet,
  pathsOf,
  union,
  type FieldSet,
} from '../../src/apiserver/apply/fieldset.ts';
import { fieldTypeOf } from '../../src/apiserver/apply/fieldtypes.ts';
import { noManagers, type Actor, type Managers } from '../../src/apiserver/apply/managers.ts';
import { mergeObjects } from '../../src/apiserver/apply/merge.ts';
import { applyConfiguration, type Versions } from '../../src/apiserver/apply/ownership.ts';
import type { JsonObject } from '../../src/apiserver/json.ts';
import type { StructuralSchema } from '../../src/kinds/structural.ts';

const string: StructuralSchema = { type: 'string' };
const schema: StructuralSchema = {
  type: 'object',
  properties: {
    name: string,
    count: { type: 'integer' },
    labels: { type: 'object', additionalProperties: string },
    ports: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['port', 'protocol'],
      items: {
        type: 'object',
        properties: { port: { type: 'integer' }, protocol: { type: 'string', default: 'TCP' }, name: string },
      },
    },
    tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: string },
    args: { type: 'array', items: string },
    whole: { type: 'object', 'x-kubernetes-map-type': 'atomic', properties: { a: string, b: string } },
    part: { type: 'object', properties: { a: string, b: string } },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  },
};
const type = fieldTypeOf(schema);
const versions: Versions = { apiVersion: 'v1', type, empty: {}, at: () => undefined, ignored: {} };

const actor = (manager: string): Actor => ({ manager, operation: 'Apply', apiVersion: 'v1', subresource: undefined });

interface State {
  object: JsonObject;
  managers: Managers;
}

function applied({ object, managers }: State, manager: string, configuration: JsonObject, force = true) {
  return applyConfiguration(versions, object, configuration, managers, actor(manager), {
    force,
    time: '2026-01-01T00:00:00Z',
  });
}

function ownedBy({ managers }: State): Record<string, string[]> {
  return Object.fromEntries([...managers.values()].map(({ manager, fields }) => [manager, pathsOf(fields)]));
}

const nothing: State = { object: {}, managers: noManagers };

describe('the fields a configuration sets', () => {
  test.each<[string, JsonObject, FieldSet]>([
    ['leaves', { name: 'a', count: 1 }, { 'f:name': {}, 'f:count': {} }],
    ['fields of free maps, with what is below them', { labels: { a: 'b' } }, { 'f:labels': { 'f:a': {} } }],
    ['an empty map', { labels: {} }, { 'f:labels': {} }],
    ['nothing of an empty list map', { ports: [] }, {}],
    [
      'entries of list maps by their keys, the default for a missing one',
      { ports: [{ port: 80, name: 'web' }] },
      { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:name': {} } } },
    ],
    ['members of sets by their value', { tags: ['x', 'y'] }, { 'f:tags': { 'v:"x"': {}, 'v:"y"': {} } }],
    ['atomic lists as one', { args: ['x', 'y'] }, { 'f:args': {} }],
    ['atomic maps as one', { whole: { a: 'x' } }, { 'f:whole': {} }],
    ['declared maps by their fields alone', { part: { a: 'x' } }, { 'f:part': { 'f:a': {} } }],
    [
      'maps without a schema by field, lists in them as one',
      { free: { a: { b: [{ c: 1 }] } } },
      { 'f:free': { 'f:a': { '.': {}, 'f:b': {} } } },
    ],
  ])('%s', (_name, configuration, expected) => {
    expect(fieldsSetBy(type, configuration)).toEqual(expected);
  });
});

describe('comparison', () => {
  test.each<[string, JsonObject, JsonObject, object]>([
    ['a changed leaf', { name: 'a' }, { name: 'b' }, { modified: { 'f:name': {} } }],
    ['a new map', {}, { labels: { a: 'b' } }, { added: { 'f:labels': { '.': {}, 'f:a': {} } } }],
    [
      'a new field of a map',
      { labels: { a: 'b' } },
      { labels: { a: 'b', c: 'd' } },
      { added: { 'f:labels': { 'f:c': {} } } },
    ],
    [
      'an entry that goes',
      { ports: [{ port: 80, name: 'a' }, { port: 81 }] },
      { ports: [{ port: 81 }] },
      { removed: { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:name': {} } } } },
    ],
    ['entries in another order', { tags: ['x', 'y'] }, { tags: ['y', 'x'] }, {}],
    ['an atomic list in another order', { args: ['x', 'y'] }, { args: ['y', 'x'] }, { modified: { 'f:args': {} } }],
    ['a field of an atomic map', { whole: { a: 'x' } }, { whole: { a: 'y' } }, { modified: { 'f:whole': {} } }],
    [
      'another kind of value',
      { free: { a: 'x' } },
      { free: { a: { b: 1 } } },
      { modified: { 'f:free': { 'f:a': {} } }, added: { 'f:free': { 'f:a': { 'f:b': {} } } } },
    ],
  ])('%s', (_name, before, after, expected) => {
    expect(compareObjects(type, before, after)).toEqual(expected);
  });
});

describe('merging lists', () => {
  // What structured-merge-diff makes of them (typed/merge_test.go).
  test.each([
    [
      ['a', 'b', 'c'],
      ['c', 'a'],
      ['b', 'c', 'a'],
    ],
    [['a', 'b'], ['c'], ['a', 'b', 'c']],
    [
      ['a', 'b', 'c'],
      ['a', 'd', 'c'],
      ['a', 'b', 'd', 'c'],
    ],
    [['a'], ['b', 'a'], ['b', 'a']],
    [
      ['1', '2', '3', '4', '5'],
      ['1', '3', '5', '2', '4'],
      ['1', '3', '5', '2', '4'],
    ],
    [
      ['a', 'b', 'c', 'd'],
      ['e', 'f', 'g', 'a'],
      ['e', 'f', 'g', 'a', 'b', 'c', 'd'],
    ],
    [
      ['c', 'd', 'e', 'f', 'g'],
      ['a', 'b', 'c'],
      ['a', 'b', 'c', 'd', 'e', 'f', 'g'],
    ],
  ])('%j and %j give %j', (live, wanted, expected) => {
    expect(mergeObjects(type, { tags: live }, { tags: wanted })).toEqual({ tags: expected });
  });
});

describe('apply', () => {
  test('what a manager no longer applies goes, unless another one owns it', () => {
    const first = applied(nothing, 'one', { labels: { a: '1', b: '1' }, ports: [{ port: 80 }, { port: 81 }] });
    const second = applied(first, 'two', { labels: { b: '1' } });
    const third = applied(second, 'one', { ports: [{ port: 81 }] });
    expect(third.object).toEqual({ labels: { b: '1' }, ports: [{ port: 81 }] });
    expect(ownedBy(third)).toEqual({
      one: ['.ports[port=81,protocol="TCP"]', '.ports[port=81,protocol="TCP"].port'],
      two: ['.labels.b'],
    });
  });

  test('an entry stays while somebody owns part of it', () => {
    const first = applied(nothing, 'one', { ports: [{ port: 80 }] });
    const second = applied(first, 'two', { ports: [{ port: 80, name: 'web' }] });
    const third = applied(second, 'one', {});
    expect(third.object).toEqual({ ports: [{ port: 80, name: 'web' }] });
  });

  test('fields nobody owns stay, but for defaults below a field that goes', () => {
    const start = { object: { count: 5, labels: { kept: 'x' }, part: { b: 'default' } }, managers: noManagers };
    const first = applied(start, 'one', { labels: { mine: 'x' }, part: { a: 'x' } });
    expect(applied(first, 'one', { labels: { mine: 'x' } }).object).toEqual({
      count: 5,
      labels: { kept: 'x', mine: 'x' },
    });
  });

  test('a conflict names each field and leaves the choice to the caller', () => {
    const first = applied(nothing, 'one', { name: 'a', args: ['x'], tags: ['t'] });
    const { conflicts } = applied(first, 'two', { name: 'b', args: ['y'], tags: ['u'] }, false);
    expect(conflicts.map(({ manager, path }) => `${manager.manager}${path}`)).toEqual(['one.args', 'one.name']);
  });
});

// Objects of the schema, without what has no meaning there: empty entries and duplicates.
const word = fc.constantFrom('a', 'b', 'c', 'd');
const someMap = fc.dictionary(word, word, { minKeys: 1, maxKeys: 3 });
const configurations = (
  names: fc.Arbitrary<string> = fc.constantFrom('x', 'y', 'z'),
  ports = fc.integer({ min: 1, max: 4 }),
) =>
  fc.record(
    {
      name: word,
      count: fc.integer({ min: 0, max: 3 }),
      labels: fc.dictionary(names, word, { minKeys: 1, maxKeys: 3 }),
      ports: fc.uniqueArray(fc.record({ port: ports, name: word }, { requiredKeys: ['port'] }), {
        selector: ({ port }) => port,
        minLength: 1,
        maxLength: 3,
      }),
      tags: fc.uniqueArray(names, { minLength: 1, maxLength: 3 }),
      args: fc.array(word, { maxLength: 3 }),
      whole: fc.record({ a: word, b: word }, { requiredKeys: ['a'] }),
      part: fc.record({ a: word, b: word }, { requiredKeys: ['a'] }),
      free: someMap,
    },
    { requiredKeys: [] },
  ) as fc.Arbitrary<JsonObject>;

describe('whatever is applied', () => {
  test('twice is the same as once', () => {
    fc.assert(
      fc.property(configurations(), configurations(), configurations(), (before, other, mine) => {
        const start = applied(applied(nothing, 'other', other), 'me', before);
        const once = applied(start, 'me', mine);
        const twice = applied(once, 'me', mine);
        expect(twice.object).toEqual(once.object);
        expect(ownedBy(twice)).toEqual(ownedBy(once));
      }),
    );
  });

  test('is what the object says afterwards, and what the manager owns', () => {
    fc.assert(
      fc.property(configurations(), configurations(), configurations(), (before, other, mine) => {
        const result = applied(applied(applied(nothing, 'other', other), 'me', before), 'me', mine);
        expect(compareObjects(type, mergeObjects(type, result.object, mine), result.object)).toEqual({});
        expect(ownedBy(result)['me'] ?? []).toEqual(pathsOf(fieldsSetBy(type, mine)));
      }),
    );
  });

  test('by two managers with disjoint fields comes to the same in either order', () => {
    const mine = configurations(fc.constantFrom('x', 'y'), fc.integer({ min: 1, max: 2 }));
    const theirs = configurations(fc.constantFrom('v', 'w'), fc.integer({ min: 3, max: 4 }));
    fc.assert(
      fc.property(mine, theirs, (one, two) => {
        // Leaves cannot be shared: only one of the two sets them.
        const { name: _n, count: _c, args: _a, whole: _w, part: _p, free: _f, ...rest } = two;
        const there = applied(applied(nothing, 'one', one, false), 'two', rest, false);
        const back = applied(applied(nothing, 'two', rest, false), 'one', one, false);
        expect([...there.conflicts, ...back.conflicts]).toEqual([]);
        expect(compareObjects(type, there.object, back.object)).toEqual({});
        expect(Object.fromEntries(Object.entries(ownedBy(back)))).toEqual(ownedBy(there));
      }),
    );
  });

  test('goes completely when the only manager applies nothing', () => {
    fc.assert(
      fc.property(configurations(), (mine) => {
        const result = applied(applied(nothing, 'me', mine), 'me', {});
        expect(fieldsSetBy(type, result.object)).toEqual({});
        expect(result.managers.size).toBe(0);
      }),
    );
  });
});

describe('sets', () => {
  const sets = configurations().map((configuration) => fieldsSetBy(type, configuration));

  test('union, intersection and difference agree with sets of paths', () => {
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        const [left, right] = [pathsOf(a), pathsOf(b)];
        expect(pathsOf(union(a, b)).toSorted()).toEqual([...new Set([...left, ...right])].toSorted());
        expect(pathsOf(intersection(a, b))).toEqual(left.filter((path) => right.includes(path)));
        expect(pathsOf(difference(a, b))).toEqual(left.filter((path) => !right.includes(path)));
      }),
    );
  });

  test('are read back as they were written', () => {
    fc.assert(
      fc.property(sets, (set) => {
        expect(equalSets(parseSet(JSON.parse(JSON.stringify(set))) ?? {}, set)).toBe(true);
      }),
    );
  });

  test.each<[string, unknown, FieldSet | undefined]>([
    [
      'keys in another order and spacing',
      { 'f:ports': { 'k:{"protocol": "TCP", "port": 80}': {} } },
      { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': {} } },
    ],
    ['values with spaces', { 'v: "x"': {} }, { 'v:"x"': {} }],
    ['elements of a kind to come', { 'z:new': {}, 'f:a': {} }, { 'f:a': {} }],
    ['no set', 5, undefined],
    ['no path element', { abc: {} }, undefined],
    ['broken keys', { 'k:{': {} }, undefined],
  ])('%s', (_name, given, expected) => {
    expect(parseSet(given)).toEqual(expected);
  });
});
