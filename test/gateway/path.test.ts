import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { normalizePath } from '../../src/gateway/path.ts';
import { backend, startFixture, table, target, type Fixture } from './fixture.ts';

const normal = (path: string): string => {
  const normalized = normalizePath(path);
  return 'path' in normalized ? normalized.path : `redirect ${normalized.redirect}`;
};

describe('the path of a request', () => {
  it.each([
    ['/', '/'],
    ['/v1/chat/completions', '/v1/chat/completions'],
    ['/public/../admin/x', '/admin/x'],
    ['/public/%2e%2e/admin', '/admin'],
    ['/public/.%2E/admin', '/admin'],
    ['/a/./b', '/a/b'],
    ['/a/%2e/b', '/a/b'],
    ['/../../etc', '/etc'],
    ['//a///b', '/a/b'],
    ['/a\\..\\b', '/b'],
    ['/a/..', '/'],
    ['/a/b/..', '/a/'],
    ['/a/b/.', '/a/b/'],
    ['/a/', '/a/'],
    ['/.well-known/x', '/.well-known/x'],
    ['/a/..b/c...', '/a/..b/c...'],
    ['/a%20b/%7e', '/a%20b/%7e'],
    ['/public/..%2fadmin', 'redirect /admin'],
    ['/a%5Cb', 'redirect /a/b'],
    ['/%2F%2fevil.example', 'redirect /evil.example'],
  ])('%s is %s', (path, expected) => {
    expect(normal(path)).toBe(expected);
  });

  it('is normal once it has been made so, and has nothing left to resolve', () => {
    const part = fc.constantFrom('a', '..', '.', '', '%2e%2E', '.%2e', '...', 'b.c', '%2F', '\\');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const path = normal(`/${parts.join('/')}`).replace('redirect ', '');
        expect(normal(path)).toBe(path);
        expect(path).toMatch(/^\/(?!\/)/);
        expect(path.split('/').some((segment) => segment === '..' || segment === '.')).toBe(false);
      }),
    );
  });
});

describe('a gateway', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await startFixture();
    const { endpoint } = await fixture.upstream((request, response) => response.end(request.url));
    const path = (value: string) => ({ path: { type: 'PathPrefix' as const, value } });
    const denied = { type: 'DirectResponse' as const, statusCode: 403, body: 'no' };
    fixture.plane.apply(
      table([
        { match: path('/public'), backends: [backend(target([endpoint]))] },
        { match: path('/admin'), filters: [denied] },
      ]),
    );
  });
  afterEach(() => fixture.close());

  it('matches and forwards the normal form', async () => {
    expect((await fixture.call('/public/../admin/x')).statusCode).toBe(403);
    expect((await fixture.call('/public/%2e%2e/admin/x')).statusCode).toBe(403);
    const answer = await fixture.call('/other/..//public/./a?b=/../c');
    expect([answer.statusCode, await answer.body.text()]).toEqual([200, '/public/a?b=/../c']);
  });

  it('sends a client with escaped slashes to the plain ones', async () => {
    const answer = await fixture.call('/public%2f..%2fadmin?a=1');
    await answer.body.dump();
    expect([answer.statusCode, answer.headers['location']]).toEqual([307, '/admin?a=1']);
  });
});
