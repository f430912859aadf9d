import type { Dispatcher } from 'undici';
import { placeOf, type Places } from '../wire/places.ts';
import { Agent, buildConnector, proxyAgent, request } from '../wire/undici.ts';
import { CredentialError, type TokenHttp, type TokenRequest, type TokenResponse } from './environment.ts';
import { systemAuthorities } from './tls.ts';

/** Token servers answer in a few kilobytes. */
const maxBodyBytes = 256 * 1024;
const timeouts = { connectMs: 5_000, headersMs: 10_000, bodyMs: 10_000 };

/** Talks to real token servers: verified as the system says, through the proxies of the environment, following no redirects. */
export class SystemTokenHttp implements TokenHttp {
  readonly #variables: Readonly<Record<string, string | undefined>>;
  readonly #places: Places;
  /** By the proxy; '' is none. */
  readonly #dispatchers = new Map<string, Dispatcher>();

  constructor(variables: Readonly<Record<string, string | undefined>>, places: Places) {
    this.#variables = variables;
    this.#places = places;
  }

  async send({ url, method, headers, body, signal, proxy }: TokenRequest): Promise<TokenResponse> {
    const response = await request(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      signal,
      dispatcher: this.#dispatcherFor(url, proxy),
    });
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response.body) {
      if (!Buffer.isBuffer(chunk)) continue;
      size += chunk.length;
      if (size > maxBodyBytes) throw new CredentialError(503, `an answer of more than ${maxBodyBytes} bytes`);
      chunks.push(chunk);
    }
    const found = Object.entries(response.headers).map(([name, value]) => [name, String(value)] as const);
    return { status: response.statusCode, headers: Object.fromEntries(found), body: Buffer.concat(chunks).toString() };
  }

  async close(): Promise<void> {
    const all = [...this.#dispatchers.values()];
    this.#dispatchers.clear();
    await Promise.all(all.map((one) => one.destroy()));
  }

  /** What is not on TLS is on this machine or link-local: no proxy reaches it. */
  #dispatcherFor(url: string, named: string | undefined): Dispatcher {
    const { HTTPS_PROXY: upper, https_proxy: lower, NO_PROXY: exceptions, no_proxy: others } = this.#variables;
    const proxy = url.startsWith('https:') ? named || lower || upper || '' : '';
    const noProxy = named ? '' : (others ?? exceptions ?? '');
    let found = this.#dispatchers.get(proxy);
    if (found === undefined) {
      found = proxy === '' ? directly(this.#places) : through(proxy, noProxy);
      this.#dispatchers.set(proxy, found);
    }
    return found;
  }
}

const limits = { headersTimeout: timeouts.headersMs, bodyTimeout: timeouts.bodyMs };
const tlsOptions = () => ({ timeout: timeouts.connectMs, ca: [...systemAuthorities()] });

function directly(places: Places): Dispatcher {
  const connector = buildConnector({ ...tlsOptions(), allowH2: false });
  return new Agent({
    ...limits,
    connect: (to, done) => {
      const port = Number(to.port || (to.protocol === 'https:' ? 443 : 80));
      const place = placeOf(places, to.hostname, port);
      connector({ ...to, hostname: place.address, port: String(place.port) }, done);
    },
  });
}

function through(proxy: string, noProxy: string): Dispatcher {
  const connect = tlsOptions();
  return proxyAgent({
    ...limits,
    connect,
    requestTls: { ca: connect.ca },
    httpProxy: proxy,
    httpsProxy: proxy,
    noProxy,
  });
}
