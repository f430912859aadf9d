import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseImageReference, type ImageReference } from '../../../../src/controllers/aim/registry/imagereference.ts';
import { credentialsOf } from '../../../../src/controllers/aim/registry/credentials.ts';
import { RegistryError } from '../../../../src/controllers/aim/registry/errors.ts';
import { createRegistryHttp, registryUrl, type RegistryHttp } from '../../../../src/controllers/aim/registry/http.ts';
import { createRegistryReader, type RegistryReader } from '../../../../src/controllers/aim/registry/reader.ts';
import { createRepositorySearch } from '../../../../src/controllers/aim/registry/search.ts';
import { pullSecret, send, startLocalRegistry, type LocalRegistry } from './localregistry.ts';

let registry: LocalRegistry;
let http: RegistryHttp;
let reader: RegistryReader;
beforeEach(async () => {
  registry = await startLocalRegistry();
  http = createRegistryHttp();
  reader = createRegistryReader(http);
});
afterEach(async () => {
  await http.close();
  await registry.stop();
});

const none = { credentials: [] };
const credentials = (password: string) => ({
  credentials: credentialsOf(pullSecret('s', 'n', registry.host, password)),
});
const reference = (image: string): ImageReference => {
  const parsed = parseImageReference(image);
  if (parsed === undefined) throw new Error(`${image} is no image reference`);
  return parsed;
};
async function failureOf(promise: Promise<unknown>): Promise<RegistryError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof RegistryError) return error;
    throw error;
  }
  throw new Error('should have failed');
}

describe('labels of an image', () => {
  it.each([true, false])('are those of its configuration (several platforms: %s)', async (multiPlatform) => {
    registry.multiPlatform = multiPlatform;
    const image = registry.push('org/model', '1.0', { a: 'b' });
    expect(await reader.labels(reference(image), none)).toEqual({ a: 'b' });
  });

  it('are empty where there are none', async () => {
    expect(await reader.labels(reference(registry.push('org/model', '1.0', {})), none)).toEqual({});
  });

  it('are read with a token where the registry asks for one', async () => {
    registry.auth = { scheme: 'bearer', password: 'secret' };
    const image = registry.push('org/model', '1.0', { a: 'b' });
    expect(await reader.labels(reference(image), credentials('secret'))).toEqual({ a: 'b' });
    const tokens = registry.requests.filter(({ path }) => path.startsWith('/token'));
    expect(tokens).toHaveLength(1);
    expect(tokens[0]?.path).toContain('service=local');
    expect(registry.requests.at(-1)?.authorization).toMatch(/^Bearer token-for repository:/);
  });

  it('are read with basic authentication where the registry asks for it', async () => {
    registry.auth = { scheme: 'basic', password: 'secret' };
    const image = registry.push('org/model', '1.0', { a: 'b' });
    expect(await reader.labels(reference(image), credentials('secret'))).toEqual({ a: 'b' });
  });

  it('are read with the pull secret that works when another does not', async () => {
    registry.auth = { scheme: 'bearer', password: 'right' };
    const image = registry.push('org/model', '1.0', { a: 'b' });
    const both = [...credentials('wrong').credentials, ...credentials('right').credentials];
    expect(await reader.labels(reference(image), { credentials: both })).toEqual({ a: 'b' });
  });

  it.each(['basic', 'bearer'] as const)('are refused without credentials (%s), saying what to do', async (scheme) => {
    registry.auth = { scheme, password: 'secret' };
    const image = registry.push('org/model', '1.0', {});
    const error = await failureOf(reader.labels(reference(image), none));
    expect(error.failure).toBe('Unauthorized');
    expect(error.message).toContain('add imagePullSecrets');
  });

  it.each(['basic', 'bearer'] as const)(
    'are refused with wrong credentials (%s), which no message tells',
    async (scheme) => {
      registry.auth = { scheme, password: 'secret' };
      const image = registry.push('org/model', '1.0', {});
      const error = await failureOf(reader.labels(reference(image), credentials('hunter2')));
      expect(error.failure).toBe('Unauthorized');
      expect(error.message).toContain('update the Secret');
      expect(JSON.stringify([error.message, error.stack])).not.toMatch(/hunter2|dTpodW50ZXIy/);
    },
  );

  it('of an image that is missing: NotFound', async () => {
    registry.push('org/model', '1.0', {});
    const error = await failureOf(reader.labels(reference(`${registry.host}/org/model:2.0`), none));
    expect(error.failure).toBe('NotFound');
    expect(error.message).toContain('check the name and the tag');
  });

  it('of a registry that is down: Unreachable', async () => {
    const image = registry.push('org/model', '1.0', {});
    await registry.stop();
    const error = await failureOf(reader.labels(reference(image), none));
    expect(error.failure).toBe('Unreachable');
    expect(error.message).toContain(`registry ${registry.host} cannot be reached`);
    registry = await startLocalRegistry();
  });

  it.each([
    [429, 'RateLimited'],
    [500, 'Unreachable'],
    [418, 'Invalid'],
  ])('of a registry that answers %s: %s', async (status, failure) => {
    const image = registry.push('org/model', '1.0', {});
    registry.intercept = (_, response) => {
      send(response, status, {});
      return true;
    };
    expect((await failureOf(reader.labels(reference(image), none))).failure).toBe(failure);
  });

  it.each([
    ['no JSON', '<html>'],
    ['an old manifest', JSON.stringify({ schemaVersion: 1, history: [] })],
    ['a manifest with a strange digest', JSON.stringify({ config: { digest: 'md5:1' } })],
    ['a configuration other than its digest', JSON.stringify({ config: { digest: `sha256:${'0'.repeat(64)}` } })],
  ])('of a registry that answers with %s: Invalid', async (_, body) => {
    const image = registry.push('org/model', '1.0', {});
    registry.intercept = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' });
      response.end(body);
      return true;
    };
    expect((await failureOf(reader.labels(reference(image), none))).failure).toBe('Invalid');
  });

  it('of a registry that never ends its answer: Invalid, after a bounded number of bytes', async () => {
    const image = registry.push('org/model', '1.0', {});
    registry.intercept = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 0x20)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
      return true;
    };
    const error = await failureOf(reader.labels(reference(image), none));
    expect(error.message).toContain('more than 4194304 bytes');
  });

  it('end when the caller gives up', async () => {
    const image = registry.push('org/model', '1.0', {});
    registry.intercept = () => true;
    const stopping = new AbortController();
    const reading = failureOf(reader.labels(reference(image), { ...none, signal: stopping.signal }));
    stopping.abort();
    expect((await reading).failure).toBe('Unreachable');
  });
});

