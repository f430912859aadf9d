import type { Level } from 'pino';
import type { eppFlags, EppFlags } from './eppflags.ts';

/** Accepted because manifests carry them; nothing here depends on them, and the program says so when they are given. */
const withoutEffect = new Set<keyof typeof eppFlags>([
  'model-server-metrics-https-insecure-skip-verify',
  'refresh-prometheus-metrics-interval',
  'metrics-staleness-threshold',
  'zap-encoder',
  'zap-devel',
  'zap-stacktrace-level',
  'zap-time-encoding',
  'enable-pprof',
  'grpc-max-send-msg-size',
  'emit-endpoint-scores',
  'enable-grpc-stream-metrics',
  'tls-min-version',
  'tls-cipher-suites',
  'metrics-client-ca-file',
  'metrics-cert-dir',
  'allow-experimental-plugins',
]);

export function flagsWithoutEffect(given: ReadonlySet<string>): string[] {
  return [...given].filter((name) => withoutEffect.has(name as keyof typeof eppFlags));
}

/** The log level that --zap-log-level, else --v asks for (epp.md 4.1: 2 default, 3 verbose, 4 debug, 5 trace); undefined: neither was given. */
export function logLevel(flags: Pick<EppFlags, 'v' | 'zap-log-level'>, given: ReadonlySet<string>): Level | undefined {
  const text = flags['zap-log-level'];
  if (text !== '') return zapLevels[text] ?? levelOf(Number(text));
  return given.has('v') ? levelOf(flags.v) : undefined;
}

const zapLevels: Readonly<Record<string, Level>> = {
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  error: 'error',
  dpanic: 'fatal',
  panic: 'fatal',
  fatal: 'fatal',
};

function levelOf(verbosity: number): Level {
  if (verbosity >= 5) return 'trace';
  return verbosity === 4 ? 'debug' : 'info';
}
