import { extProcService, processPath } from '../envoy/extproc.ts';
import { startGrpcServer, type GrpcServer, type GrpcServerOptions } from '../wire/grpcserver.ts';
import { healthMethods } from '../wire/grpchealthserver.ts';
import { parseSelector } from '../kinds/labels.ts';
import type { DiscoveryFile, PickerConfig } from '../picker/config/config.ts';
import type { Log } from '../telemetry/log.ts';
import type { Tracer } from '../telemetry/tracing.ts';
import { findApi, type ApiAccess } from '../kube/apiaccess.ts';
import { certificateSource, watchCertificate } from './certificate.ts';
import { readEppConfig } from './eppconfig.ts';
import { EppExchange, type ExchangeOptions } from './eppexchange.ts';
import { readEppFlags, type EppFlags } from './eppflags.ts';
import { flagsWithoutEffect, logLevel } from './eppflageffects.ts';
import { eppHealth } from './epphealth.ts';
import { watchFilePool } from './filepool.ts';
import { watchKubePool } from './kubepool.ts';
import { electLeader, type Leadership } from '../kube/leader.ts';
import type { ServeMetrics } from './servemetrics.ts';
import { createPoolPicker, type PoolPicker } from './poolpicker.ts';
import type { PoolSource } from './poolsource.ts';
import { tracerOf } from './tracing.ts';

export interface EppOptions {
  env: Readonly<Record<string, string | undefined>>;
  /** Address to bind; default: HEADGATE_LISTEN_ADDRESS of `env`, else loopback. */
  host?: string | undefined;
  serveMetrics: ServeMetrics;
  log: Log;
}

export interface Epp {
  /** Of the ext_proc server. */
  url: string;
  ports: { grpc: number; health: number; metrics: number };
  close(): Promise<void>;
}

const picksInProcess =
  'no Kubernetes API is known here and no --endpoints-file is given: picks stay in the gateway, and this ext_proc service decides nothing';

/**
 * The endpoint picker program (epp.md 4): answers a proxy's ext_proc calls with the endpoint of its pool that is best for each
 * request. Where nothing tells it of a pool (a pod of the embedded node that has no API credentials), it is healthy, says that picks
 * stay in the gateway, and ext_proc calls end as UNIMPLEMENTED with a message that says so.
 *
 * @throws FlagError for a wrong command line, Error for a configuration, certificate or credentials that are missing or wrong
 */
