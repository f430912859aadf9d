import type { Dispatcher } from 'undici';
import { Agent, proxyAgent } from '../../../wire/undici.ts';
import { RegistryError } from './errors.ts';

/** HTTP for registries: bounded in time, size and redirects, without ever sending credentials to another origin. */
export interface RegistryHttp {
  /** Follows redirects; answers of any status are returned. @throws RegistryError */
  get(url: URL, options: GetOptions): Promise<RegistryResponse>;
  close(): Promise<void>;
}

export interface GetOptions {
  readonly accept: string;
  /** Sent to the origin of the URL only, not to where it redirects. */
  readonly authorization?: string | undefined;
  /** Larger answers are refused. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface RegistryResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  /** Where the answer came from in the end. */
  readonly url: URL;
}

const maxRedirects = 5;
const connectTimeoutMs = 10_000;
const answerTimeoutMs = 20_000;

export function createRegistryHttp(): RegistryHttp {
  const timeouts = {
    connect: { timeout: connectTimeoutMs },
    headersTimeout: answerTimeoutMs,
    bodyTimeout: answerTimeoutMs,
  };
  const direct = new Agent({ ...timeouts, connections: 4 });
  // Clusters often reach registries through the proxy of HTTPS_PROXY and NO_PROXY.
  let proxied: Dispatcher | undefined;

  const once = async (url: URL, options: GetOptions): Promise<RegistryResponse> => {
    const dispatcher = isLoopback(url.hostname) ? direct : (proxied ??= proxyAgent({ ...timeouts, connections: 4 }));
    const response = await dispatcher.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: 'GET',
      headers: {
        accept: options.accept,
        'user-agent': 'headgate',
        ...(options.authorization === undefined ? {} : { authorization: options.authorization }),
      },
      signal: options.signal,
    });
    const body = await readBounded(response.body, options.maxBytes, url);
    return { status: response.statusCode, headers: flat(response.headers), body, url };
  };

  const reach = async (url: URL, options: GetOptions): Promise<RegistryResponse> => {
    try {
      return await once(url, options);
    } catch (error) {
      throw unreachable(url, error);
    }
  };

  return {
    get: async (url, options) => {
      let next = url;
      for (let redirects = 0; redirects <= maxRedirects; redirects++) {
        const authorization = next.origin === url.origin ? options.authorization : undefined;
        const response = await reach(next, { ...options, authorization });
        const { location } = response.headers;
        if (![301, 302, 303, 307, 308].includes(response.status) || location === undefined) return response;
        next = redirectTarget(next, location);
      }
      throw new RegistryError('Invalid', `${url.host} redirects more than ${String(maxRedirects)} times`);
    },
    close: async () => {
      await Promise.all([direct.destroy(), proxied?.destroy()]);
    },
  };
}

/** Hosts of this machine, which registries serve without TLS, as container runtimes take them. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}

/** Anything but a loopback host is reached over TLS. */
export function registryUrl(host: string, path: string): URL {
  // The default host of images of docker.io is an old name that serves no images.
  const server = host === 'docker.io' ? 'registry-1.docker.io' : host;
  const secure = new URL(`https://${server}${path}`);
  return isLoopback(secure.hostname) ? new URL(`http://${server}${path}`) : secure;
}

function redirectTarget(from: URL, location: string): URL {
  let target: URL;
  try {
    target = new URL(location, from);
  } catch {
    throw new RegistryError('Invalid', `${from.host} redirects to something that is no URL`);
  }
  refusePlainText(from, target, 'redirects');
  return target;
}

/** Nothing that was asked over TLS is fetched in plain text, nor from this machine on another's word. */
export function refusePlainText(from: URL, target: URL, verb: string): void {
  const weaker = from.protocol === 'https:' && target.protocol !== 'https:';
  const inward = !isLoopback(from.hostname) && isLoopback(target.hostname);
  if (weaker || inward || !['http:', 'https:'].includes(target.protocol)) {
    throw new RegistryError(
      'Invalid',
      `${from.host} ${verb} to ${target.protocol}//${target.host}, which is not followed`,
    );
  }
}

async function readBounded(body: Dispatcher.ResponseData['body'], maxBytes: number, url: URL): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk as Uint8Array);
    length += bytes.length;
    if (length > maxBytes) {
      body.destroy();
      throw new RegistryError('Invalid', `${url.host} answers with more than ${String(maxBytes)} bytes`);
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks, length);
}

function flat(headers: Dispatcher.ResponseData['headers']): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}

function unreachable(url: URL, error: unknown): RegistryError {
  if (error instanceof RegistryError) return error;
  const why = error instanceof Error ? causeOf(error) : String(error);
  return new RegistryError(
    'Unreachable',
    `registry ${url.host} cannot be reached: ${why}; check the host name, the network and HTTPS_PROXY. It is asked again by itself`,
    { cause: error },
  );
}

function causeOf(error: Error): string {
  if (error instanceof AggregateError) {
    const [first] = error.errors as unknown[];
    if (first instanceof Error) return first.message;
  }
  return error.cause instanceof Error ? error.cause.message : error.message;
}