describe('redirects', () => {
  it('are followed to another host without the credentials', async () => {
    const storage = await startLocalRegistry();
    try {
      const image = registry.push('org/model', '1.0', { a: 'b' });
      storage.push('org/model', '1.0', { a: 'b' });
      registry.auth = { scheme: 'basic', password: 'secret' };
      registry.intercept = (request, response) => {
        if (request.url?.includes('/blobs/') !== true) return false;
        response.writeHead(307, { location: `http://${storage.host}${request.url}` });
        response.end();
        return true;
      };
      expect(await reader.labels(reference(image), credentials('secret'))).toEqual({ a: 'b' });
      expect(storage.requests).toHaveLength(1);
      expect(storage.requests[0]?.authorization).toBeUndefined();
    } finally {
      await storage.stop();
    }
  });

  it('that never end are an error', async () => {
    const image = registry.push('org/model', '1.0', {});
    registry.intercept = (request, response) => {
      response.writeHead(302, { location: `${request.url ?? ''}x` });
      response.end();
      return true;
    };
    const error = await failureOf(reader.labels(reference(image), none));
    expect(error.message).toContain('redirects more than 5 times');
  });

  it.each(['file:///etc/passwd', 'gopher://127.0.0.1/', 'http://['])('to %s are not followed', async (location) => {
    const image = registry.push('org/model', '1.0', {});
    registry.intercept = (_, response) => {
      response.writeHead(302, { location });
      response.end();
      return true;
    };
    expect((await failureOf(reader.labels(reference(image), none))).failure).toBe('Invalid');
  });
});

