import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explainRoute, hostOf, matchRoute, selectListener, type RouteRequest } from '../../src/routes/match.ts';
import type { LinkedListener } from '../../src/routes/index.ts';
import type { PathMatch } from '../../src/routes/table.ts';
import { linkedListener, sketchTable, type Sketch } from './sketch.ts';

function listener(sketches: readonly Sketch[], hostname?: string, name = hostname ?? 'http'): LinkedListener {
  return linkedListener(sketchTable(sketches, hostname, name));
}

type RequestSketch = Partial<Omit<RouteRequest, 'header'>> & { headers?: Record<string, string> };

function request({ headers = {}, ...rest }: RequestSketch): RouteRequest {
  return {
    host: 'example.com',
    path: '/',
    query: '',
    method: 'GET',
    model: undefined,
    header: (name) => headers[name],
    ...rest,
  };
}

const prefix = (value: string): PathMatch => ({ type: 'PathPrefix', value });
const exact = (value: string): PathMatch => ({ type: 'Exact', value });

function winner(entries: readonly Sketch[], sketch: RequestSketch): string | undefined {
  return matchRoute([listener(entries)], request(sketch))?.match?.rule.id;
}

describe('paths', () => {
  it.each([
    ['/v2', '/v2', true],
    ['/v2', '/v2/', true],
    ['/v2', '/v2/x', true],
    ['/v2/', '/v2', true],
    ['/v2/', '/v2/x', true],
    ['/v2', '/v2example', false],
    ['/v2', '/foo/v2', false],
    ['/', '/anything', true],
    ['/v2', '/V2', false],
    ['/a', '/%61', false],
  ])('prefix %s against %s', (value, path, expected) => {
    expect(winner([{ id: 'a', path: prefix(value) }], { path }) === 'a').toBe(expected);
  });

  it.each([
    ['/one', true],
    ['/one/', false],
    ['/one/example', false],
    ['/One', false],
  ])('exact /one against %s', (path, expected) => {
    expect(winner([{ id: 'a', path: exact('/one') }], { path }) === 'a').toBe(expected);
  });
});

describe('precedence', () => {
  const header = { name: 'version', value: 'two' };
  it.each<[string, Sketch, Sketch, RequestSketch]>([
    [
      'exact path before longer regex',
      { id: 'win', path: exact('/a') },
      { id: 'b', path: { type: 'RegularExpression', value: '/a.*' } },
      { path: '/a' },
    ],
    [
      'longer prefix before shorter',
      { id: 'win', path: prefix('/a/b') },
      { id: 'b', path: prefix('/a') },
      { path: '/a/b/c' },
    ],
    ['prefix before method', { id: 'win', path: prefix('/path5') }, { id: 'b', method: 'GET' }, { path: '/path5' }],
    [
      'method before headers',
      { id: 'win', method: 'GET' },
      { id: 'b', headers: [header] },
      { headers: { version: 'two' } },
    ],
    [
      'more headers before fewer',
      { id: 'win', headers: [header, { name: 'x', value: 'y' }] },
      { id: 'b', headers: [header] },
      { headers: { version: 'two', x: 'y' } },
    ],
    [
      'headers before query',
      { id: 'win', headers: [header] },
      { id: 'b', query: [{ name: 'a', value: 'b' }] },
      { headers: { version: 'two' }, query: 'a=b' },
    ],
    ['older route', { id: 'win', created: '2025-01-01T00:00:00Z' }, { id: 'b' }, {}],
    ['name', { id: 'a-win' }, { id: 'b' }, {}],
    [
      'earlier rule',
      { id: 'win', route: 'default/r', ruleIndex: 0 },
      { id: 'b', route: 'default/r', ruleIndex: 1 },
      {},
    ],
    [
      'model match before none',
      { id: 'win', headers: [{ name: 'x-ai-eg-model', value: 'm' }] },
      { id: 'b' },
      { model: 'm' },
    ],
    [
      'longer path before model match',
      { id: 'win', path: prefix('/v1') },
      { id: 'b', headers: [{ name: 'x-ai-eg-model', value: 'm' }] },
      { model: 'm', path: '/v1/x' },
    ],
  ])('%s', (_name, better, worse, sketch) => {
    expect(winner([better, worse], sketch)).toBe(better.id);
    expect(winner([worse, better], sketch)).toBe(better.id);
  });
});