export async function startEpp(argv: readonly string[], { env, host, serveMetrics, log }: EppOptions): Promise<Epp> {
  const { flags, given } = readEppFlags(argv);
  log.level = logLevel(flags, given) ?? log.level;
  const config = await readEppConfig(flags);
  const address = host ?? (env['HEADGATE_LISTEN_ADDRESS'] || '127.0.0.1');
  const pool = poolOf(flags, env);
  const tls = await certificateSource(flags);
  const file = poolFile(flags, config);
  const api = file === undefined ? await findApi(env) : undefined;
  const closers: (() => Promise<void> | void)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).toReversed()) await close();
  };
  try {
    if (api !== undefined) closers.push(() => api.client.close());
    const picker = createPoolPicker({ config, pool, flags, given, address, log });
    closers.push(() => picker.close());
    const tracer = flags.tracing ? tracerOf(env, log) : undefined;
    if (tracer !== undefined) closers.push(() => tracer.close());
    const source = await openPool({ flags, file, pool, picker, api, log });
    if (source !== undefined) closers.push(() => source.close());
    const leadership = startElection({ flags, pool, api, env, log });
    if (leadership !== undefined) closers.push(() => leadership.release());

    const health = eppHealth({ synced: () => source?.synced() ?? true, leadership });
    const onConnectionError = (error: Error): void => log.debug({ err: error }, 'connection failed');
    const serve = async (port: number, options: Partial<GrpcServerOptions>): Promise<GrpcServer> => {
      const server = await startGrpcServer({ host: address, port, methods: {}, onConnectionError, ...options });
      closers.push(() => server.close(flags['drain-timeout']));
      return server;
    };
    const reviewer = flags['metrics-endpoint-auth'] ? api?.client : undefined;
    const metrics = await serveMetrics({
      host: address,
      port: flags['metrics-port'],
      registry: picker.metrics.registry,
      reviewer,
      log,
    });
    closers.push(() => metrics.close());
    const healthServer = await serve(flags['grpc-health-port'], { methods: healthMethods(health, healthServices) });
    const grpc = await serve(flags['grpc-port'], {
      maxMessageBytes: flags['grpc-max-recv-msg-size'],
      methods: flags['health-checking'] ? healthMethods(health, healthServices) : {},
      ...(source === undefined
        ? { unimplemented: { [processPath]: picksInProcess } }
        : { streams: { [processPath]: exchanges(config, flags, picker, tracer, log) } }),
      ...(tls === undefined ? {} : { tls }),
    });
    if (flags['enable-cert-reload'] && flags['cert-path'] !== '') {
      closers.push(watchCertificate(flags['cert-path'], grpc.useCertificate, log));
    }
    const ports = { grpc: grpc.port, health: healthServer.port, metrics: metrics.port };
    const plugins = config.plugins.map(({ name, type }) => (name === type ? type : `${type} ${name}`));
    const from = file?.path ?? api?.source;
    log.info(
      { pool: pool.name, poolNamespace: pool.namespace, from, plugins, ports },
      source === undefined ? picksInProcess : 'endpoint picker started',
    );
    const unused = flagsWithoutEffect(given);
    if (unused.length > 0) log.info({ flags: unused }, 'flags accepted that have no effect in this build');
    if (reviewer === undefined && flags['metrics-endpoint-auth'])
      log.info('metrics are served to everybody: there is no Kubernetes API to review tokens');
    return { url: `${tls === undefined ? 'http' : 'https'}://${address}:${String(grpc.port)}`, ports, close: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** Names that health's List reports. */
const healthServices = ['', 'inference-extension', extProcService];

/** The pool, or the name that stands for it where pods are selected without one (epp.md 4.1: POD_NAME without its last two suffixes). */
function poolOf(flags: EppFlags, env: EppOptions['env']): { name: string; namespace: string } {
  const namespace = flags['pool-namespace'] || env['NAMESPACE'] || 'default';
  if (flags['pool-name'] !== '') return { name: flags['pool-name'], namespace };
  return { name: (env['POD_NAME'] ?? '').split('-').slice(0, -2).join('-') || 'endpoints', namespace };
}

/** The file that says which endpoints there are, by flag or by the configuration's discovery plugin. */
function poolFile(flags: EppFlags, config: PickerConfig): DiscoveryFile | undefined {
  const path = flags['endpoints-file'];
  return path === '' ? config.discovery : { path, follow: true };
}

interface PoolOptions {
  flags: EppFlags;
  file: DiscoveryFile | undefined;
  pool: { name: string; namespace: string };
  picker: PoolPicker;
  api: ApiAccess | undefined;
  log: Log;
}

/** Where the pool is learned from: the file, else the API; undefined when there is neither. */
async function openPool({ flags, file, pool, picker, api, log }: PoolOptions): Promise<PoolSource | undefined> {
  const { listener } = picker;
  if (file !== undefined) return watchFilePool(file, pool, listener, log);
  if (api === undefined) return undefined;
  const selected = flags['endpoint-selector'];
  const selector = { matchExpressions: selected === '' ? [] : parseSelector(selected) };
  return watchKubePool({
    client: api.client,
    namespace: pool.namespace,
    pool:
      selected === ''
        ? { name: pool.name, group: flags['pool-group'] }
        : { selector, ports: flags['endpoint-target-ports'] },
    listener,
    log,
  });
}

function startElection(
  options: Omit<PoolOptions, 'file' | 'picker'> & { env: EppOptions['env'] },
): Leadership | undefined {
  const { flags, pool, api, env, log } = options;
  if (!flags['ha-enable-leader-election']) return undefined;
  if (api === undefined) throw new Error('flag --ha-enable-leader-election needs a Kubernetes API');
  const name = `epp-${pool.namespace}-${pool.name}.llm-d.ai`;
  return electLeader({ client: api.client, namespace: pool.namespace, name, identity: env['POD_NAME'], log });
}

const parsers: Readonly<Record<string, ExchangeOptions['parser']>> = {
  'passthrough-parser': 'passthrough',
  'vllmgrpc-parser': 'vllmgrpc',
  'vertexai-parser': 'vertexai',
};

function exchanges(config: PickerConfig, flags: EppFlags, picker: PoolPicker, tracer: Tracer | undefined, log: Log) {
  const uses = (type: string): boolean => config.plugins.some((plugin) => plugin.type === type);
  const parser = config.plugins.find(({ name }) => name === config.parser)?.type;
  const options: ExchangeOptions = {
    pool: picker.pool,
    parser: parsers[parser ?? ''] ?? 'openai',
    ignoreSubset: flags['disable-endpoint-subset-filter'],
    detectMultimodal: uses('always-disagg-multimodal-decider'),
    tellServedEndpoint: uses('destination-endpoint-served-verifier'),
    maxBodyBytes: flags['grpc-max-recv-msg-size'],
    refused: picker.metrics.refused,
    tracer,
    log,
  };
  return (call: ConstructorParameters<typeof EppExchange>[0]) => new EppExchange(call, options);
}
