import { isIP } from 'node:net';
import type { KubeObject } from '../kinds/object.ts';
import { request } from '../wire/undici.ts';
import { declaration, gatewayDeclaration } from './gatewaydeclaration.ts';

/** `headgate up --openai URL`: the models of a server that runs already, behind a Gateway. */

/** A server that speaks OpenAI's API, and what it offers. */
export interface OpenAiServer {
  /** Its address, without the path. */
  readonly url: URL;
  /** Path before `/chat/completions`, without slashes at its ends: `v1`. */
  readonly prefix: string;
  /** What it lists, each once. */
  readonly models: readonly string[];
}

const timeoutMs = 10_000;
const maxListBytes = 4 * 1024 * 1024;
/** Of an AIGatewayRoute: rules, and matches of each (aigateway.md 1.1). */
const maxRules = 15;
const maxMatches = 128;
const maxModels = maxRules * maxMatches;
const maxNameLength = 4096;

/**
 * Asks a server which models it has (`GET URL/v1/models`).
 *
 * @throws Error in one line that says what to do
 */
export async function findOpenAiServer(given: string): Promise<OpenAiServer> {
  const url = new URL(given);
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new Error(`--openai ${given}: only scheme, host, port and path have a place there`);
  const path = url.pathname.replaceAll(/^\/+|\/+$/g, '');
  const prefix = path === '' ? 'v1' : /(^|\/)v\d+$/.test(path) ? path : `${path}/v1`;
  const list = `${url.origin}/${prefix}/models`;
  const models = modelNames(await fetchList(list), list);
  if (models.length > maxModels) {
    throw new Error(
      `${list} lists ${models.length} models; one route takes ${maxModels}: write an AIGatewayRoute without matches instead (examples/aigatewayroute/catch-all.yaml)`,
    );
  }
  return { url: new URL(url.origin), prefix, models };
}

async function fetchList(list: string): Promise<unknown> {
  const answer = await request(list, { signal: AbortSignal.timeout(timeoutMs) }).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message || error.name : String(error);
    throw new Error(`cannot ask ${list} for its models: ${reason}; is the server running?`, { cause: error });
  });
  if (answer.statusCode !== 200) {
    await answer.body.dump({ limit: maxListBytes }).catch(() => undefined);
    const hint = [401, 403].includes(answer.statusCode)
      ? 'it wants a key: declare it with a BackendSecurityPolicy (docs/routing.md)'
      : 'is this the base URL of an OpenAI API?';
    throw new Error(`${list} answered ${answer.statusCode}: ${hint}`);
  }
  let text = '';
  for await (const chunk of answer.body.setEncoding('utf8') as AsyncIterable<string>) {
    text += chunk;
    if (text.length > maxListBytes) throw new Error(`${list} answered more than ${maxListBytes} bytes`);
  }
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed;
  } catch (error) {
    throw new Error(`${list} answered no JSON: is this the base URL of an OpenAI API?`, { cause: error });
  }
}

/** The names in OpenAI's list of models. @throws Error for what is none, or names no model that a route can match */
export function modelNames(answer: unknown, list: string): string[] {
  const data: unknown = typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'data') : undefined;
  if (!Array.isArray(data)) throw new Error(`${list} answered no list of models: it has no "data"`);
  const names = data.map((item: unknown, i): string => {
    const id: unknown = typeof item === 'object' && item !== null ? Reflect.get(item, 'id') : undefined;
    if (typeof id === 'string' && id !== '' && id.length <= maxNameLength) return id;
    throw new Error(
      `${list}: data[${i}].id is no name of a model: it must be text of 1 to ${maxNameLength} characters`,
    );
  });
  if (names.length === 0) throw new Error(`${list} lists no models: load one in that server first`);
  return [...new Set(names)];
}

/** The objects that serve them: each model by its exact name. */
export function openAiDeclaration({ url, prefix, models }: OpenAiServer): KubeObject[] {
  const name = 'openai';
  const metadata = { name, namespace: 'default' };
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const matches = models.map((model) => ({ headers: [{ type: 'Exact', name: 'x-ai-eg-model', value: model }] }));
  const rules = Array.from({ length: Math.ceil(matches.length / maxMatches) }, (_, i) => ({
    matches: matches.slice(i * maxMatches, (i + 1) * maxMatches),
    backendRefs: [{ name }],
  }));
  return [
    ...gatewayDeclaration(name),
    declaration('gateway.envoyproxy.io/v1alpha1', 'Backend', metadata, {
      endpoints: [isIP(host) === 0 ? { fqdn: { hostname: host, port } } : { ip: { address: host, port } }],
      ...(secure ? { tls: { wellKnownCACertificates: 'System' } } : {}),
    }),
    declaration('aigateway.envoyproxy.io/v1beta1', 'AIServiceBackend', metadata, {
      schema: { name: 'OpenAI', ...(prefix === 'v1' ? {} : { prefix }) },
      backendRef: { group: 'gateway.envoyproxy.io', kind: 'Backend', name },
    }),
    declaration('aigateway.envoyproxy.io/v1beta1', 'AIGatewayRoute', metadata, {
      parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name }],
      rules,
    }),
  ];
}
