import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { ServerResponse, type IncomingMessage } from 'node:http';
import { createServer, type Server as HttpsServer } from 'node:https';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { stringify as toYaml } from 'yaml';
import type { Kind } from '../kinds/kind.ts';
import type { Log } from '../telemetry/log.ts';
import { admittedObjects } from './admission/objects.ts';
import { createAdmission } from './admission/plugins.ts';
import { createWebhookClient } from './admission/webhookclient.ts';
import { startRoleAggregation } from './auth/aggregation.ts';
import { accessForbidden, attributesOf } from './auth/attributes.ts';
import { createAuthenticator } from './auth/authenticate.ts';
import { impersonated } from './auth/impersonation.ts';
import { loadTokenSigner } from './auth/jwt.ts';
import { createAuthorizer } from './auth/rbac.ts';
import { createServiceAccountTokens } from './auth/serviceaccounttokens.ts';
import { createBootstrapObjects } from './bootstrap.ts';
import { reserveAddresses, type ServiceAddresses } from './builtin/services.ts';
import { startCustomResources } from './crd/controller.ts';
import { startGarbageCollector } from './garbage.ts';
import { handle } from './handler.ts';
import { loadIdentity, type Identity } from './identity.ts';
import { createInFlight } from './inflight.ts';
import { isObject, valueAt } from './json.ts';
import { keepKubernetesService } from './kubernetesservice.ts';
import { startNamespaceLifecycle } from './namespaces.ts';
import { startEventExpiry } from './events.ts';
import { createObjects } from './objects.ts';
import type { MetricsSource } from './metricssource.ts';
import { createPodConnections, type PodConnections } from './podaccess/connect.ts';
import type { PodAccess } from './podaccess/podaccess.ts';
import type { PodLogSource } from './podlogs.ts';
import { parseRequest, type ApiRequest } from './request.ts';
import { createResources } from './resources.ts';
import { ApiError, badRequest, statusOf } from './status.ts';
import { checkStore, sealStore } from './store/damage.ts';
import type { HistoryWindow } from './store/history.ts';
import { openStore } from './store/store.ts';
import type { Server } from './verbs/context.ts';
import { createEventLines } from './verbs/eventlines.ts';

export type { MetricsSource } from './metricssource.ts';
export type { PodAccess } from './podaccess/podaccess.ts';
export type { PodLogRequest, PodLogSource } from './podlogs.ts';
export type { ServiceAddresses } from './builtin/services.ts';

export interface ApiServerOptions {
  /** Holds the objects, the certificates and the token; made when it does not exist. */
  dataDir: string;
  kinds: readonly Kind[];
  /** 0, the default: the port of the last start if it is free, else any free one. */
  port?: number;
  log: Log;
  /** How much of the past is kept for watches and pages; by default 10,000 changes, 32 MiB. */
  history?: HistoryWindow;
  /** Watches at a time; 2,000 by default. */
  maxWatches?: number;
  /** Without it `kubectl logs` is refused. */
  podLogs?: PodLogSource;
  /** Without it `kubectl exec` and `cp` are refused. */
  podAccess?: PodAccess;
  /** Without it `kubectl top` is refused. */
  metrics?: MetricsSource;
  /** Without it Services get no cluster IP. */
  serviceAddresses?: ServiceAddresses;
}

export interface ApiServer {
  url: string;
  /** PEM of the authority that signed the server's certificate. */
  caCertificate: string;
  /** Bearer token of the administrator. */
  token: string;
  /** The text of a kubeconfig file for this server. It holds the token: write it with mode 0600. */
  kubeconfig(): string;
  close(): Promise<void>;
}

const host = '127.0.0.1';

