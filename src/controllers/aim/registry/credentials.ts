import { Type } from '../../../kinds/type.ts';
import { matches } from '../../../kinds/check.ts';
import type { Secret } from '../../../kinds/core/secret.ts';

/** Credentials of image pull secrets (types kubernetes.io/dockerconfigjson and kubernetes.io/dockercfg). */
export interface RegistryCredential {
  /** Host, perhaps with `*.` and a path below which alone it counts, as the Secret has it without its scheme. */
  readonly scope: string;
  readonly username: string;
  readonly password: string;
}

const entries = Type.Record(
  Type.String(),
  Type.Object({
    auth: Type.Optional(Type.String()),
    username: Type.Optional(Type.String()),
    password: Type.Optional(Type.String()),
  }),
);
const dockerConfig = Type.Object({ auths: Type.Optional(entries) });

/** A pull secret that cannot be read; the message names the Secret and the key, never the content. */
export class PullSecretError extends Error {
  override readonly name = 'PullSecretError';
}

/** @throws PullSecretError */
export function credentialsOf(secret: Secret): RegistryCredential[] {
  const name = `Secret ${secret.metadata.namespace ?? ''}/${secret.metadata.name}`;
  const key = secret.data?.['.dockerconfigjson'] === undefined ? '.dockercfg' : '.dockerconfigjson';
  const encoded = secret.data?.[key];
  if (encoded === undefined) {
    throw new PullSecretError(
      `${name} has no key .dockerconfigjson: create it with kubectl create secret docker-registry`,
    );
  }
  const value = parseJson(Buffer.from(encoded, 'base64').toString('utf8'));
  const found =
    key === '.dockerconfigjson'
      ? matches(dockerConfig, value) && (value.auths ?? {})
      : matches(entries, value) && value;
  if (found === false) throw new PullSecretError(`${name}: ${key} is not a docker configuration with auths`);
  return Object.entries(found).flatMap(([server, { auth, username, password }]) => {
    const pair = auth === undefined || auth === '' ? { username, password } : decodePair(auth);
    if (pair?.username === undefined || pair.password === undefined) return [];
    return [{ scope: scopeOf(server), username: pair.username, password: pair.password }];
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function decodePair(auth: string): { username: string; password: string } | undefined {
  const text = Buffer.from(auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** `https://index.docker.io/v1/` is what docker login writes for docker.io. */
function scopeOf(server: string): string {
  const bare = server.replace(/^https?:\/\//, '').replace(/\/+$/, '');
  return /^(?:(?:index|registry-1)\.)?docker\.io(?:\/v[12])?$/.test(bare) ? 'docker.io' : bare.replace(/\/v[12]$/, '');
}

/** The credentials that count for a repository, the closest first, as kubelet chooses them. */
export function credentialsFor(
  credentials: readonly RegistryCredential[],
  registry: string,
  repository: string,
): RegistryCredential[] {
  return credentials
    .filter(({ scope }) => covers(scope, registry, repository))
    .toSorted((a, b) => b.scope.length - a.scope.length);
}

function covers(scope: string, registry: string, repository: string): boolean {
  const slash = scope.indexOf('/');
  const host = slash < 0 ? scope : scope.slice(0, slash);
  const path = slash < 0 ? '' : scope.slice(slash + 1);
  return coversHost(host, registry) && (path === '' || repository === path || repository.startsWith(`${path}/`));
}

/** `*` stands for one label of a host name. */
function coversHost(pattern: string, host: string): boolean {
  const wanted = pattern.split('.');
  const labels = host.split('.');
  return wanted.length === labels.length && wanted.every((label, i) => label === '*' || label === labels[i]);
}