describe('the model', () => {
  const rules: Sketch[] = [
    { id: 'm', headers: [{ name: 'x-ai-eg-model', value: 'm' }] },
    { id: 'g', headers: [{ name: 'x-gateway-model-name', value: 'g' }] },
    { id: 'regex', headers: [{ name: 'x-ai-eg-model', value: 'r.*', type: 'RegularExpression' }] },
  ];
  it('comes from the body and never from the client header', () => {
    expect(winner(rules, { model: 'm', headers: { 'x-ai-eg-model': 'other' } })).toBe('m');
    expect(winner(rules, { model: '', headers: { 'x-ai-eg-model': 'm' } })).toBeUndefined();
    expect(winner(rules, { model: 'g' })).toBe('g');
    expect(winner(rules, { model: 'r2' })).toBe('regex');
  });
  it('is the header when the request is no LLM request', () => {
    expect(winner(rules, { headers: { 'x-gateway-model-name': 'g' } })).toBe('g');
    expect(winner(rules, {})).toBeUndefined();
  });
});

describe('query parameters', () => {
  const rules: Sketch[] = [{ id: 'a', query: [{ name: 'animal', value: 'white whale' }] }];
  it.each([
    ['animal=white%20whale', true],
    ['animal=white+whale', true],
    ['x=1&animal=white%20whale&animal=other', true],
    ['animal=other&animal=white+whale', false],
    ['Animal=white+whale', false],
    ['animal', false],
    ['', false],
    ['animal=%zz', false],
  ])('%s', (query, expected) => {
    expect(winner(rules, { query }) === 'a').toBe(expected);
  });
});

describe('hosts', () => {
  const listeners = [
    listener([], undefined, 'any'),
    listener([], '*.example.com'),
    listener([], '*.a.example.com'),
    listener([], 'b.example.com'),
  ];
  it.each([
    ['b.example.com', 'b.example.com'],
    ['B.Example.com:8080', 'b.example.com'],
    ['x.example.com', '*.example.com'],
    ['x.y.example.com', '*.example.com'],
    ['x.a.example.com', '*.a.example.com'],
    ['example.com', 'any'],
    ['[::1]:80', 'any'],
  ])('%s belongs to the most specific listener', (host, name) => {
    expect(selectListener(listeners, hostOf(host))?.name).toBe(name);
  });

  it('considers only the listener that owns the host', () => {
    const owned = listener([{ id: 'specific', path: prefix('/x') }], 'a.com');
    const any = listener([{ id: 'any' }], undefined, 'any');
    expect(matchRoute([owned, any], request({ host: 'a.com' }))).toEqual({ listener: owned, match: undefined });
    expect(matchRoute([owned], request({ host: 'b.com' }))).toBeUndefined();
  });

  it('falls through to routes of wider hosts', () => {
    const rules: Sketch[] = [
      { id: 'exact', hosts: ['a.example.com'], path: prefix('/x') },
      { id: 'wild', hosts: ['*.example.com'], path: prefix('/y') },
      { id: 'any', path: prefix('/') },
    ];
    expect(winner(rules, { host: 'a.example.com', path: '/x' })).toBe('exact');
    expect(winner(rules, { host: 'a.example.com', path: '/y' })).toBe('wild');
    expect(winner(rules, { host: 'a.example.com', path: '/z' })).toBe('any');
  });
});

