import { Agent, request as httpRequest } from '../../wire/undici.ts';
import type { ServiceReference, WebhookClientConfig } from 'kubernetes-types/admissionregistration/v1.js';
import { keyOf } from '../../kinds/object.ts';
import { isObject, listAt, stringAt, valueAt, type JsonObject } from '../json.ts';
import type { Store } from '../store/store.ts';

/** Sends AdmissionReviews to webhooks over HTTPS. */
export interface WebhookClient {
  /** The `response` of the answered review. Throws an Error that says what went wrong. */
  review(config: WebhookClientConfig, request: JsonObject, timeoutMs: number): Promise<JsonObject>;
  close(): Promise<void>;
}

const maxAnswerBytes = 3 * 1024 * 1024;
/** Connections to as many webhooks are kept; beyond it the oldest are closed. */
const maxAgents = 64;

interface Destination {
  url: string;
  /** The name that the server's certificate must have. */
  servername: string;
  /** Where to connect when the name is a Service's. */
  endpoint: { address: string; port: number } | undefined;
}

export function createWebhookClient(store: Store): WebhookClient {
  const agents = new Map<string, Agent>();

  const agentFor = ({ servername, endpoint }: Destination, caBundle: string | undefined): Agent => {
    const id = JSON.stringify([servername, endpoint?.address, endpoint?.port, caBundle]);
    const known = agents.get(id);
    if (known !== undefined) return known;
    const [oldest] = agents;
    if (oldest !== undefined && agents.size >= maxAgents) {
      agents.delete(oldest[0]);
      void oldest[1].close();
    }
    const ca = caBundle === undefined ? undefined : Buffer.from(caBundle, 'base64').toString();
    const agent = new Agent({ connect: { servername, timeout: 10_000, ...(ca !== undefined && { ca }) } });
    agents.set(id, agent);
    return agent;
  };

  return {
    async review(config, request, timeoutMs) {
      const destination = destinationOf(config, store);
      const { url, endpoint } = destination;
      const target = new URL(url);
      const origin = endpoint === undefined ? target.origin : `https://${endpoint.address}:${endpoint.port}`;
      const answer = await httpRequest(`${origin}${target.pathname}${target.search}`, {
        dispatcher: agentFor(destination, config.caBundle),
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json', host: target.host },
        body: JSON.stringify({ kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', request }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      const text = await readBounded(answer.body);
      if (answer.statusCode !== 200) throw new Error(`the server answered with HTTP status ${answer.statusCode}`);
      return responseOf(text, request['uid']);
    },
    async close() {
      await Promise.all([...agents.values()].map((agent) => agent.destroy()));
    },
  };
}

async function readBounded(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxAnswerBytes) throw new Error(`the answer is larger than ${maxAnswerBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function responseOf(text: string, uid: unknown): JsonObject {
  const review: unknown = JSON.parse(text);
  const response = valueAt(review, 'response');
  if (stringAt(review, 'apiVersion') !== 'admission.k8s.io/v1' || stringAt(review, 'kind') !== 'AdmissionReview') {
    throw new Error('expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview');
  }
  if (!isObject(response)) throw new Error('webhook response was absent');
  if (response['uid'] !== uid)
    throw new Error(`expected response.uid="${String(uid)}", got "${String(response['uid'])}"`);
  return response;
}

function destinationOf({ url, service }: WebhookClientConfig, store: Store): Destination {
  if (service === undefined) {
    const target = new URL(url ?? '');
    return { url: target.href, servername: target.hostname, endpoint: undefined };
  }
  const servername = `${service.name}.${service.namespace}.svc`;
  const path = service.path === undefined ? '' : service.path.replace(/^(?!\/)/, '/');
  return {
    url: `https://${servername}:${service.port ?? 443}${path}`,
    servername,
    endpoint: endpointOf(service, store),
  };
}

/** A ready endpoint behind a Service; directly, as its cluster IP may not be allowed to listen on port 443. */
function endpointOf({ name, namespace, port = 443 }: ServiceReference, store: Store) {
  const found = store.get('/services', keyOf({ namespace, name }));
  if (found === undefined) throw new Error(`service "${name}" not found`);
  const servicePort = listAt(found, 'spec', 'ports').find((one) => valueAt(one, 'port') === port);
  if (servicePort === undefined) throw new Error(`no service port ${port} found for service "${name}"`);
  const portName = stringAt(servicePort, 'name') ?? '';
  for (const slice of store.list('discovery.k8s.io/endpointslices', namespace)) {
    if (slice.metadata.labels?.['kubernetes.io/service-name'] !== name) continue;
    const number = valueAt(
      listAt(slice, 'ports').find((one) => (stringAt(one, 'name') ?? '') === portName),
      'port',
    );
    for (const endpoint of listAt(slice, 'endpoints')) {
      const [address] = listAt(endpoint, 'addresses');
      const ready = valueAt(endpoint, 'conditions', 'ready') !== false;
      if (ready && typeof address === 'string' && typeof number === 'number') return { address, port: number };
    }
  }
  throw new Error(`no endpoints available for service "${name}"`);
}
