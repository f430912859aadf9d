import { createHash } from 'node:crypto';
import { Type, type Static, type TSchema } from '../../../kinds/type.ts';
import { matches } from '../../../kinds/check.ts';
import type { ImageReference } from './imagereference.ts';
import { parseChallenges, type Challenge } from './challenge.ts';
import { credentialsFor, type RegistryCredential } from './credentials.ts';
import { RegistryError } from './errors.ts';
import { refusePlainText, registryUrl, type RegistryHttp, type RegistryResponse } from './http.ts';

/** What the controllers ask of OCI registries (OCI distribution specification, "Pull" and "Content discovery"). */
export interface RegistryReader {
  /** Labels of an image's configuration, of its linux/amd64 variant where it has several. @throws RegistryError */
  labels(image: ImageReference, options: ReadOptions): Promise<Record<string, string>>;
  /** Tags of a repository. @throws RegistryError */
  tags(registry: string, repository: string, options: ReadOptions): Promise<string[]>;
  /** Repositories of a registry's catalog. @throws RegistryError */
  catalog(registry: string, options: ReadOptions): Promise<string[]>;
}

export interface ReadOptions {
  readonly credentials: readonly RegistryCredential[];
  readonly signal?: AbortSignal | undefined;
}

const operationTimeoutMs = 30_000;
const maxManifestBytes = 4 * 1024 * 1024;
const maxPages = 100;
const maxNames = 10_000;
const platform = { os: 'linux', architecture: 'amd64' };

const indexTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
] as const;
const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;

const descriptor = Type.Object({ digest: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }) });
const manifestSchema = Type.Object({ config: descriptor });
const indexSchema = Type.Object({
  manifests: Type.Array(
    Type.Object({
      digest: descriptor.properties.digest,
      platform: Type.Optional(
        Type.Object({ os: Type.Optional(Type.String()), architecture: Type.Optional(Type.String()) }),
      ),
    }),
    { minItems: 1 },
  ),
});
const configSchema = Type.Object({
  config: Type.Optional(
    Type.Union([
      Type.Null(),
      Type.Object({ Labels: Type.Optional(Type.Union([Type.Null(), Type.Record(Type.String(), Type.String())])) }),
    ]),
  ),
});
const tagsSchema = Type.Object({ tags: Type.Union([Type.Null(), Type.Array(Type.String())]) });
const catalogSchema = Type.Object({ repositories: Type.Union([Type.Null(), Type.Array(Type.String())]) });
const tokenSchema = Type.Object({
  token: Type.Optional(Type.String()),
  access_token: Type.Optional(Type.String()),
});

export function createRegistryReader(http: RegistryHttp): RegistryReader {
  const session = (registry: string, repository: string, options: ReadOptions): Session =>
    new Session(http, registry, repository, options);

  return {
    labels: async (image, options) => {
      const from = session(image.registry, image.repository, options);
      const name = `${image.registry}/${image.repository}`;
      const top = await from.manifest(image.version);
      const manifest = isIndex(top) ? await from.manifest(variantOf(top, name)) : top;
      const { digest } = parse(manifestSchema, manifest, `the manifest of ${name}`).config;
      const blob = await from.read(`/v2/${image.repository}/blobs/${digest}`, '*/*');
      verifyDigest(blob.body, digest, `the configuration of ${name}`);
      return parse(configSchema, blob, `the configuration of ${name}`).config?.Labels ?? {};
    },
    tags: async (registry, repository, options) => {
      const from = session(registry, repository, options);
      const what = `the tags of ${registry}/${repository}`;
      return from.pages(`/v2/${repository}/tags/list?n=1000`, (page) => parse(tagsSchema, page, what).tags ?? []);
    },
    catalog: async (registry, options) => {
      const from = session(registry, '', options);
      const what = `the catalog of ${registry}`;
      return from.pages('/v2/_catalog?n=1000', (page) => parse(catalogSchema, page, what).repositories ?? []);
    },
  };
}

