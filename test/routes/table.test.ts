import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { problemsOf } from '../../src/routes/check.ts';
import { linkTable } from '../../src/routes/index.ts';
import { readTable } from '../../src/routes/read.ts';
import type { RouteTable } from '../../src/routes/table.ts';
import { requests, ruleFor, sketches, type PlainRequest } from './randomtables.ts';
import { sketchTable } from './sketch.ts';

const child = fileURLToPath(new URL('child.ts', import.meta.url));

/** The rule of each request, as another process has it that reads the table's JSON. */
async function rulesElsewhere(table: RouteTable, asked: readonly PlainRequest[]): Promise<(string | null)[]> {
  const reader = spawn(process.execPath, [child], { stdio: ['pipe', 'pipe', 'inherit'] });
  reader.stdin.end([table, ...asked].map((line) => `${JSON.stringify(line)}\n`).join(''));
  const answers: (string | null)[] = [];
  for await (const line of createInterface({ input: reader.stdout })) answers.push(JSON.parse(line) as string | null);
  return answers;
}

describe('a table as JSON', () => {
  it('gives 10,000 requests the same rules in another process', async () => {
    const tables = fc.sample(sketches, { numRuns: 5, seed: 7 });
    let found = 0;
    for (const [at, rules] of tables.entries()) {
      const table = sketchTable(rules);
      const linked = linkTable(table);
      const asked = fc.sample(requests, { numRuns: 2_000, seed: at });
      const here = asked.map((request) => ruleFor(linked, request) ?? null);
      expect(await rulesElsewhere(table, asked)).toEqual(here);
      found += here.filter((rule) => rule !== null).length;
    }
    // Requests that nothing takes would prove nothing.
    expect(found).toBeGreaterThan(2_000);
  }, 120_000);

  it('is the same table again, and links to the same answers as one that was patched', () => {
    fc.assert(
      fc.property(sketches, sketches, fc.array(requests, { maxLength: 20 }), (before, after, asked) => {
        const table = sketchTable(after);
        const read = readTable(JSON.parse(JSON.stringify(table)));
        expect(read).toEqual(table);
        const patched = linkTable(read, linkTable(sketchTable(before)));
        const anew = linkTable(table);
        for (const request of asked) expect(ruleFor(patched, request)).toBe(ruleFor(anew, request));
      }),
    );
  });
});

describe('a table that is not whole', () => {
  const table = sketchTable([{ id: 'a', path: { type: 'RegularExpression', value: '/a' } }]);
  const [route] = table.routes;
  if (route === undefined) throw new Error('no route');

  it.each<[string, unknown, RegExp]>([
    ['no object', 7, /no route table/],
    ['a list that is none', { ...table, pools: {} }, /no route table/],
    ['a part without identity', { ...table, routes: [{ key: 'default/a' }] }, /no route table/],
    ['a part that was changed', { ...table, routes: [{ ...route, created: 'x' }] }, /routes: default\/a does not say/],
    ['a part that is there twice', { ...table, routes: [route, route] }, /default\/a is there twice/],
    ['a listener that is missing', { ...table, gateways: [] }, /no listener http of Gateway default\/gw/],
  ])('is refused: %s', (_, value, problem) => {
    expect(() => readTable(value)).toThrow(problem);
  });

  it('is told by what its rules lead to', () => {
    const target = { type: 'pool' as const, key: 'default/p' };
    const backends = [{ id: 'b', weight: 1, filters: [], target }];
    const rules = route.rules.map((rule) => ({ ...rule, tiers: [{ priority: 0, totalWeight: 2, backends }] }));
    const problems = problemsOf({ ...table, routes: [{ ...route, rules }] });
    expect(problems).toContain('rule a: there is no pool default/p');
    expect(problems).toContain('rule a: priority 0: its weights are not 2');
  });
});
