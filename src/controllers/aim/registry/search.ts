import { Type, type Static, type TSchema } from '../../../kinds/type.ts';
import { matches } from '../../../kinds/check.ts';
import { dockerHub } from './imagereference.ts';
import { credentialsFor } from './credentials.ts';
import { RegistryError } from './errors.ts';
import type { RegistryHttp, RegistryResponse } from './http.ts';
import type { ReadOptions, RegistryReader } from './reader.ts';

/** Finds the repositories of a registry: by its own interface where it has no catalog (aim.md 10). */
export interface RepositorySearch {
  /** Repositories that may match `pattern`, a repository with `*`. @throws RegistryError */
  repositories(registry: string, pattern: string, options: ReadOptions): Promise<string[]>;
}

/** Base URLs, which tests point at a server of their own. */
export interface SearchAddresses {
  readonly dockerHub: string;
  readonly github: string;
}

const publicAddresses: SearchAddresses = { dockerHub: 'https://hub.docker.com', github: 'https://api.github.com' };

const timeoutMs = 30_000;
const maxBytes = 4 * 1024 * 1024;
const maxPages = 100;

const hubPage = Type.Object({
  next: Type.Optional(Type.Union([Type.Null(), Type.String()])),
  results: Type.Array(Type.Object({ name: Type.String() })),
});
const githubPage = Type.Array(Type.Object({ name: Type.String() }));

export function createRepositorySearch(
  http: RegistryHttp,
  reader: RegistryReader,
  addresses: SearchAddresses = publicAddresses,
): RepositorySearch {
  const get = async (url: URL, authorization: string | undefined, options: ReadOptions): Promise<RegistryResponse> => {
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
    return http.get(url, { accept: 'application/json', authorization, maxBytes, signal });
  };

  /** Docker Hub has no catalog; it lists the repositories of one namespace. */
  const hub = async (namespace: string, options: ReadOptions): Promise<string[]> => {
    const names: string[] = [];
    const first = new URL(`/v2/repositories/${encodeURIComponent(namespace)}/?page_size=100`, addresses.dockerHub);
    let next: URL | undefined = first;
    for (let page = 0; next !== undefined && page < maxPages; page++) {
      const response = await get(next, undefined, options);
      const { results, next: following } = parse(hubPage, response, `the repositories of ${namespace} on Docker Hub`);
      names.push(...results.map(({ name }) => `${namespace}/${name}`));
      next = sameOrigin(following ?? undefined, first);
    }
    return names;
  };

  /** GitHub lists the packages of an organisation, or of a user, to those with a token only. */
  const github = async (owner: string, options: ReadOptions): Promise<string[]> => {
    const [credential] = credentialsFor(options.credentials, 'ghcr.io', owner);
    if (credential === undefined) {
      throw new RegistryError(
        'Unauthorized',
        'ghcr.io lists packages only to those with a token: add imagePullSecrets with a GitHub token that may read packages, or name a repository without *',
      );
    }
    const authorization = `Bearer ${credential.password}`;
    const names: string[] = [];
    const firstOf = (scope: 'orgs' | 'users'): URL =>
      new URL(`/${scope}/${encodeURIComponent(owner)}/packages?package_type=container&per_page=100`, addresses.github);
    let response = await get(firstOf('orgs'), authorization, options);
    if (response.status === 404) response = await get(firstOf('users'), authorization, options);
    for (let page = 0; page < maxPages; page++) {
      names.push(
        ...parse(githubPage, response, `the packages of ${owner} on GitHub`).map(({ name }) => `${owner}/${name}`),
      );
      const next = sameOrigin(/<([^>]+)>\s*;\s*rel="next"/.exec(response.headers['link'] ?? '')?.[1], response.url);
      if (next === undefined) break;
      response = await get(next, authorization, options);
    }
    return names;
  };

  return {
    repositories: async (registry, pattern, options) => {
      if (registry !== dockerHub && registry !== 'ghcr.io') return reader.catalog(registry, options);
      const slash = pattern.indexOf('/');
      const namespace = slash < 0 ? '' : pattern.slice(0, slash);
      if (namespace === '' || namespace.includes('*')) {
        throw new RegistryError(
          'Invalid',
          `${registry} lists repositories of one namespace only: write ${registry}/NAMESPACE/${pattern.slice(slash + 1)}`,
        );
      }
      return registry === dockerHub ? hub(namespace, options) : github(namespace, options);
    },
  };
}

function sameOrigin(text: string | undefined, home: URL): URL | undefined {
  if (text === undefined || !URL.canParse(text, home.href)) return undefined;
  const url = new URL(text, home);
  return url.origin === home.origin ? url : undefined;
}

function parse<S extends TSchema>(schema: S, response: RegistryResponse, what: string): Static<S> {
  const status = String(response.status);
  switch (response.status) {
    case 200:
      break;
    case 401:
    case 403:
      throw new RegistryError(
        'Unauthorized',
        `${what} may not be listed (${status}): check the token in imagePullSecrets`,
      );
    case 404:
      throw new RegistryError('NotFound', `${what} do not exist (404): check the namespace of the filter`);
    case 429:
      throw new RegistryError('RateLimited', `${what} cannot be listed for now (429); it is tried again by itself`);
    default:
      throw new RegistryError('Unreachable', `${what} cannot be listed (${status}); it is tried again by itself`);
  }
  let value: unknown;
  try {
    value = JSON.parse(response.body.toString('utf8'));
  } catch {
    value = undefined;
  }
  if (matches(schema, value)) return value;
  throw new RegistryError('Invalid', `${what} come in a form that is not known`);
}
