import { createRequire } from 'node:module';
import type * as undici from 'undici';

/**
 * The parts of undici that Headgate uses. Its index loads all of it (mocks, caches, fetch, WebSockets): 110 modules, some
 * 50 ms and 4 MB in every process and every thread that sends requests, where these are 31.
 */
const load = createRequire(import.meta.url);

// Each file of the package exports the class that its index gives the same name.
const part = <T>(name: string): T => load(`undici/lib/${name}.js`) as T;
export const Agent = part<typeof undici.Agent>('dispatcher/agent');
export const Pool = part<typeof undici.Pool>('dispatcher/pool');
export const H2CClient = part<typeof undici.H2CClient>('dispatcher/h2c-client');
export const buildConnector = part<typeof undici.buildConnector>('core/connect');
export type Agent = undici.Agent;
export type Pool = undici.Pool;
export type H2CClient = undici.H2CClient;

Object.assign(part<typeof undici.Dispatcher>('dispatcher/dispatcher').prototype, part<object>('api/index'));

/** Goes through the proxies of HTTP_PROXY, HTTPS_PROXY and NO_PROXY; loaded when it is first wanted. */
export function proxyAgent(options: undici.EnvHttpProxyAgent.Options): undici.Dispatcher {
  const ProxyAgent = part<typeof undici.EnvHttpProxyAgent>('dispatcher/env-http-proxy-agent');
  return new ProxyAgent(options);
}

type RequestOptions = Partial<Omit<undici.Dispatcher.RequestOptions, 'origin' | 'path'>> & {
  dispatcher?: undici.Dispatcher;
};

let sharedAgent: undici.Agent | undefined;

/** One request, a GET unless told otherwise, through `dispatcher` or connections that the process shares. */
export function request(url: string, options: RequestOptions = {}): Promise<undici.Dispatcher.ResponseData> {
  const { dispatcher = (sharedAgent ??= new Agent()), method = 'GET', ...rest } = options;
  const { origin, pathname, search } = new URL(url);
  return dispatcher.request({ ...rest, origin, path: `${pathname}${search}`, method });
}