describe('where registries are', () => {
  it.each([
    ['docker.io', 'https://registry-1.docker.io/v2/'],
    ['ghcr.io', 'https://ghcr.io/v2/'],
    ['registry.example:5000', 'https://registry.example:5000/v2/'],
    ['10.0.0.1:5000', 'https://10.0.0.1:5000/v2/'],
    ['localhost:5000', 'http://localhost:5000/v2/'],
    ['127.0.0.1:5000', 'http://127.0.0.1:5000/v2/'],
    ['[::1]:5000', 'http://[::1]:5000/v2/'],
  ])('%s is asked at %s', (host, url) => {
    expect(registryUrl(host, '/v2/').href).toBe(url);
  });
});

describe('tags and catalogs', () => {
  it('come in pages', async () => {
    registry.pageSize = 2;
    for (const tag of ['1', '2', '3', '4', '5']) registry.push('org/model', tag, {});
    expect(await reader.tags(registry.host, 'org/model', none)).toEqual(['1', '2', '3', '4', '5']);
    expect(registry.requests).toHaveLength(3);
  });

  it('list repositories', async () => {
    registry.push('b/model', '1', {});
    registry.push('a/model', '1', {});
    registry.auth = { scheme: 'bearer', password: 'p' };
    expect(await reader.catalog(registry.host, credentials('p'))).toEqual(['a/model', 'b/model']);
  });

  it('that go on for ever are an error that says what to do', async () => {
    registry.push('org/model', '1', {});
    registry.intercept = (_, response) => {
      response.setHeader('link', '</v2/org/model/tags/list?last=1>; rel="next"');
      send(response, 200, { tags: ['1'] });
      return true;
    };
    const error = await failureOf(reader.tags(registry.host, 'org/model', none));
    expect(error.message).toContain('narrow the filter down');
  });

  it('that continue at another host are refused', async () => {
    registry.push('org/model', '1', {});
    registry.intercept = (_, response) => {
      response.setHeader('link', '<http://127.0.0.1:1/v2/x>; rel="next"');
      send(response, 200, { tags: [] });
      return true;
    };
    expect((await failureOf(reader.tags(registry.host, 'org/model', none))).failure).toBe('Invalid');
  });
});

describe('search for repositories', () => {
  const search = () =>
    createRepositorySearch(http, reader, {
      dockerHub: `http://${registry.host}`,
      github: `http://${registry.host}`,
    });

  it('uses the catalog where there is one', async () => {
    registry.push('org/model', '1', {});
    expect(await search().repositories(registry.host, 'org/*', none)).toEqual(['org/model']);
  });

  it("uses Docker Hub's list of a namespace, page by page", async () => {
    registry.intercept = (request, response) => {
      const second = request.url?.includes('page=2') === true;
      const next = second ? null : `http://${registry.host}/v2/repositories/org/?page=2`;
      send(response, 200, { next, results: [{ name: second ? 'b' : 'a' }] });
      return true;
    };
    expect(await search().repositories('docker.io', 'org/*', none)).toEqual(['org/a', 'org/b']);
  });

  it("uses GitHub's packages with the token of a pull secret, of users as well as organisations", async () => {
    registry.intercept = (request, response) => {
      const user = request.url?.startsWith('/users/org/packages?package_type=container') === true;
      send(response, user ? 200 : 404, user ? [{ name: 'a' }] : {});
      return true;
    };
    const token = credentialsOf(pullSecret('s', 'n', 'ghcr.io', 'ghp_token'));
    expect(await search().repositories('ghcr.io', 'org/*', { credentials: token })).toEqual(['org/a']);
    expect(registry.requests.at(-1)?.authorization).toBe('Bearer ghp_token');
  });

  it('on GitHub needs a token, and says so', async () => {
    const error = await failureOf(search().repositories('ghcr.io', 'org/*', none));
    expect(error.failure).toBe('Unauthorized');
    expect(error.message).toContain('add imagePullSecrets with a GitHub token');
    expect(registry.requests).toEqual([]);
  });

  it.each(['*', '*/model', 'model*'])('on Docker Hub needs a namespace: not %s', async (pattern) => {
    expect((await failureOf(search().repositories('docker.io', pattern, none))).message).toContain('NAMESPACE');
  });
});
