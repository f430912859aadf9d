import { describe, expect, it } from 'vitest';
import { redirectLocation, rewritePath } from '../../src/gateway/filters.ts';

describe('rewritePath (gatewayapi.md 8.3)', () => {
  it.each([
    ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
    ['/foo/bar', '/foo/', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo/', '/xyz/', '/xyz/bar'],
    ['/foo', '/foo', '/xyz', '/xyz'],
    ['/foo/', '/foo', '/xyz', '/xyz/'],
    ['/foo/bar', '/foo', '', '/bar'],
    ['/foo/', '/foo', '', '/'],
    ['/foo', '/foo', '', '/'],
    ['/foo/', '/foo', '/', '/'],
    ['/foo', '/foo', '/', '/'],
    ['/a%2Fb/c', '/', '/x', '/x/a%2Fb/c'],
  ])('%s with prefix %s replaced by "%s" is %s', (path, prefix, value, expected) => {
    expect(rewritePath(path, { type: 'ReplacePrefixMatch', prefix, value })).toBe(expected);
  });

  it('replaces the full path', () => {
    expect(rewritePath('/foo', { type: 'ReplaceFullPath', value: '/one/two' })).toBe('/one/two');
  });
});

describe('redirectLocation (gatewayapi.md 8.2)', () => {
  const request = { scheme: 'http', host: 'h.example', path: '/p', search: '?q=1' } as const;
  const redirect = { type: 'RequestRedirect', statusCode: 302 } as const;
  it.each([
    [{ ...redirect }, 8080, 'http://h.example:8080/p?q=1'],
    [{ ...redirect }, 80, 'http://h.example/p?q=1'],
    [{ ...redirect, scheme: 'https' as const }, 8080, 'https://h.example/p?q=1'],
    [{ ...redirect, scheme: 'https' as const, port: 8443 }, 80, 'https://h.example:8443/p?q=1'],
    [{ ...redirect, hostname: 'n.example', port: 80 }, 8080, 'http://n.example/p?q=1'],
    [{ ...redirect, path: { type: 'ReplaceFullPath' as const, value: '/new' } }, 80, 'http://h.example/new?q=1'],
  ])('%j on port %d', (filter, port, expected) => {
    expect(redirectLocation(filter, request, port)).toBe(expected);
  });
});
