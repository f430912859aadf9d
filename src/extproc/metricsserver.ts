/** GET /metrics of our ext_proc servers, guarded as upstream guards it (epp.md 4.5). */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { SubjectAccessReview } from '../kinds/authorization/subjectaccessreview.ts';
import { TokenReview } from '../kinds/authentication/tokenreview.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Log } from '../telemetry/log.ts';

export interface MetricsServer {
  port: number;
  close(): Promise<void>;
}

export interface MetricsServerOptions {
  host: string;
  port: number;
  registry: Registry;
  /** Asked who may read; absent: everybody may. */
  reviewer: KubeClient | undefined;
  log: Log;
}

export async function startMetricsServer({
  host,
  port,
  registry,
  reviewer,
  log,
}: MetricsServerOptions): Promise<MetricsServer> {
  const answer = async (authorization: string | undefined): Promise<{ status: number; text: string }> => {
    const status = reviewer === undefined ? 200 : await authorize(reviewer, authorization);
    return { status, text: status === 200 ? await registry.metrics() : `${refusals[status] ?? 'error'}\n` };
  };
  const server = createServer((request, response) => {
    request.resume();
    if (request.url?.split('?')[0] !== '/metrics' || request.method !== 'GET') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n');
      return;
    }
    answer(request.headers.authorization).then(
      ({ status, text }) => response.writeHead(status, { 'content-type': registry.contentType }).end(text),
      (error: unknown) => {
        log.error({ err: error }, 'metrics cannot be served');
        response.writeHead(500, { 'content-type': 'text/plain' }).end('the access to metrics cannot be reviewed\n');
      },
    );
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const refusals: Readonly<Record<number, string>> = {
  401: 'a bearer token is required (--metrics-endpoint-auth)',
  403: 'not allowed to get /metrics',
};

/** A TokenReview of the bearer token, then a SubjectAccessReview of `get /metrics`. */
async function authorize(reviewer: KubeClient, authorization: string | undefined): Promise<200 | 401 | 403> {
  const token = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) return 401;
  const { status: identity } = await reviewer.create(TokenReview, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    metadata: { name: '' },
    spec: { token },
  });
  const user = identity?.user;
  if (identity?.authenticated !== true || user?.username === undefined) return 401;
  const { status: access } = await reviewer.create(SubjectAccessReview, {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: { name: '' },
    spec: {
      user: user.username,
      ...(user.groups === undefined ? {} : { groups: user.groups }),
      nonResourceAttributes: { path: '/metrics', verb: 'get' },
    },
  });
  return access?.allowed === true ? 200 : 403;
}