/** The requests of one operation: one deadline, one token. */
class Session {
  readonly #http: RegistryHttp;
  readonly #registry: string;
  readonly #repository: string;
  readonly #signal: AbortSignal;
  /** Undefined: without credentials. Another is tried when one is refused. */
  readonly #credentials: (RegistryCredential | undefined)[];
  #authorization: string | undefined;

  constructor(http: RegistryHttp, registry: string, repository: string, options: ReadOptions) {
    this.#http = http;
    this.#registry = registry;
    this.#repository = repository;
    const timeout = AbortSignal.timeout(operationTimeoutMs);
    this.#signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
    const found = credentialsFor(options.credentials, registry, repository);
    this.#credentials = found.length === 0 ? [undefined] : found;
  }

  /** A manifest or index by tag or digest; by digest its content is verified. */
  async manifest(reference: string): Promise<RegistryResponse> {
    const response = await this.read(
      `/v2/${this.#repository}/manifests/${reference}`,
      [...indexTypes, ...manifestTypes].join(', '),
    );
    const name = `${this.#registry}/${this.#repository}`;
    if (reference.startsWith('sha256:')) verifyDigest(response.body, reference, `the manifest of ${name}`);
    return response;
  }

  async pages(path: string, read: (page: RegistryResponse) => readonly string[]): Promise<string[]> {
    const names: string[] = [];
    let next: string | undefined = path;
    for (let page = 0; next !== undefined; page++) {
      const response = await this.read(next, 'application/json');
      names.push(...read(response));
      next = nextPage(response, this.#registry);
      if (names.length > maxNames || (page >= maxPages && next !== undefined)) {
        throw new RegistryError(
          'Invalid',
          `${this.#registry} lists more than ${String(maxNames)} names below ${path}: narrow the filter down to a repository or a tag`,
        );
      }
    }
    return names;
  }

  /** The answer to a path, authenticated as the registry's challenge asks. */
  async read(path: string, accept: string): Promise<RegistryResponse> {
    const url = registryUrl(this.#registry, path);
    const get = (): Promise<RegistryResponse> =>
      this.#http.get(url, {
        accept,
        authorization: this.#authorization,
        maxBytes: maxManifestBytes,
        signal: this.#signal,
      });
    let response = await get();
    for (const credential of this.#credentials) {
      if (response.status !== 401) break;
      const authorization = await this.#authorize(url, response, credential);
      if (authorization === undefined) continue;
      this.#authorization = authorization;
      response = await get();
    }
    if (response.status >= 200 && response.status < 300) return response;
    throw this.#refusal(response);
  }

