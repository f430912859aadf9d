import { describe, expect, it } from 'vitest';
import { createGuard } from '../../src/admin/guard.ts';
import { cookieOf, cookieSeconds } from '../../src/admin/localtoken.ts';

const token = 'local-token';
const now = 1_000_000_000_000;
const guard = createGuard({ localToken: token, now: () => now });

function visit(headers: Record<string, string>, remoteAddress: string | undefined = '127.0.0.1', method = 'GET') {
  const all: Record<string, string> = { host: '127.10.0.1:9901', ...headers };
  return guard({ method, path: '/admin/v1/models', remoteAddress, header: (name) => all[name] });
}
const authorization = `Bearer ${token}`;
const cookie = `theme=dark; headgate-admin=${cookieOf(token, now)}`;

describe('the guard of the admin API', () => {
  it.each([
    ['the local token', { authorization }],
    ['in any spelling of the scheme', { authorization: `bearer ${token}` }],
    ['under the name localhost', { authorization, host: 'localhost' }],
    ['through another port', { authorization, host: 'localhost:8000' }],
    ['over IPv6', { authorization, host: '[::1]:9901' }],
    ['a page of its own', { authorization, origin: 'http://127.10.0.1:9901', 'sec-fetch-site': 'same-origin' }],
    ['a cookie made from the token', { cookie }],
    ['a cookie of a page of its own', { cookie, origin: 'http://127.10.0.1:9901' }],
    ['an address that was typed', { cookie, 'sec-fetch-site': 'none' }],
  ])('lets in %s', async (_, headers) => {
    expect(await visit(headers as Record<string, string>)).toBeUndefined();
  });

  it.each([
    [401, 'nobody', {}],
    [401, 'another token', { authorization: 'Bearer local-tokem' }],
    [401, 'another scheme', { authorization: `Basic ${token}` }],
    [401, 'a cookie of another token', { cookie: `headgate-admin=${cookieOf('other', now)}` }],
    [401, 'a cookie that is over', { cookie: `headgate-admin=${cookieOf(token, now - (cookieSeconds + 1) * 1000)}` }],
    [401, 'a cookie whose end was moved', { cookie: cookie.replace(/=\d+\./, '=9999999999.') }],
    [401, 'the token as cookie', { cookie: `headgate-admin=${token}` }],
    [403, 'a name that was made to resolve to it', { cookie, host: 'evil.example' }],
    [403, 'a name that begins like one of its own', { cookie, host: '127.0.0.1.evil.example' }],
    [403, 'a page of another site', { cookie, origin: 'http://evil.example' }],
    [403, 'a page on another port of this machine', { cookie, origin: 'http://127.10.0.1:3000' }],
    [403, 'a page without an origin', { cookie, origin: 'null' }],
    [403, 'an image on a page of another port', { cookie, 'sec-fetch-site': 'same-site' }],
    [403, 'an image on a page of another site', { cookie, 'sec-fetch-site': 'cross-site' }],
    [403, 'a page with the token', { authorization, origin: 'http://evil.example' }],
  ])('answers %i to %s', async (status, _, headers) => {
    expect(await visit(headers as Record<string, string>)).toMatchObject({ status });
  });

  it('takes the local token from this machine only', async () => {
    expect(await visit({ authorization }, '10.0.0.7')).toMatchObject({ status: 401 });
    expect(await visit({ cookie }, '10.0.0.7')).toMatchObject({ status: 401 });
    expect(await visit({ authorization }, '::ffff:127.0.0.1')).toBeUndefined();
  });
});
