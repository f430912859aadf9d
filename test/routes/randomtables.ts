/** Random tables and requests that often meet, for comparing readers of one table. */
import fc from 'fast-check';
import { matchRoute } from '../../src/routes/match.ts';
import type { LinkedTable } from '../../src/routes/index.ts';
import type { PathMatch, ValueMatch } from '../../src/routes/table.ts';
import type { Sketch } from './sketch.ts';

/** A request as JSON values. */
export interface PlainRequest {
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly method: string;
  readonly model: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** The id of the rule that the request gets; undefined: none. */
export function ruleFor(table: LinkedTable, { model, headers, ...rest }: PlainRequest): string | undefined {
  const listeners = table.gateways.get('default/gw')?.listeners ?? [];
  const request = { ...rest, model: model ?? undefined, header: (name: string) => headers[name] };
  return matchRoute(listeners, request)?.match?.rule.id;
}

const words = ['a', 'b', 'ab', 'a/b', 'v1', ''];
const path = fc.constantFrom(...words.map((word) => `/${word}`), '/a/', '/v1/chat');
const value = fc.constantFrom('x', 'y', 'xy', '');
const host = fc.constantFrom('one.example', 'two.example', '*.example');
const model = fc.constantFrom('m1', 'm2', 'org/m3');

const pathMatch: fc.Arbitrary<PathMatch> = fc.oneof(
  fc.record({ type: fc.constantFrom<PathMatch['type']>('Exact', 'PathPrefix'), value: path }),
  fc.record({
    type: fc.constant<PathMatch['type']>('RegularExpression'),
    value: fc.constantFrom('/a.*', '/(a|b)', '/v[0-9]+(/.*)?'),
  }),
);
const valueMatch = (name: fc.Arbitrary<string>): fc.Arbitrary<ValueMatch> =>
  fc.oneof(
    fc.record({ name, value }),
    fc.record({ name, value: fc.constantFrom('x.*', '[xy]+'), type: fc.constant('RegularExpression' as const) }),
  );
const headerMatch = fc.oneof(
  valueMatch(fc.constantFrom('h', 'k')),
  fc.record({ name: fc.constant('x-ai-eg-model'), value: model }),
);

export const sketches: fc.Arbitrary<Sketch[]> = fc
  .array(
    fc.record(
      {
        path: pathMatch,
        method: fc.constantFrom('GET', 'POST'),
        headers: fc.uniqueArray(headerMatch, { maxLength: 2, selector: ({ name }) => name }),
        query: fc.array(valueMatch(fc.constant('q')), { maxLength: 1 }),
        hosts: fc.uniqueArray(host, { maxLength: 2 }),
        created: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'),
        ruleIndex: fc.integer({ min: 0, max: 2 }),
      },
      { requiredKeys: [] },
    ),
    { minLength: 1, maxLength: 30 },
  )
  .map((rules) => rules.map((rule, at): Sketch => ({ ...rule, id: `r${String(at)}` })));

export const requests: fc.Arbitrary<PlainRequest> = fc.record({
  host: fc.constantFrom('one.example', 'two.example:8080', 'x.example', 'localhost'),
  path,
  query: fc.constantFrom('', 'q=x', 'q=xy&r=1', 'q'),
  method: fc.constantFrom('GET', 'POST'),
  model: fc.option(model),
  headers: fc.dictionary(fc.constantFrom('h', 'k', 'x-ai-eg-model'), fc.oneof(value, model), { maxKeys: 3 }),
});
