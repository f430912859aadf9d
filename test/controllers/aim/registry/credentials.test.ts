import { describe, expect, it } from 'vitest';
import { parseChallenges } from '../../../../src/controllers/aim/registry/challenge.ts';
import {
  credentialsFor,
  credentialsOf,
  PullSecretError,
} from '../../../../src/controllers/aim/registry/credentials.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const secret = (data: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'pull', namespace: 'team' },
  data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, base64(text)])),
});
const config = (auths: unknown) => secret({ '.dockerconfigjson': JSON.stringify({ auths }) });

describe('image pull secrets', () => {
  it.each([
    ['auth', { 'ghcr.io': { auth: base64('u:p:q') } }, { scope: 'ghcr.io', username: 'u', password: 'p:q' }],
    [
      'username and password',
      { 'ghcr.io': { username: 'u', password: 'p' } },
      { scope: 'ghcr.io', username: 'u', password: 'p' },
    ],
    [
      'a URL',
      { 'https://reg.example/v2/': { auth: base64('u:p') } },
      { scope: 'reg.example', username: 'u', password: 'p' },
    ],
    [
      "docker login's name of Docker Hub",
      { 'https://index.docker.io/v1/': { auth: base64('u:p') } },
      { scope: 'docker.io', username: 'u', password: 'p' },
    ],
  ])('with %s', (_, auths, credential) => {
    expect(credentialsOf(config(auths))).toEqual([credential]);
  });

  it('of the old type', () => {
    const old = secret({ '.dockercfg': JSON.stringify({ 'ghcr.io': { auth: base64('u:p') } }) });
    expect(credentialsOf(old)).toEqual([{ scope: 'ghcr.io', username: 'u', password: 'p' }]);
  });

  it('leave out entries without a password', () => {
    expect(credentialsOf(config({ a: {}, b: { auth: base64('nocolon') }, c: { username: 'u' } }))).toEqual([]);
  });

  it.each([
    ['no key', secret({ other: 'x' })],
    ['no JSON', secret({ '.dockerconfigjson': 'topsecret' })],
    ['another shape', secret({ '.dockerconfigjson': '{"auths":{"a":"topsecret"}}' })],
  ])('with %s are refused by name, without their content', (_, broken) => {
    expect(() => credentialsOf(broken)).toThrow(PullSecretError);
    expect(() => credentialsOf(broken)).toThrow(/Secret team\/pull/);
    expect(() => credentialsOf(broken)).not.toThrow(/topsecret/);
  });

  it.each([
    ['reg.example', 'reg.example', 'a/b', true],
    ['reg.example', 'reg.example:5000', 'a/b', false],
    ['*.example', 'reg.example', 'a/b', true],
    ['*.example', 'a.reg.example', 'a/b', false],
    ['reg.example/a', 'reg.example', 'a/b', true],
    ['reg.example/a', 'reg.example', 'ab/c', false],
    ['evil.example', 'reg.example', 'a/b', false],
  ])('for %s count at %s/%s: %s', (scope, registry, repository, counts) => {
    expect(credentialsFor([{ scope, username: 'u', password: 'p' }], registry, repository)).toHaveLength(
      counts ? 1 : 0,
    );
  });

  it('the closest first', () => {
    const of = (scope: string) => ({ scope, username: 'u', password: 'p' });
    const found = credentialsFor([of('reg.example'), of('reg.example/a/b'), of('reg.example/a')], 'reg.example', 'a/b');
    expect(found.map(({ scope }) => scope)).toEqual(['reg.example/a/b', 'reg.example/a', 'reg.example']);
  });
});

describe('WWW-Authenticate challenges', () => {
  it.each([
    ['Basic realm="x"', [{ scheme: 'basic', parameters: { realm: 'x' } }]],
    [
      'Bearer realm="https://a/token",service="b",scope="repository:c:pull,push"',
      [{ scheme: 'bearer', parameters: { realm: 'https://a/token', service: 'b', scope: 'repository:c:pull,push' } }],
    ],
    [
      'Negotiate, Bearer realm="a" , service=b, Basic realm="q\\"uote"',
      [
        { scheme: 'negotiate', parameters: {} },
        { scheme: 'bearer', parameters: { realm: 'a', service: 'b' } },
        { scheme: 'basic', parameters: { realm: 'q"uote' } },
      ],
    ],
    ['', []],
    ['"', []],
  ])('%s', (header, challenges) => {
    expect(parseChallenges(header)).toEqual(challenges);
  });
});
