import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile, type Compiled } from '../../src/routing/compile.ts';
import { linkTable } from '../../src/routes/index.ts';
import { matchRoute } from '../../src/routes/match.ts';
import { intersectHostnames } from '../../src/routing/hostnames.ts';
import { parseBytes } from '../../src/routing/policies.ts';
import { noResources, type RouteResources } from '../../src/routing/resources.ts';
import type { RouteRule } from '../../src/routes/table.ts';
import { resourcesOf } from './resourcefile.ts';

const base = resourcesOf(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: headgate }
spec: { controllerName: headgate.dev/gateway-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: gw }
spec: { gatewayClassName: headgate, listeners: [{ name: http, protocol: HTTP, port: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { ports: [{ port: 80 }] }
`);

type HTTPRoute = RouteResources['httpRoutes'][number];
type Rules = NonNullable<HTTPRoute['spec']['rules']>;

function route(name: string, rules: Rules): HTTPRoute {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name, namespace: 'default', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { parentRefs: [{ name: 'gw' }], rules },
  };
}

function compiled(httpRoutes: readonly HTTPRoute[]): Compiled {
  return compile(
    { ...base, httpRoutes },
    {
      claimedControllers: ['headgate.dev/gateway-controller'],
      programmed: new Map(),
      now: new Date('2026-02-02T02:02:02Z'),
      generation: 1,
    },
  );
}

function ruleFor(result: Compiled, path: string): RouteRule | undefined {
  const listeners = linkTable(result.table).gateways.get('default/gw')?.listeners ?? [];
  return matchRoute(listeners, { host: 'x', path, query: '', method: 'GET', model: undefined, header: () => undefined })
    ?.match?.rule;
}

const backends = fc.array(
  fc.record({
    name: fc.constantFrom('web', 'missing'),
    port: fc.constant(80),
    weight: fc.integer({ min: 0, max: 1000 }),
  }),
  { maxLength: 16 },
);

describe('compile', () => {
  it('keeps the share of every weight, also of backends that cannot be used', () => {
    fc.assert(
      fc.property(backends, (backendRefs) => {
        const rule = ruleFor(compiled([route('r', [{ backendRefs }])]), '/');
        const [tier] = rule?.tiers ?? [];
        const wanted = backendRefs.filter(({ weight }) => weight > 0);
        expect(tier?.totalWeight).toBe(wanted.reduce((sum, { weight }) => sum + weight, 0));
        expect(tier?.backends.map(({ weight, target }) => [weight, target.type])).toEqual(
          wanted.map(({ weight, name }) => [weight, name === 'web' ? 'endpoints' : 'invalid']),
        );
      }),
    );
  });

  it('finds each of up to 500 rules', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), (count) => {
        const routes = Array.from({ length: Math.ceil(count / 16) }, (_, r) =>
          route(
            `r${r}`,
            Array.from({ length: Math.min(16, count - 16 * r) }, (__, i) => ({
              matches: [{ path: { type: 'PathPrefix' as const, value: `/p${16 * r + i}` } }],
              backendRefs: [{ name: 'web', port: 80 }],
            })),
          ),
        );
        const result = compiled(routes);
        for (let i = 0; i < count; i += 1) {
          expect(ruleFor(result, `/p${i}/x`)?.id).toBe(`httproute/default/r${Math.floor(i / 16)}/rule/${i % 16}`);
        }
        expect(ruleFor(result, `/p${count}`)).toBeUndefined();
      }),
      { numRuns: 15 },
    );
  });

  it('compiles the other routes the same whatever is wrong with one', () => {
    const good = [
      route('good', [{ matches: [{ path: { value: '/good' } }], backendRefs: [{ name: 'web', port: 80 }] }]),
    ];
    const about = ({ statuses }: Compiled): unknown => statuses.filter(({ object }) => object.metadata.name === 'good');
    const alone = compiled(good);
    const broken = fc.constantFrom<Rules>(
      [{ backendRefs: [{ name: 'missing', port: 80 }] }],
      [{ backendRefs: [{ group: 'x', kind: 'Y', name: 'z' }] }],
      [{ filters: [{ type: 'CORS', cors: {} }] }],
      [{ matches: [{ path: { type: 'RegularExpression', value: '(a+)+' } }] }],
      [{ timeouts: { request: 'soon' } }],
      [{ filters: [{ type: 'ExtensionRef', extensionRef: { group: 'g', kind: 'k', name: 'n' } }] }],
      [],
    );
    fc.assert(
      fc.property(broken, (rules) => {
        const result = compiled([route('bad', rules), ...good]);
        expect(ruleFor(result, '/good/x')).toEqual(ruleFor(alone, '/good/x'));
        expect(about(result)).toEqual(about(alone));
      }),
    );
  });

  it('says nothing about Gateways of classes that are not claimed', () => {
    const result = compile(
      { ...base, httpRoutes: [route('r', [])] },
      { claimedControllers: ['example.com/other'], programmed: new Map(), now: new Date(), generation: 1 },
    );
    expect(result.statuses).toEqual([]);
    expect(result.table.gateways).toEqual([]);
    expect(
      compile(noResources, { claimedControllers: [], programmed: new Map(), now: new Date(), generation: 1 }).sockets,
    ).toEqual([]);
  });

  it('writes the same statuses again, times included, once they are stored', () => {
    const first = compiled([route('r', [{ backendRefs: [{ name: 'web', port: 80 }] }])]);
    const stored = first.statuses.flatMap(({ kind, object, status }) =>
      kind.kind === 'HTTPRoute' ? [{ ...object, status }] : [],
    );
    const [again] = stored as unknown as HTTPRoute[];
    const later = compile(
      { ...base, httpRoutes: again === undefined ? [] : [again] },
      {
        claimedControllers: ['headgate.dev/gateway-controller'],
        programmed: new Map(),
        now: new Date('2030-01-01T00:00:00Z'),
        generation: 2,
      },
    );
    expect(later.statuses.find(({ kind }) => kind.kind === 'HTTPRoute')?.status).toEqual(again?.status);
  });
});

describe('hostnames of listener and route', () => {
  it.each([
    [undefined, ['a.b'], ['a.b']],
    [undefined, [], []],
    ['a.b', [], ['a.b']],
    ['a.b', ['A.B'], ['a.b']],
    ['a.b', ['*.b'], ['a.b']],
    ['*.b', ['x.b', 'x.y.b'], ['x.b', 'x.y.b']],
    ['*.b', ['b'], undefined],
    ['*.b', ['*.b'], ['*.b']],
    ['*.b', ['*.c.b'], ['*.c.b']],
    ['*.c.b', ['*.b'], ['*.c.b']],
    ['*.b', ['x.b', 'other'], ['x.b']],
    ['a.b', ['c.b'], undefined],
    ['*.b', ['xb'], undefined],
  ])('%s and %j have %j in common', (listener, hosts, expected) => {
    expect(intersectHostnames(listener, hosts)).toEqual(expected);
  });
});

describe('quantities', () => {
  it.each([
    ['50Mi', 52_428_800],
    ['1k', 1000],
    ['1.5Gi', 1_610_612_736],
    [1024, 1024],
    ['many', undefined],
    ['10m', undefined],
  ])('%s is %s bytes', (quantity, bytes) => {
    expect(parseBytes(quantity)).toBe(bytes);
  });
});

describe('text that would end a header', () => {
  const modifier = { set: [{ name: 'x-a', value: 'a\nb' }] };
  const replaceFullPath = '/a b';
  it.each<NonNullable<Rules[number]['filters']>[number]>([
    { type: 'RequestHeaderModifier', requestHeaderModifier: modifier },
    { type: 'ResponseHeaderModifier', responseHeaderModifier: modifier },
    { type: 'RequestRedirect', requestRedirect: { path: { type: 'ReplaceFullPath', replaceFullPath } } },
    { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplaceFullPath', replaceFullPath } } },
  ])('refuses it in a $type', (filter) => {
    const result = compiled([route('r', [{ filters: [filter], backendRefs: [{ name: 'web', port: 80 }] }])]);
    const status = result.statuses.find(({ kind }) => kind.kind === 'HTTPRoute')?.status;
    expect(JSON.stringify(status)).toMatch(
      /"status":"False","reason":"UnsupportedValue","message":"spec.rules\[0\].filters\[0\]/,
    );
    expect(ruleFor(result, '/')).toBeUndefined();
  });

  it('sends characters beyond latin1 as the bytes of their UTF-8 form', () => {
    const filter: NonNullable<Rules[number]['filters']>[number] = {
      type: 'RequestHeaderModifier',
      requestHeaderModifier: { set: [{ name: 'X-A', value: 'é日' }] },
    };
    const rule = ruleFor(
      compiled([route('r', [{ filters: [filter], backendRefs: [{ name: 'web', port: 80 }] }])]),
      '/',
    );
    expect(rule?.filters).toMatchObject([{ set: [{ name: 'x-a', value: 'Ã©æ\u0097¥' }] }]);
  });
});