/** Starts the embedded Kubernetes API: HTTPS on loopback, objects in `dataDir`. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { dataDir, log } = options;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const pki = join(dataDir, 'pki');
  const identity = await loadIdentity(pki, [host]);
  const storeDirectory = join(dataDir, 'objects');
  await checkStore(storeDirectory);
  const store = openStore(storeDirectory, options.history);
  const resources = createResources(options.kinds);
  const { serviceAddresses } = options;
  const objects = createObjects({ store, resources, serviceAddresses });
  const tokens = createServiceAccountTokens(store, loadTokenSigner(pki));
  const authorizer = createAuthorizer(store);
  const webhooks = createWebhookClient(store);
  const server: Server = {
    store,
    resources,
    objects,
    tokens,
    authenticator: createAuthenticator(identity.token, tokens),
    authorizer,
    admission: createAdmission({ store, resources, authorizer, client: webhooks }),
    inFlight: createInFlight(),
    podLogs: options.podLogs,
    podAccess: options.podAccess,
    metrics: options.metrics,
    eventLines: createEventLines(),
    watches: new Set(),
    maxWatches: options.maxWatches ?? 2000,
    log,
  };

  if (serviceAddresses !== undefined) await reserveAddresses(store, serviceAddresses, log);
  const customResources = startCustomResources({ store, resources, objects, log });
  const stopGarbage = startGarbageCollector({ store, resources, objects, log });
  const { caCertificate } = identity;
  const stopNamespaces = startNamespaceLifecycle({ store, resources, objects, caCertificate, log });
  const stopExpiry = startEventExpiry({ store, resources, objects, log });
  const stopAggregation = startRoleAggregation({ store, resources, objects, log });
  await customResources.keepBuiltIn(options.kinds);
  await createBootstrapObjects({ resources, objects, caCertificate });
  const kubernetes = await keepKubernetesService({ store, resources, objects, caCertificate, log });

  const listener = createServer({
    cert: identity.serverCertificate,
    key: identity.serverKey,
    minVersion: 'TLSv1.2',
    // Clients may show a certificate of our authority, or a token in each request.
    ca: identity.caCertificate,
    requestCert: true,
    rejectUnauthorized: false,
    // Without the post-quantum ML-KEM, of which every connection keeps 6 KB: what it protects never leaves the machine.
    ecdhCurve: 'X25519:P-256:P-384',
  });
  listener.on('request', (raw, response) => {
    void answer(server, raw, response);
  });
  const connections = createPodConnections(server);
  listener.on('upgrade', (raw, socket, head) => {
    upgrade(server, connections, raw, socket, head);
  });
  listener.requestTimeout = 60_000;
  listener.headersTimeout = 30_000;
  listener.keepAliveTimeout = 180_000;
  const close = async (): Promise<void> => {
    customResources.stop();
    stopGarbage();
    stopNamespaces();
    stopExpiry();
    stopAggregation();
    kubernetes.stop();
    for (const end of server.watches) end();
    connections.close();
    const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
    listener.closeIdleConnections();
    // Requests under way get a moment; whoever follows a log is cut off.
    const cutOff = setTimeout(() => {
      listener.closeAllConnections();
    }, 1000);
    await closed;
    clearTimeout(cutOff);
    await webhooks.close();
    await store.close();
    sealStore(storeDirectory);
  };
  const port = await listenOn(listener, options.port ?? 0, join(dataDir, 'port')).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  await kubernetes.publish({ address: host, port });
  const url = `https://${host}:${port}`;
  log.info({ url }, 'embedded API listening');

  return {
    url,
    caCertificate: identity.caCertificate,
    token: identity.token,
    kubeconfig: () => kubeconfigOf(url, identity),
    close,
  };
}

async function answer(server: Server, raw: IncomingMessage, response: ServerResponse): Promise<void> {
  response.on('error', (error) => {
    server.log.debug({ error }, 'client went away');
  });
  try {
    const request = admitted(server, raw, response);
    const leave = server.inFlight.enter(request);
    try {
      const objects = admittedObjects(server.objects, server.store, server.admission, request);
      await handle({ ...server, objects }, request);
    } finally {
      leave();
    }
  } catch (error) {
    respondError(server, raw, response, error);
  }
}

/** A request that asks for another protocol: a way into a Pod, else a refusal in HTTP. */
function upgrade(
  server: Server,
  connections: PodConnections,
  raw: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  if (!(socket instanceof Socket)) {
    socket.destroy();
    return;
  }
  socket.on('error', (error) => {
    server.log.debug({ error }, 'client went away');
  });
  const response = new ServerResponse(raw);
  response.shouldKeepAlive = false;
  try {
    connections.connect(admitted(server, raw, response), socket, head);
  } catch (error) {
    response.assignSocket(socket);
    response.on('finish', () => socket.end());
    respondError(server, raw, response, error);
  }
}

