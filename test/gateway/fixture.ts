/** A data plane between a test's client and small upstreams, with hand-made route tables. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { Agent, request, type Dispatcher } from 'undici';
import { createDataPlane, type DataPlane, type DataPlaneOptions } from '../../src/gateway/dataplane.ts';
import { identified } from '../../src/routes/identity.ts';
import type {
  BackendTarget,
  Endpoint,
  EndpointSet,
  GatewayTable,
  InvalidTarget,
  ListenerTable,
  Pool,
  Route,
  RouteMatch,
  RouteRule,
  RouteTable,
  WeightedBackend,
} from '../../src/routes/table.ts';
import { createLog } from '../../src/telemetry/log.ts';

export const log = createLog({ level: 'silent' });

export interface Upstream {
  readonly endpoint: Endpoint;
  readonly server: Server;
  /** Connections that are open now. */
  readonly connections: ReadonlySet<Socket>;
}

export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

export function endpointAt(port: number, address = '127.0.0.1'): Endpoint {
  return { key: `${address}:${port}`, address, port };
}

/** A port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function readAll(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** Where backends of tests lead. */
export type TestSet = Omit<EndpointSet, 'identity'>;
export type TestPool = Omit<Pool, 'identity'>;
type TestTarget = TestSet | TestPool | InvalidTarget;

export const target = (endpoints: readonly Endpoint[], more: { host?: string } = {}): TestSet => ({
  type: 'endpoints',
  key: 'service/default/up:80',
  protocol: 'http',
  endpoints,
  ...more,
});

let backendCount = 0;
/** What the backends of tests lead to: `table` puts it where backends find it. */
const leadsTo = new WeakMap<WeightedBackend, TestTarget>();

export function backend(to: TestTarget, more: Partial<WeightedBackend> = {}): WeightedBackend {
  backendCount += 1;
  const place: BackendTarget = to.type === 'invalid' ? to : { type: to.type, key: to.key };
  const made = { id: `default/b${backendCount}`, weight: 1, filters: [], target: place, ...more };
  leadsTo.set(made, to);
  return made;
}

/** Backends of one table may lead to different endpoints under the same name: each but the first gets a key of its own. */
function placed(member: WeightedBackend, targets: Map<string, TestSet | TestPool>): WeightedBackend {
  const to = leadsTo.get(member);
  if (to === undefined || to.type === 'invalid') return member;
  let { key } = to;
  while (targets.has(key) && targets.get(key) !== to) key = key.replace(/(?=:\d+$|$)/, '2');
  targets.set(key, to);
  return { ...member, target: { type: to.type, key } };
}

export type TestRule = Partial<Omit<RouteRule, 'tiers' | 'matches'>> & {
  readonly match?: Partial<RouteMatch>;
  /** Exact model. */
  readonly model?: string;
  readonly backends?: readonly WeightedBackend[];
  readonly tiers?: readonly (readonly WeightedBackend[])[];
};

let generation = 0;

/** One route with these rules at the one listener of `default/gw`. */
export function table(
  rules: readonly TestRule[],
  gateway: Partial<GatewayTable> = {},
  listener: Partial<ListenerTable> = {},
  route: Partial<Route> = {},
): RouteTable {
  const targets = new Map<string, TestSet | TestPool>();
  generation += 1;
  const key = 'default/gw';
  const listeners: ListenerTable[] = [{ name: 'http', port: 80, protocol: 'HTTP', ...listener }];
  const attached = identified<Route>({
    key: 'default/route',
    created: '',
    attachments: listeners.map(({ name }) => ({ gateway: key, listener: name, hosts: [] })),
    rules: rules.map((rule, ruleIndex) => testRule(rule, ruleIndex, targets)),
    hostnames: [],
    models: [],
    ...route,
  });
  const all = [...targets].map(([name, to]) => ({ ...to, key: name }));
  return {
    generation,
    gateways: [identified<GatewayTable>({ key, bodyLimitBytes: 1024 * 1024, listeners, ...gateway })],
    routes: [attached],
    endpointSets: all.flatMap((to) => (to.type === 'endpoints' ? [identified<EndpointSet>(to)] : [])),
    pools: all.flatMap((to) => (to.type === 'pool' ? [identified<Pool>(to)] : [])),
  };
}

function testRule(rule: TestRule, ruleIndex: number, targets: Map<string, TestSet | TestPool>): RouteRule {
  const { match, model, backends, tiers, ...more } = rule;
  const groups = tiers ?? (backends === undefined ? [] : [backends]);
  const headers = model === undefined ? [] : [{ name: 'x-ai-eg-model', value: model }];
  return {
    id: `httproute/default/route/rule/${ruleIndex}`,
    route: { namespace: 'default', name: 'route' },
    ruleIndex,
    kind: model === undefined ? 'http' : 'llm',
    filters: [],
    matches: [{ headers, query: [], ...match }],
    ...more,
    tiers: groups.map((members, priority) => ({
      priority,
      totalWeight: members.reduce((sum, member) => sum + member.weight, 0),
      backends: members.map((member) => placed(member, targets)),
    })),
  };
}

export interface Fixture {
  readonly plane: DataPlane;
  readonly port: number;
  upstream(handler: RequestListener): Promise<Upstream>;
  call(path: string, options?: Partial<Dispatcher.RequestOptions>): Promise<Dispatcher.ResponseData<unknown>>;
  /** POST of a JSON body to /v1/chat/completions. */
  chat(body: unknown, headers?: Record<string, string>): Promise<Dispatcher.ResponseData<unknown>>;
  /** Everything the gateway sends in answer to these bytes, until it closes the connection. */
  raw(bytes: string): Promise<string>;
  socket(): Socket;
  close(): Promise<void>;
}

export async function startFixture(options: Partial<DataPlaneOptions> = {}): Promise<Fixture> {
  const plane = createDataPlane({ log, ...options });
  const [bound] = await plane.bind('default/gw', { address: '127.0.0.1', listeners: [{ port: 80, bindPort: 0 }] });
  if (bound === undefined || bound.error !== undefined) throw new Error(`not bound: ${bound?.error}`);
  const port = bound.boundPort;
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const agent = new Agent({ connections: 64 });
  const origin = `http://127.0.0.1:${port}`;
  const call: Fixture['call'] = (path, more = {}) =>
    request(`${origin}${path}`, { method: 'GET', dispatcher: agent, ...more });
  const socket = (): Socket => {
    const opened = connect(port, '127.0.0.1');
    opened.on('error', () => undefined);
    sockets.add(opened);
    return opened;
  };
  return {
    plane,
    port,
    async upstream(handler) {
      const server = createServer(handler);
      const connections = new Set<Socket>();
      server.on('connection', (connection) => {
        connections.add(connection);
        connection.on('close', () => connections.delete(connection));
      });
      servers.push(server);
      return { server, connections, endpoint: endpointAt(await listen(server)) };
    },
    call,
    chat: (body, headers = {}) =>
      call('/v1/chat/completions', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    raw: (bytes) =>
      new Promise((resolve) => {
        let answer = '';
        const opened = socket();
        opened.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
        opened.on('close', () => {
          resolve(answer);
        });
        opened.write(bytes, 'latin1');
      }),
    socket,
    async close() {
      for (const opened of sockets) opened.destroy();
      await agent.destroy();
      await plane.close(0);
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

/** Waits for a condition to become true; for things that happen a moment after what the test can see. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within 5 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