  /** The Authorization header that answers the challenge; undefined when the token server refuses the credential. */
  async #authorize(
    url: URL,
    response: RegistryResponse,
    credential: RegistryCredential | undefined,
  ): Promise<string | undefined> {
    const challenges = parseChallenges(response.headers['www-authenticate'] ?? '');
    const basic = credential === undefined ? undefined : basicOf(credential);
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer !== undefined) return this.#token(url, bearer, basic);
    return challenges.some(({ scheme }) => scheme === 'basic') ? basic : undefined;
  }

  /** Docker registry token authentication: the realm trades credentials for a token of this scope. */
  async #token(url: URL, { parameters }: Challenge, basic: string | undefined): Promise<string | undefined> {
    const { realm, service, scope } = parameters;
    if (realm === undefined || !URL.canParse(realm)) {
      throw new RegistryError('Invalid', `${url.host} asks for a token without saying where to get one`);
    }
    const target = new URL(realm);
    refusePlainText(url, target, 'sends for a token');
    if (service !== undefined) target.searchParams.set('service', service);
    const wanted = scope ?? (this.#repository === '' ? 'registry:catalog:*' : `repository:${this.#repository}:pull`);
    target.searchParams.set('scope', wanted);
    const response = await this.#http.get(target, {
      accept: 'application/json',
      authorization: basic,
      maxBytes: maxTokenBytes,
      signal: this.#signal,
    });
    if (response.status === 401 || response.status === 403) return undefined;
    if (response.status !== 200) throw this.#refusal(response);
    const { token, access_token: accessToken } = parse(tokenSchema, response, `the token of ${target.host}`);
    const found = token ?? accessToken;
    return found === undefined ? undefined : `Bearer ${found}`;
  }

  #refusal(response: RegistryResponse): RegistryError {
    const what = this.#repository === '' ? `the catalog of ${this.#registry}` : `${this.#registry}/${this.#repository}`;
    const status = String(response.status);
    switch (response.status) {
      case 401:
      case 403: {
        const how = this.#credentials.every((credential) => credential === undefined)
          ? 'no credentials are given for it: add imagePullSecrets with access'
          : 'the credentials of imagePullSecrets are refused: update the Secret';
        return new RegistryError(
          'Unauthorized',
          `${what} may not be read (${status}); ${how}, or check that it exists`,
        );
      }
      case 404:
        return new RegistryError(
          'NotFound',
          `${what} does not have what is asked for (404): check the name and the tag`,
        );
      case 429:
        return new RegistryError(
          'RateLimited',
          `${this.#registry} takes no more requests for now (429); it is asked again by itself`,
        );
      default:
        return response.status >= 500
          ? new RegistryError('Unreachable', `${this.#registry} fails (${status}); it is asked again by itself`)
          : new RegistryError('Invalid', `${this.#registry} answers ${status} to a request for ${what}`);
    }
  }
}

const maxTokenBytes = 256 * 1024;

function basicOf({ username, password }: RegistryCredential): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function isIndex(response: RegistryResponse): boolean {
  const type = (response.headers['content-type'] ?? '').split(';')[0]?.trim();
  if (indexTypes.some((known) => known === type)) return true;
  return !manifestTypes.some((known) => known === type) && matches(indexSchema, json(response));
}

/** The digest of the platform we read of: labels rarely differ between platforms, so any other will do where it is missing. */
function variantOf(response: RegistryResponse, name: string): string {
  const { manifests } = parse(indexSchema, response, `the index of ${name}`);
  const variant =
    manifests.find(
      (entry) => entry.platform?.os === platform.os && entry.platform.architecture === platform.architecture,
    ) ?? manifests.find((entry) => entry.platform?.os !== 'unknown');
  if (variant !== undefined) return variant.digest;
  throw new RegistryError('Invalid', `the index of ${name} has no image for ${platform.os}/${platform.architecture}`);
}

function verifyDigest(body: Buffer, digest: string, what: string): void {
  const actual = `sha256:${createHash('sha256').update(body).digest('hex')}`;
  if (actual !== digest) throw new RegistryError('Invalid', `${what} does not have the digest ${digest}`);
}

function parse<S extends TSchema>(schema: S, response: RegistryResponse, what: string): Static<S> {
  const value = json(response);
  if (matches(schema, value)) return value;
  throw new RegistryError(
    'Invalid',
    `${what}, as ${response.url.host} gives it, is not what the OCI specification describes`,
  );
}

function json(response: RegistryResponse): unknown {
  try {
    return JSON.parse(response.body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** `Link: </v2/...?last=x>; rel="next"`; a page elsewhere than at this registry is none of ours. */
function nextPage(response: RegistryResponse, registry: string): string | undefined {
  const match = /<([^>]+)>\s*;\s*rel="?next"?/.exec(response.headers['link'] ?? '');
  if (match?.[1] === undefined) return undefined;
  const home = registryUrl(registry, '/');
  const target = URL.canParse(match[1], response.url.href) ? new URL(match[1], response.url) : undefined;
  if (target?.origin === home.origin) return `${target.pathname}${target.search}`;
  throw new RegistryError('Invalid', `${registry} continues its list at another address`);
}