// An independent statement of gatewayapi.md 7: every match, sorted, first that fits.
const segment = fc.constantFrom('a', 'b', 'ab');
const path = fc.array(segment, { maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
const arbitraryEntry = fc.record({
  path: fc.option(
    fc.oneof(
      path.map(prefix),
      path.map((value) => prefix(value === '/' ? value : `${value}/`)),
      path.map(exact),
    ),
    { nil: undefined },
  ),
  method: fc.option(fc.constantFrom('GET', 'POST'), { nil: undefined }),
  model: fc.option(fc.constantFrom('m1', 'm2'), { nil: undefined }),
  header: fc.option(fc.constantFrom('1', '2'), { nil: undefined }),
  hosts: fc.constantFrom([], ['a.x'], ['*.x'], ['*.x', 'b.a.x']),
});

describe('matchRoute', () => {
  it('agrees with sorting all matches', () => {
    fc.assert(
      fc.property(
        fc.array(arbitraryEntry, { maxLength: 30 }),
        fc.record({
          path,
          method: fc.constantFrom('GET', 'POST'),
          model: fc.constantFrom(undefined, '', 'm1', 'm2'),
          header: fc.constantFrom('1', '2'),
          host: fc.constantFrom('a.x', 'b.a.x', 'y'),
        }),
        (sketches, sent) => {
          const entries = sketches.map(
            ({ path: p, method, model, header, hosts }, i): Sketch & Required<Pick<Sketch, 'headers' | 'hosts'>> => ({
              id: String(i).padStart(3, '0'),
              hosts,
              ...(p === undefined ? {} : { path: p }),
              ...(method === undefined ? {} : { method }),
              headers: [
                ...(model === undefined ? [] : [{ name: 'x-ai-eg-model', value: model }]),
                ...(header === undefined ? [] : [{ name: 'h', value: header }]),
              ],
            }),
          );
          type Entry = (typeof entries)[number];
          const fits = (e: Entry): boolean =>
            (e.path === undefined ||
              (e.path.type === 'Exact'
                ? sent.path === e.path.value
                : `${sent.path}/`.startsWith(`${e.path.value.replace(/\/$/, '')}/`))) &&
            (e.method === undefined || e.method === sent.method) &&
            e.headers.every((h) => h.value === (h.name === 'h' ? sent.header : sent.model));
          const hostRank = (e: Entry): number => {
            if (e.hosts.includes(sent.host)) return 0;
            if (e.hosts.some((h) => h.startsWith('*') && sent.host.endsWith(h.slice(1)))) return 1;
            return e.hosts.length === 0 ? 2 : 3;
          };
          const size = (p: PathMatch | undefined): number => (p === undefined ? 0 : p.value.replace(/\/$/, '').length);
          const key = (e: Entry): (number | string)[] => [
            hostRank(e),
            e.path?.type === 'Exact' ? 0 : 1,
            e.path?.type === 'Exact' ? 0 : -size(e.path),
            e.method === undefined ? 1 : 0,
            -e.headers.length,
            e.id,
          ];
          const expected = entries
            .filter((e) => hostRank(e) < 3 && fits(e))
            .sort((a, b) => {
              const [x, y] = [key(a), key(b)];
              const i = x.findIndex((value, at) => value !== y[at]);
              return i < 0 ? 0 : (x[i] ?? 0) < (y[i] ?? 0) ? -1 : 1;
            })[0]?.id;
          const table = listener(entries);
          const { header: h, ...rest } = sent;
          const sentRequest = request({ ...rest, headers: { h } });
          expect(matchRoute([table], sentRequest)?.match?.rule.id).toBe(expected);
          expect(explainRoute([table], sentRequest).matched?.rule.id).toBe(expected);
        },
      ),
    );
  });
});

describe('explainRoute', () => {
  it('lists candidates in order with the condition that failed', () => {
    const table = listener([
      { id: 'a', path: exact('/a') },
      { id: 'm', headers: [{ name: 'x-ai-eg-model', value: 'gpt' }] },
      { id: 'any' },
      { id: 'after', hosts: ['other.com'] },
    ]);
    expect(explainRoute([table], request({ path: '/b', model: 'x' }))).toMatchObject({
      listener: 'http',
      candidates: [
        { host: '*', rule: 'a', conditions: 'path Exact /a', outcome: 'path does not match' },
        { host: '*', rule: 'm', conditions: 'header x-ai-eg-model=gpt', outcome: 'header does not match' },
        { host: '*', rule: 'any', conditions: 'every request', outcome: 'matched' },
      ],
    });
  });
});
