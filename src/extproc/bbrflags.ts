import { booleanFlag, FlagError, integerFlag, listFlag, parseFlags } from '../flags/goflags.ts';
import { eppFlags } from './eppflags.ts';

/** What a plugin does with a body: the value of a field, or the base model of the model it names, becomes a header (epp.md 8.2). */
export type BbrPlugin = {
  readonly name: string;
  readonly headerName: string;
} & ({ readonly type: 'body-field-to-header'; readonly fieldName: string } | { readonly type: 'base-model-to-header' });

const port = (fallback: number) => integerFlag(fallback, { min: 0, max: 65535 });

/** The command line of the body-based router (epp.md 8.1). */
export const bbrFlags = {
  'grpc-port': port(9004),
  'grpc-health-port': port(9005),
  'metrics-port': port(9090),
  streaming: booleanFlag(false),
  'secure-serving': booleanFlag(true),
  'cert-path': eppFlags['cert-path'],
  tracing: booleanFlag(true),
  'metrics-endpoint-auth': booleanFlag(true),
  'enable-pprof': booleanFlag(true),
  plugin: listFlag(parsePlugin, (text) => [text]),
  v: eppFlags.v,
  'zap-encoder': eppFlags['zap-encoder'],
  'zap-log-level': eppFlags['zap-log-level'],
  'zap-devel': eppFlags['zap-devel'],
  'zap-stacktrace-level': eppFlags['zap-stacktrace-level'],
  'zap-time-encoding': eppFlags['zap-time-encoding'],
  'grpc-max-recv-msg-size': eppFlags['grpc-max-recv-msg-size'],
} as const;

export type BbrFlags = ReturnType<typeof parseFlags<typeof bbrFlags>>['values'];

const defaultPlugins: readonly BbrPlugin[] = [
  {
    type: 'body-field-to-header',
    name: 'body-field-to-header',
    fieldName: 'model',
    headerName: 'x-gateway-model-name',
  },
  { type: 'base-model-to-header', name: 'base-model-to-header', headerName: 'x-gateway-base-model-name' },
];

/** @throws FlagError naming the flag */
export function readBbrFlags(argv: readonly string[]): {
  flags: BbrFlags;
  given: ReadonlySet<string>;
  plugins: readonly BbrPlugin[];
} {
  const { values, given } = parseFlags(argv, bbrFlags);
  const ports = [values['grpc-port'], values['grpc-health-port'], values['metrics-port']].filter(
    (value) => value !== 0,
  );
  if (new Set(ports).size < ports.length) {
    throw new FlagError('flags --grpc-port, --grpc-health-port and --metrics-port must differ');
  }
  return { flags: values, given, plugins: values.plugin.length === 0 ? defaultPlugins : values.plugin };
}

/** `type:name[:json]` */
function parsePlugin(text: string): BbrPlugin {
  const [, type, name, json = '{}'] = /^([^:]+):([^:]+)(?::(.*))?$/s.exec(text) ?? [];
  if (name === undefined) throw new FlagError('type:name or type:name:{json parameters} expected');
  const parameters = parseParameters(json);
  const textOf = (key: string): string | undefined => {
    const value = parameters[key];
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      throw new FlagError(`parameter ${key} of ${name}: a text expected`);
    }
    return value;
  };
  if (type === 'base-model-to-header') return { type, name, headerName: 'x-gateway-base-model-name' };
  if (type !== 'body-field-to-header') {
    throw new FlagError(
      `plugin type ${String(type)} is unknown: body-field-to-header or base-model-to-header expected`,
    );
  }
  const [fieldName, headerName] = [textOf('fieldName'), textOf('headerName')];
  if (fieldName === undefined || headerName === undefined) {
    throw new FlagError(`plugin ${name} needs the parameters fieldName and headerName`);
  }
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(headerName))
    throw new FlagError(`headerName ${headerName} is no header name`);
  return { type, name, fieldName, headerName: headerName.toLowerCase() };
}

function parseParameters(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Reported below.
  }
  throw new FlagError('the parameters of a plugin must be a JSON object');
}
