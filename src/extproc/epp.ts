import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startGrpcServer } from '../envoy/grpcserver.ts';
import { healthMethods } from '../envoy/healthserver.ts';
import type { Log } from '../telemetry/log.ts';
import { readCertificate, selfSignedCertificate } from './certificate.ts';
import { readEppConfig } from './eppconfig.ts';
import { readEppFlags, type EppFlags } from './eppflags.ts';

export interface EppOptions {
  env: Readonly<Record<string, string | undefined>>;
  /** Address to bind; default: HEADGATE_LISTEN_ADDRESS of `env`, else loopback. */
  host?: string | undefined;
  log: Log;
}

export interface Epp {
  /** Of the ext_proc server. */
  url: string;
  ports: { grpc: number; health: number; metrics: number };
  close(): Promise<void>;
}

const extProcService = 'envoy.service.ext_proc.v3.ExternalProcessor';

const picksInProcess =
  'this build picks endpoints inside the gateway: the ext_proc service of this endpoint picker decides nothing yet';

/**
 * The endpoint picker program, first cut: it takes the command line and the configuration that manifests give an EPP, and
 * answers health probes, so that a pool's picker becomes Ready; it does not pick. The gateway does that in process, and a
 * proxy that asks here gets UNIMPLEMENTED with a message that says so.
 *
 * @throws FlagError for a wrong command line, Error for a configuration that is missing or wrong
 */
export async function startEpp(argv: readonly string[], { env, host, log }: EppOptions): Promise<Epp> {
  const { flags, given } = readEppFlags(argv);
  const config = await readEppConfig(flags);
  const address = host ?? (env['HEADGATE_LISTEN_ADDRESS'] || '127.0.0.1');
  const poolNamespace = flags['pool-namespace'] || env['NAMESPACE'] || 'default';
  // Leader election would make others wait for a leader; one process that decides nothing needs none (epp.md 4.2).
  const health = healthMethods(() => 'SERVING', ['', 'inference-extension', extProcService]);
  const onConnectionError = (error: Error): void => log.debug({ err: error }, 'connection failed');
  const tls = await certificateSource(flags);

  const grpc = await startGrpcServer({
    host: address,
    port: flags['grpc-port'],
    methods: flags['health-checking'] ? health : {},
    unimplemented: { [`/${extProcService}/Process`]: picksInProcess },
    ...(tls === undefined ? {} : { tls }),
    onConnectionError,
  });
  const closers = [() => grpc.close(drainMs)];
  const closeAll = async (): Promise<void> => {
    await Promise.all(closers.map((close) => close()));
  };
  try {
    const healthServer = await startGrpcServer({
      host: address,
      port: flags['grpc-health-port'],
      methods: health,
      onConnectionError,
    });
    closers.push(() => healthServer.close(drainMs));
    const metrics = await startMetricsServer(address, flags['metrics-port'], {
      pool: flags['pool-name'],
      namespace: poolNamespace,
    });
    closers.push(() => metrics.close());
    const ports = { grpc: grpc.port, health: healthServer.port, metrics: metrics.port };
    log.info({ pool: flags['pool-name'], poolNamespace, plugins: config?.plugins, ports }, picksInProcess);
    const withoutEffect = [...given].filter((name) => !flagsWithEffect.has(name));
    if (withoutEffect.length > 0)
      log.info({ flags: withoutEffect }, 'flags accepted that have no effect in this build');
    return { url: `${tls === undefined ? 'http' : 'https'}://${address}:${String(grpc.port)}`, ports, close: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

const drainMs = 1000;

const flagsWithEffect = new Set<string>([
  'grpc-port',
  'grpc-health-port',
  'metrics-port',
  'pool-name',
  'pool-namespace',
  'health-checking',
  'cert-path',
  'secure-serving',
  'config-file',
  'config-text',
]);

/** Files are read at once, so that a wrong path fails the start; a certificate of our own is made when it is needed. */
async function certificateSource(flags: EppFlags) {
  if (!flags['secure-serving']) return undefined;
  if (flags['cert-path'] === '') return selfSignedCertificate;
  const certificate = await readCertificate(flags['cert-path']);
  return () => Promise.resolve(certificate);
}

/** GET /metrics: says which pool this picker stands for, and that it decides nothing. */
async function startMetricsServer(host: string, port: number, pool: { pool: string; namespace: string }) {
  const text =
    '# HELP headgate_epp_info The pool of this endpoint picker; picks are made in the gateway.\n' +
    '# TYPE headgate_epp_info gauge\n' +
    `headgate_epp_info{pool=${JSON.stringify(pool.pool)},namespace=${JSON.stringify(pool.namespace)},picks="in-gateway"} 1\n`;
  const server = createServer((request, response) => {
    request.resume();
    const found = request.url === '/metrics' && request.method === 'GET';
    response.writeHead(found ? 200 : 404, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    response.end(found ? text : 'not found\n');
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
