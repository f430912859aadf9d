import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface MetricsServer {
  /** What a Prometheus server scrapes. */
  readonly url: string;
  close(): Promise<void>;
}

export interface MetricsServerOptions {
  address: string;
  /** Where it is taken, any free port does. */
  preferredPort: number;
  /** The text of the Prometheus exposition format. */
  metrics: () => Promise<string>;
}

/** Serves metrics apart from the Gateways, whose paths belong to routes. */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const { address, preferredPort, metrics } = options;
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('GET /metrics\n');
      return;
    }
    metrics().then(
      (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  server.maxConnections = 100;
  await listen(server, address, preferredPort).catch(() => listen(server, address, 0));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${address}:${port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
