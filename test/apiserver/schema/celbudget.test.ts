import { describe, expect, it } from 'vitest';
import type { StructuralSchema } from '../../../src/kinds/structural.ts';
import { checkRules } from '../../../src/apiserver/schema/cel.ts';
import type { FieldError } from '../../../src/apiserver/status.ts';

const integers: StructuralSchema = { type: 'array', items: { type: 'integer' } };
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Messages of what a rule says about an object with a list and a map. */
function check(rule: string, list: readonly number[], rules: readonly string[] = []): string[] {
  const schema: StructuralSchema = {
    type: 'object',
    properties: { list: integers, map: { type: 'object', additionalProperties: { type: 'integer' } } },
    'x-kubernetes-validations': [rule, ...rules].map((text) => ({ rule: text, message: `not: ${text}` })),
  };
  const errors: FieldError[] = [];
  checkRules(schema, { list, map: { x: 1, y: 2 } }, undefined, errors, false);
  return errors.map(({ message }) => message);
}

describe('rules within the budget', () => {
  it.each([
    'self.list.all(x, (x >= 0) && (x in self.list))',
    'self.list.exists(x, (x == 7) ? true : (x < 0))',
    'self.list.exists_one(x, x == 7 || (x < 0))',
    'self.list.map(x, x > 1, x + 1).size() == 98',
    'self.list.map(x, x + 1).all(x, x > 0)',
    'self.list.filter(x, x == 5 // that one, only\n).size() == 1',
    'self.map.all(key, self.map[key] in [1, 2])',
    'self.list.all(x, self.list.exists(y, self.list.filter(z, z == y).size() == 1 && y == x))',
    'self.list.indexOf(3) == 3 && !(100 in self.list)',
  ])('%s', (rule) => {
    expect(check(rule, upTo(100).slice(0, rule.includes('filter(z') ? 20 : 100))).toEqual([]);
    expect(check(`!(${rule})`, upTo(100).slice(0, rule.includes('filter(z') ? 20 : 100))).toHaveLength(1);
  });

  it('see errors of predicates as before', () => {
    expect(check('self.list.all(x, 1 / x > 0)', [0, 1])[0]).toContain('evaluating rule');
    expect(check('self.list.exists(x, 10 / x == 10)', [0, 1])).toEqual([]);
  });
});

describe('rules beyond the budget', () => {
  it.each([
    'self.list.all(x, self.list.all(y, x + y >= 0))',
    'self.list.exists(x, self.list.exists(y, self.list.exists(z, x + y + z < 0 || (x < 0))))',
    'self.list.all(x, self.list.map(y, y).size() > 0)',
    'self.list.all(x, self.list.map(y, y > 0, y).size() > 0)',
    'self.list.all(x, self.list.filter(y, y == x).size() == 1)',
    'self.list.all(x, !(-1 in self.list))',
    'self.list.all(x, self.list.indexOf(-1) == -1)',
  ])('%s ends with one error, and no further rule is checked', (rule) => {
    expect(check(rule, upTo(100_000), ['false'])).toEqual([
      `Invalid value: "object": 'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost exceeds limit for rule: not: ${rule}`,
    ]);
  });

  it('is shared by all rules of an object, and not by objects', () => {
    const rule = 'self.list.all(x, self.list.all(y, x + y >= 0))';
    expect(
      check(
        rule,
        upTo(500),
        Array.from({ length: 20 }, () => rule),
      ),
    ).toEqual([
      'Invalid value: "object": validation failed due to running out of cost budget, no further validation rules will be run',
    ]);
    expect(check(rule, upTo(500))).toEqual([]);
  });
});