/** The request of a user who may make it. */
function admitted({ authenticator, authorizer }: Server, raw: IncomingMessage, response: ServerResponse): ApiRequest {
  const user = impersonated(authenticator.authenticate(raw), raw.headers, authorizer);
  const request = parseRequest(raw, response, user);
  const attributes = attributesOf(request.method, request.path, request.query, request.resource);
  if (!authorizer.authorize(user, attributes).allowed) throw accessForbidden(user, attributes);
  return request;
}

function respondError(server: Server, raw: IncomingMessage, response: ServerResponse, error: unknown): void {
  const known = knownError(error);
  if (known === undefined) {
    const path = (raw.url ?? '').split('?', 1)[0];
    server.log.error({ error, method: raw.method, path }, 'request failed');
  }
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const status =
    known ??
    new ApiError(
      500,
      'InternalError',
      `Internal error occurred: ${error instanceof Error ? error.message : String(error)}`,
    );
  // What is left of a body nobody will read must not hold up the next request on the connection.
  const retryAfter = status.details?.retryAfterSeconds;
  const headers = {
    ...(!raw.complete && { connection: 'close' }),
    ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
  };
  const text = JSON.stringify(statusOf(status));
  response.writeHead(status.code, {
    ...headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

/** Refusals: our own, and those of the rooms that answer for us (a KubeError has the same fields). */
function knownError(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  // The only recursion here follows the nesting of what the client sent.
  if (error instanceof RangeError) return badRequest('the object is nested too deeply');
  if (!(error instanceof Error) || !('code' in error) || !('reason' in error)) return undefined;
  const { code, reason } = error;
  return typeof code === 'number' && code >= 400 && code < 600 && typeof reason === 'string'
    ? new ApiError(code, reason, error.message)
    : undefined;
}

/** Prefers the port of the last start, so that kubeconfigs stay valid. */
async function listenOn(listener: HttpsServer, wanted: number, portFile: string): Promise<number> {
  if (wanted !== 0) return listen(listener, wanted);
  const last = lastPort(portFile);
  const port =
    last === undefined ? await listen(listener, 0) : await listen(listener, last).catch(() => listen(listener, 0));
  writeFileSync(portFile, String(port), { mode: 0o600 });
  return port;
}

function lastPort(file: string): number | undefined {
  try {
    const port = Number(readFileSync(file, 'utf8'));
    return Number.isInteger(port) && port > 0 && port < 65536 ? port : undefined;
  } catch {
    return undefined;
  }
}

async function listen(listener: HttpsServer, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const where = `cannot listen on ${host}:${port} for the Kubernetes API`;
      const taken = error.code === 'EADDRINUSE';
      reject(
        taken
          ? new Error(`${where}: another process has the port; choose another with --api-port, or 0 for a free one`)
          : error,
      );
    };
    listener.once('error', fail);
    listener.listen(port, host, () => {
      listener.off('error', fail);
      const bound: unknown = listener.address();
      const number = isObject(bound) ? valueAt(bound, 'port') : undefined;
      resolve(typeof number === 'number' ? number : port);
    });
  });
}

function kubeconfigOf(url: string, { caCertificate, token }: Identity): string {
  return toYaml({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'headgate',
        cluster: { server: url, 'certificate-authority-data': Buffer.from(caCertificate).toString('base64') },
      },
    ],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'headgate', context: { cluster: 'headgate', user: 'admin', namespace: 'default' } }],
    'current-context': 'headgate',
  });
}
