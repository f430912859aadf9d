import { Type, type Static } from '../../../kinds/type.ts';
import { matches, problemWith } from '../../../kinds/check.ts';
import {
  metrics,
  modelIdPattern,
  precisions,
  profileTypes,
  sourceUriPattern,
  type Metric,
  type Precision,
  type ProfileType,
} from '../../../kinds/aim/fields.ts';
import { binaryQuantity } from '../../../kinds/quantity.ts';

/** What a discovery job prints, and what a template keeps of it (aim.md 7.4). */

const gi = 1024 ** 3;

const metadata = Type.Object({
  engine: Type.Optional(Type.String()),
  gpu: Type.Optional(Type.String({ maxLength: 64 })),
  precision: Type.Optional(Type.String()),
  gpu_count: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })),
  metric: Type.Optional(Type.String()),
  type: Type.Optional(Type.String()),
});

const entry = Type.Object({
  profile: Type.Object({
    model: Type.Optional(Type.String()),
    quantized_model: Type.Optional(Type.String()),
    metadata: Type.Optional(metadata),
    engine_args: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    env_vars: Type.Optional(Type.Record(Type.String(), Type.String())),
  }),
  models: Type.Optional(
    Type.Array(
      Type.Object({
        name: Type.String({ pattern: modelIdPattern }),
        source: Type.String({ pattern: sourceUriPattern }),
        size_gb: Type.Optional(Type.Number({ minimum: 0, maximum: 2 ** 20 })),
      }),
    ),
  ),
});

export interface DiscoveredSource {
  modelId: string;
  sourceUri: string;
  /** Bytes as a quantity; absent when the image does not know. */
  size?: string;
}

export interface DiscoveredProfile {
  model?: string;
  quantized_model?: string;
  engine_args?: Record<string, unknown>;
  env_vars?: Record<string, string>;
  metadata: {
    engine?: string;
    gpu?: string;
    gpuCount?: number;
    metric?: Metric;
    precision?: Precision;
    type?: ProfileType;
  };
}

export interface Discovery {
  readonly modelSources: DiscoveredSource[];
  readonly profile: DiscoveredProfile;
}

/** The log holds no discovery result; the message says what is wrong and what to look at. */
export class DiscoveryParseError extends Error {
  override readonly name = 'DiscoveryParseError';
}

/**
 * The first entry of the JSON array in a discovery job's log. Images print log lines before it, too: the array is what ends
 * at the last `]`.
 *
 * @throws DiscoveryParseError
 */
export function parseDiscoveryOutput(log: string): Discovery {
  const [first] = findArray(log);
  if (!matches(entry, first)) {
    const error = problemWith(entry, first);
    const where = error === undefined ? '' : `: ${error.instancePath || 'the entry'} ${error.message}`;
    throw new DiscoveryParseError(`the first profile that the image printed is not as expected${where}`);
  }
  return {
    modelSources: (first.models ?? []).map(({ name, source, size_gb: sizeGb }) => ({
      modelId: name,
      sourceUri: source,
      ...(sizeGb === undefined ? {} : { size: binaryQuantity(Math.trunc(sizeGb * gi)) }),
    })),
    profile: profileOf(first.profile),
  };
}

/** Walking back over more brackets than this finds nothing an image meant. */
const mostBrackets = 10_000;

function findArray(log: string): readonly unknown[] {
  const whole = nonEmptyArray(log);
  if (whole !== undefined) return whole;
  const end = log.lastIndexOf(']');
  let start = end;
  for (let tried = 0; tried < mostBrackets && start > 0; tried++) {
    start = log.lastIndexOf('[', start - 1);
    if (start < 0) break;
    // Only a list of objects will do, and most brackets of a log begin none.
    if (!/^\[\s*\{/.test(log.slice(start, start + 64))) continue;
    const found = nonEmptyArray(log.slice(start, end + 1));
    if (found !== undefined) return found;
  }
  throw new DiscoveryParseError(
    'the image printed no JSON list of profiles: it must answer `dry-run --format=json` with one; see the log of the discovery pod',
  );
}

function nonEmptyArray(text: string): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.length > 0 ? value : undefined;
  } catch {
    return undefined;
  }
}

function profileOf(profile: Static<typeof entry>['profile']): DiscoveredProfile {
  const { metadata: said = {}, ...rest } = profile;
  const { engine, gpu, gpu_count: gpuCount, metric, precision, type } = said;
  const { model, quantized_model: quantizedModel, engine_args: engineArgs, env_vars: envVars } = rest;
  return {
    ...optional('model', model),
    ...optional('quantized_model', quantizedModel),
    ...optional('engine_args', engineArgs),
    ...optional('env_vars', envVars),
    metadata: {
      ...optional('engine', engine),
      ...optional('gpu', gpu),
      ...optional('gpuCount', gpuCount),
      ...optional('metric', oneOf('metric', metrics, metric)),
      ...optional('precision', oneOf('precision', precisions, precision)),
      ...optional('type', oneOf('type', profileTypes, type)),
    },
  };
}

/** A value that the schema of the status would refuse is refused here, where it can be explained (trap 9). */
function oneOf<V extends string>(field: string, values: readonly V[], text: string | undefined): V | undefined {
  if (text === undefined || text === '') return undefined;
  const found = values.find((value) => value === text.toLowerCase());
  if (found !== undefined) return found;
  throw new DiscoveryParseError(`profile.metadata.${field} is "${text}", which is none of ${values.join(', ')}`);
}

function optional<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  // A computed key widens to an index signature, which is what the record type says.
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}
