import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An OCI registry on this machine that serves images consisting of labels, and misbehaves as it is told. */
export interface LocalRegistry {
  /** `127.0.0.1:PORT`: the host part of its images. */
  readonly host: string;
  /** Every request: method, path and the Authorization header. */
  readonly requests: { path: string; authorization: string | undefined }[];
  /** Adds an image; returns its reference. */
  push(repository: string, tag: string, labels: Record<string, string>): string;
  remove(repository: string, tag: string): void;
  /** How requests are authenticated; `basic` and `bearer` want user `u` with the password. */
  auth: { scheme: 'none' } | { scheme: 'basic' | 'bearer'; password: string };
  /** Answers instead of the registry; undefined: the registry does. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** Whether images are pushed with an index of platforms. */
  multiPlatform: boolean;
  /** Tags and repositories per page. */
  pageSize: number;
  stop(): Promise<void>;
}

const types = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
};

export async function startLocalRegistry(options: { port?: number } = {}): Promise<LocalRegistry> {
  const blobs = new Map<string, { type: string; body: Buffer }>();
  const tags = new Map<string, Map<string, string>>();
  const requests: LocalRegistry['requests'] = [];

  const store = (value: unknown, type: string): string => {
    const body = Buffer.from(JSON.stringify(value));
    const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
    blobs.set(digest, { type, body });
    return digest;
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', `http://${host()}`);
    const { authorization } = request.headers;
    requests.push({ path: `${url.pathname}${url.search}`, authorization });
    if (registry.intercept?.(request, response) === true) return;
    if (url.pathname === '/token') {
      const { auth } = registry;
      const right = auth.scheme === 'bearer' && authorization === basic(auth.password);
      send(response, right ? 200 : 401, {
        token: right ? `token-for ${url.searchParams.get('scope') ?? ''}` : undefined,
      });
      return;
    }
    if (!authorized(registry.auth, authorization)) {
      const challenge =
        registry.auth.scheme === 'basic'
          ? 'Basic realm="local"'
          : `Bearer realm="http://${host()}/token",service="local",scope="repository:${url.pathname}:pull"`;
      response.setHeader('www-authenticate', challenge);
      send(response, 401, { errors: [{ code: 'UNAUTHORIZED' }] });
      return;
    }
    serve(url, response);
  });

  const serve = (url: URL, response: ServerResponse): void => {
    const match = /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^/]+)$/.exec(url.pathname);
    if (url.pathname === '/v2/_catalog') {
      sendPage(response, url, 'repositories', [...tags.keys()].toSorted());
      return;
    }
    const [, repository = '', what, reference = ''] = match ?? [];
    const known = tags.get(repository);
    if (what === 'tags' && known !== undefined) {
      sendPage(response, url, 'tags', [...known.keys()].toSorted());
      return;
    }
    const blob = blobs.get(known?.get(reference) ?? reference);
    if (known === undefined || blob === undefined) {
      send(response, 404, { errors: [{ code: 'MANIFEST_UNKNOWN' }] });
      return;
    }
    response.writeHead(200, { 'content-type': what === 'manifests' ? blob.type : 'application/octet-stream' });
    response.end(blob.body);
  };

  const sendPage = (response: ServerResponse, url: URL, key: string, all: readonly string[]): void => {
    const last = url.searchParams.get('last');
    const from = last === null ? 0 : all.indexOf(last) + 1;
    const page = all.slice(from, from + registry.pageSize);
    if (from + page.length < all.length) {
      response.setHeader('link', `<${url.pathname}?n=1000&last=${page.at(-1) ?? ''}>; rel="next"`);
    }
    send(response, 200, { [key]: page });
  };

  await new Promise<void>((resolve) => {
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const host = (): string => `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const address = host();

  const registry: LocalRegistry = {
    host: address,
    requests,
    auth: { scheme: 'none' },
    intercept: undefined,
    multiPlatform: false,
    pageSize: 1000,
    push: (repository, tag, labels) => {
      const config = store({ architecture: 'amd64', os: 'linux', config: { Labels: labels } }, 'application/json');
      const manifest = store(
        { schemaVersion: 2, mediaType: types.manifest, config: { digest: config } },
        types.manifest,
      );
      const attestation = { digest: config, platform: { os: 'unknown', architecture: 'unknown' } };
      const arm = { digest: config, platform: { os: 'linux', architecture: 'arm64' } };
      const amd = { digest: manifest, platform: { os: 'linux', architecture: 'amd64' } };
      const digest = registry.multiPlatform
        ? store({ schemaVersion: 2, mediaType: types.index, manifests: [attestation, arm, amd] }, types.index)
        : manifest;
      const known = tags.get(repository) ?? new Map<string, string>();
      tags.set(repository, known.set(tag, digest));
      return `${address}/${repository}:${tag}`;
    },
    remove: (repository, tag) => {
      tags.get(repository)?.delete(tag);
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return registry;
}

function basic(password: string): string {
  return `Basic ${Buffer.from(`u:${password}`).toString('base64')}`;
}

function authorized(auth: LocalRegistry['auth'], header: string | undefined): boolean {
  if (auth.scheme === 'none') return true;
  return auth.scheme === 'basic' ? header === basic(auth.password) : header?.startsWith('Bearer token-for ') === true;
}

export function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** The Secret that `kubectl create secret docker-registry` makes. */
export function pullSecret(name: string, namespace: string, host: string, password: string) {
  const config = { auths: { [host]: { auth: Buffer.from(`u:${password}`).toString('base64') } } };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': Buffer.from(JSON.stringify(config)).toString('base64') },
  };
}
