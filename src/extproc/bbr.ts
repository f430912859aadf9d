import { Counter, Gauge, Histogram, Registry } from '../telemetry/prometheus.ts';
import { extProcService, processPath } from '../envoy/extproc.ts';
import { startGrpcServer, type GrpcServerOptions } from '../wire/grpcserver.ts';
import { healthMethods } from '../wire/grpchealthserver.ts';
import { findApi } from '../kube/apiaccess.ts';
import { noBaseModels, watchBaseModels } from './basemodels.ts';
import { BbrExchange, type BbrObserver, type BbrOptions } from './bbrexchange.ts';
import { readBbrFlags } from './bbrflags.ts';
import { overhead } from './buckets.ts';
import { certificateSource } from './certificate.ts';
import type { EppOptions } from './epp.ts';
import { flagsWithoutEffect, logLevel } from './eppflageffects.ts';

export interface Bbr {
  /** Of the ext_proc server. */
  url: string;
  ports: { grpc: number; health: number; metrics: number };
  close(): Promise<void>;
}

const drainMs = 1000;

/**
 * The body-based router program (epp.md 8): tells a proxy by headers which model a request's body names, so that routes can match it.
 *
 * @throws FlagError for a wrong command line, Error for certificates or credentials that cannot be used
 */
export async function startBbr(
  argv: readonly string[],
  { env, host, serveMetrics, log }: Omit<EppOptions, 'host'> & { host?: string },
): Promise<Bbr> {
  const { flags, given, plugins } = readBbrFlags(argv);
  log.level = logLevel(flags, given) ?? log.level;
  const address = host ?? (env['HEADGATE_LISTEN_ADDRESS'] || '127.0.0.1');
  const tls = await certificateSource(flags);
  const api = await findApi(env);
  const closers: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).toReversed()) await close();
  };
  try {
    if (api !== undefined) closers.push(() => api.client.close());
    const bases = api === undefined ? noBaseModels : watchBaseModels(api.client, env['NAMESPACE'] || undefined, log);
    closers.push(() => bases.close());
    const { registry, observer } = createBbrMetrics();
    const reviewer = flags['metrics-endpoint-auth'] ? api?.client : undefined;
    const metrics = await serveMetrics({ host: address, port: flags['metrics-port'], registry, reviewer, log });
    closers.push(() => metrics.close());
    const onConnectionError = (error: Error): void => log.debug({ err: error }, 'connection failed');
    const serve = async (port: number, options: Partial<GrpcServerOptions>): Promise<number> => {
      const server = await startGrpcServer({ host: address, port, methods: {}, onConnectionError, ...options });
      closers.push(() => server.close(drainMs));
      return server.port;
    };
    const methods = healthMethods(() => 'SERVING', ['', extProcService]);
    const health = await serve(flags['grpc-health-port'], { methods });
    const options: BbrOptions = {
      plugins,
      assumedMode: flags.streaming ? 'FULL_DUPLEX_STREAMED' : 'BUFFERED',
      maxBodyBytes: flags['grpc-max-recv-msg-size'],
      baseOf: (model) => bases.baseOf(model),
      observer,
    };
    const grpc = await serve(flags['grpc-port'], {
      maxMessageBytes: flags['grpc-max-recv-msg-size'],
      streams: { [processPath]: (call) => new BbrExchange(call, options) },
      ...(tls === undefined ? {} : { tls }),
    });
    const ports = { grpc, health, metrics: metrics.port };
    log.info({ from: api?.source, plugins, ports }, 'body-based router started');
    if (api === undefined) log.info('no Kubernetes API is known here: the base models of adapters stay unknown');
    const unused = [...flagsWithoutEffect(given), ...(given.has('tracing') ? ['tracing'] : [])];
    if (unused.length > 0) log.info({ flags: unused }, 'flags accepted that have no effect in this build');
    return { url: `${tls === undefined ? 'http' : 'https'}://${address}:${String(grpc)}`, ports, close: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** epp.md 8.3 */
function createBbrMetrics(): { registry: Registry; observer: BbrObserver } {
  const registry = new Registry();
  const registers = [registry];
  const success = new Counter({ name: 'bbr_success_total', help: 'Bodies that were read.', registers });
  const byField = (name: string, help: string) => new Counter({ name, help, labelNames: ['field'], registers });
  const notFound = byField('bbr_body_field_not_found_total', 'Bodies without the field.');
  const empty = byField('bbr_body_field_empty_total', 'Bodies whose field is empty.');
  const duration = new Histogram({
    name: 'bbr_plugin_duration_seconds',
    help: 'Time spent in a plugin.',
    labelNames: ['extension_point', 'plugin_type', 'plugin_name'],
    buckets: overhead,
    registers,
  });
  const info = new Gauge({
    name: 'bbr_info',
    help: 'The build of this router.',
    labelNames: ['commit', 'build_ref'],
    registers,
  });
  info.set({ commit: '', build_ref: 'headgate' }, 1);
  return {
    registry,
    observer: {
      succeeded: () => {
        success.inc();
      },
      fieldNotFound: (field) => {
        notFound.inc({ field });
      },
      fieldEmpty: (field) => {
        empty.inc({ field });
      },
      plugin: (plugin_type, plugin_name, seconds) => {
        duration.observe({ extension_point: 'RequestBody', plugin_type, plugin_name }, seconds);
      },
    },
  };
}
