import { InferencePool } from '../kinds/inference/inferencepool.ts';
import { XInferencePool } from '../kinds/inference/xinferencepool.ts';
import {
  booleanFlag,
  durationFlag,
  FlagError,
  integerFlag,
  listFlag,
  oneOfFlag,
  parseFlags,
  stringFlag,
} from '../flags/goflags.ts';

/** The command line of the endpoint picker (epp.md 4.1): the flags of v1.0.1 and those that came later. */

const port = (fallback: number) => integerFlag(fallback, { min: 0, max: 65535 });
const zapLevels = ['debug', 'info', 'warn', 'error', 'dpanic', 'panic', 'fatal'];

export const eppFlags = {
  'grpc-port': port(9002),
  'grpc-health-port': port(9003),
  'metrics-port': port(9090),
  'pool-name': stringFlag(''),
  'pool-namespace': stringFlag(''),
  'pool-group': oneOfFlag([InferencePool.group, XInferencePool.group], InferencePool.group),
  'endpoint-selector': stringFlag(''),
  'endpoint-target-ports': listFlag(targetPort),
  'disable-endpoint-subset-filter': booleanFlag(false),
  'ha-enable-leader-election': booleanFlag(false),
  'model-server-metrics-scheme': oneOfFlag(['http', 'https'], 'http'),
  'model-server-metrics-path': stringFlag('/metrics'),
  'model-server-metrics-port': port(0),
  'model-server-metrics-https-insecure-skip-verify': booleanFlag(true),
  'refresh-metrics-interval': durationFlag(50),
  'refresh-prometheus-metrics-interval': durationFlag(5000),
  'metrics-staleness-threshold': durationFlag(2000),
  'total-queued-requests-metric': stringFlag('vllm:num_requests_waiting'),
  'total-running-requests-metric': stringFlag('vllm:num_requests_running'),
  'kv-cache-usage-percentage-metric': stringFlag('vllm:kv_cache_usage_perc'),
  'lora-info-metric': stringFlag('vllm:lora_requests_info'),
  'cache-info-metric': stringFlag('vllm:cache_config_info'),
  v: integerFlag(2, { min: 0, max: 10 }),
  'zap-encoder': oneOfFlag(['json', 'console'], 'json'),
  'zap-log-level': { default: '', parse: zapLevel },
  'zap-devel': booleanFlag(false),
  'zap-stacktrace-level': { default: '', parse: zapLevel },
  'zap-time-encoding': oneOfFlag(['epoch', 'millis', 'nano', 'iso8601', 'rfc3339', 'rfc3339nano'], 'epoch'),
  tracing: booleanFlag(true),
  'health-checking': booleanFlag(false),
  'enable-pprof': booleanFlag(true),
  'cert-path': stringFlag(''),
  'enable-cert-reload': booleanFlag(false),
  'secure-serving': booleanFlag(true),
  'metrics-endpoint-auth': booleanFlag(true),
  'config-file': stringFlag(''),
  'config-text': stringFlag(''),
  // Those of later versions.
  'drain-timeout': durationFlag(1000),
  'grpc-max-recv-msg-size': integerFlag(32 * 1024 * 1024, { min: 1024, max: 1024 ** 3 }),
  'grpc-max-send-msg-size': integerFlag(32 * 1024 * 1024, { min: 1024, max: 1024 ** 3 }),
  'emit-endpoint-scores': booleanFlag(false),
  'enable-grpc-stream-metrics': booleanFlag(false),
  'tls-min-version': stringFlag(''),
  'tls-cipher-suites': stringFlag(''),
  'metrics-client-ca-file': stringFlag(''),
  'metrics-cert-dir': stringFlag(''),
  'allow-experimental-plugins': booleanFlag(false),
  // Our own: the pool from a file, without Kubernetes (docs/envoy.md).
  'endpoints-file': stringFlag(''),
} as const;

export type EppFlags = ReturnType<typeof parseFlags<typeof eppFlags>>['values'];

/** Parses the command line and checks what flags say together. @throws FlagError naming the flag */
export function readEppFlags(argv: readonly string[]): { flags: EppFlags; given: ReadonlySet<string> } {
  const { values, given } = parseFlags(argv, eppFlags);
  if (values['config-file'] !== '' && values['config-text'] !== '') {
    throw new FlagError('flags --config-file and --config-text exclude each other: give one of them');
  }
  if ((values['pool-name'] === '') === (values['endpoint-selector'] === '')) {
    throw new FlagError('exactly one of the flags --pool-name and --endpoint-selector is required');
  }
  if (values['endpoint-selector'] !== '' && values['endpoint-target-ports'].length === 0) {
    throw new FlagError('flag --endpoint-selector needs --endpoint-target-ports');
  }
  if (values['endpoint-target-ports'].length > 8) {
    throw new FlagError('flag --endpoint-target-ports: at most 8 ports expected');
  }
  return { flags: values, given };
}

function targetPort(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 65535) throw new FlagError('ports from 1 to 65535 expected');
  return number;
}

function zapLevel(text: string): string {
  if (zapLevels.includes(text) || /^[1-9]\d*$/.test(text)) return text;
  throw new FlagError(`one of ${zapLevels.join(', ')} or a number above 0 expected`);
}
