import type { IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import type { Duplex } from 'node:stream';
import type * as ws from 'ws';
import { keyOf } from '../../kinds/object.ts';
import { stringAt } from '../json.ts';
import type { ApiRequest } from '../request.ts';
import { ApiError, badRequest, noSuchPath, notFound } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import type { Server } from '../verbs/context.ts';
import { containerOf } from '../verbs/logs.ts';
import { execProtocols, serveExec, serveOutput } from './exec.ts';
import { proxyUpgrade } from '../proxy/proxy.ts';
import { forwardPorts, portForwardProtocol } from './portforward.ts';

/** Turns requests for `pods/exec`, `pods/attach` and `pods/portforward` into WebSocket connections. */
export interface PodConnections {
  /** Throws an ApiError as long as the connection has not been taken over. */
  connect(request: ApiRequest, socket: Duplex, head: Buffer): void;
  close(): void;
}

const maxConnections = 200;
const maxMessageBytes = 4 * 1024 * 1024;

interface Route {
  protocols: readonly string[];
  /** Begins what the connection is for, so that a refusal is an answer and not a broken connection. */
  begin(): (socket: ws.WebSocket) => void;
}

const requireLater = createRequire(import.meta.url);

export function createPodConnections(server: Server): PodConnections {
  const chosen = new WeakMap<IncomingMessage, string>();
  let opened: ws.WebSocketServer | undefined;
  /** Loaded with the first connection: most runs see none. */
  const open = (): ws.WebSocketServer => {
    const { WebSocketServer } = requireLater('ws') as typeof ws;
    const sockets = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes, perMessageDeflate: false });
    sockets.on('headers', (headers, raw) => {
      headers.push(`Sec-WebSocket-Protocol: ${chosen.get(raw) ?? ''}`);
    });
    return sockets;
  };

  return {
    connect(request, socket, head) {
      const { resource } = request;
      const proxied = resource?.subresource === 'proxy' && server.resources.find('', 'v1', resource.plural);
      if (resource !== undefined && proxied) {
        proxyUpgrade(server, { ...request, resource, served: proxied }, socket, head);
        return;
      }
      const route = routeOf(server, request);
      const sockets = (opened ??= open());
      chosen.set(request.raw, protocolOf(request.raw, route.protocols));
      // Kubernetes' names of subprotocols have characters that ws does not let pass.
      delete request.raw.headers['sec-websocket-protocol'];
      if (sockets.clients.size >= maxConnections) {
        throw new ApiError(429, 'TooManyRequests', `there are ${maxConnections} connections to pods already`, {
          retryAfterSeconds: 5,
        });
      }
      const serve = route.begin();
      sockets.handleUpgrade(request.raw, socket, head, serve);
    },
    close() {
      for (const client of opened?.clients ?? []) client.terminate();
      opened?.close();
    },
  };
}

/** The first of our protocols that the client offers. */
function protocolOf({ headers }: IncomingMessage, protocols: readonly string[]): string {
  if (headers.upgrade?.toLowerCase() !== 'websocket') {
    throw badRequest('this server speaks to pods over WebSockets only: use kubectl 1.30 or later');
  }
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim());
  const found = protocols.find((protocol) => offered.includes(protocol));
  if (found !== undefined) return found;
  throw badRequest(
    `unable to upgrade: none of the subprotocols ${offered.join(', ')} is one of ${protocols.join(', ')}`,
  );
}

function routeOf(server: Server, { resource, query }: ApiRequest): Route {
  if (resource === undefined || resource.group !== '' || resource.plural !== 'pods' || resource.name === undefined) {
    throw noSuchPath();
  }
  const { name, namespace = '' } = resource;
  const served = server.resources.find('', resource.version, 'pods');
  if (served === undefined) throw noSuchPath();
  const pod = server.store.get(served.id, keyOf({ namespace, name }));
  if (pod === undefined) throw notFound(served.kind, name);
  switch (resource.subresource) {
    case 'exec':
      return execRoute(server, pod, namespace, query);
    case 'attach':
      return attachRoute(server, pod, namespace, query);
    case 'portforward':
      return portForwardRoute(pod);
    default:
      throw noSuchPath();
  }
}

function flag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value === 'true' || value === '1';
}

function refuseTerminal(query: URLSearchParams): void {
  if (!flag(query, 'tty')) return;
  throw badRequest('the embedded node runs local processes without terminals: leave out -t (--tty)');
}

function execRoute(server: Server, pod: StoredObject, namespace: string, query: URLSearchParams): Route {
  const { podAccess } = server;
  if (podAccess === undefined) throw noNode();
  const command = query.getAll('command');
  if (command.length === 0) throw badRequest('you must specify at least one command for the container');
  refuseTerminal(query);
  const container = containerOf(pod, query.get('container') ?? '');
  const wanted = { stdin: flag(query, 'stdin'), stdout: flag(query, 'stdout'), stderr: flag(query, 'stderr') };
  return {
    protocols: execProtocols,
    begin: () => {
      const process = podAccess.exec({ namespace, pod: pod.metadata.name, container, command });
      return (socket) => {
        serveExec(socket, process, wanted);
      };
    },
  };
}

function attachRoute(server: Server, pod: StoredObject, namespace: string, query: URLSearchParams): Route {
  const { podLogs } = server;
  if (podLogs === undefined) throw noNode();
  refuseTerminal(query);
  if (flag(query, 'stdin')) {
    throw badRequest(
      'the embedded node cannot attach to the standard input of a program that runs: leave out -i (--stdin)',
    );
  }
  const container = containerOf(pod, query.get('container') ?? '');
  return {
    protocols: execProtocols,
    begin: () => (socket) => {
      const ended = new AbortController();
      socket.on('close', () => {
        ended.abort();
      });
      socket.on('error', () => {
        socket.terminate();
      });
      const options = { follow: true, previous: false, timestamps: false, tailLines: 0, signal: ended.signal };
      const output = async () =>
        serveOutput(socket, await podLogs.read({ namespace, pod: pod.metadata.name, container, ...options }));
      output().catch((error: unknown) => {
        socket.close(1011, (error instanceof Error ? error.message : String(error)).slice(0, 100));
      });
    },
  };
}

function portForwardRoute(pod: StoredObject): Route {
  const podIP = stringAt(pod, 'status', 'podIP');
  if (podIP === undefined || stringAt(pod, 'status', 'phase') !== 'Running') {
    throw badRequest(
      `unable to forward port because pod is not running. Current status=${stringAt(pod, 'status', 'phase') ?? 'Unknown'}`,
    );
  }
  return {
    protocols: [portForwardProtocol],
    begin: () => (socket) => {
      forwardPorts(socket, podIP);
    },
  };
}

function noNode(): ApiError {
  return new ApiError(501, 'NotImplemented', 'no node is running: there are no processes to reach');
}
