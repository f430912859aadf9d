/** A pool declared in a file, where there is no Kubernetes (--endpoints-file, file-discovery): docs/envoy.md describes the format. */
import { readFile, stat } from 'node:fs/promises';
import { Type, type Static, type TSchema } from '../kinds/type.ts';
import { matches, problemWith } from '../kinds/check.ts';
import { parseAllDocuments } from 'yaml';
import { InferenceModelRewrite } from '../kinds/inference/inferencemodelrewrite.ts';
import { InferenceObjective } from '../kinds/inference/inferenceobjective.ts';
import { structuralSchemaOf } from '../kinds/structural.ts';
import type { Kind } from '../kinds/kind.ts';
import type { KubeObject } from '../kinds/object.ts';
import type { DiscoveryFile } from '../picker/config/config.ts';
import type { PickerEndpoint } from '../picker/request.ts';
import type { Log } from '../telemetry/log.ts';
import { endpointKey } from './podendpoints.ts';
import type { PoolListener, PoolSource } from './poolsource.ts';

const maxFileBytes = 4 * 1024 * 1024;
/** How often the file is looked at: a change arrives within this time, however it is written (a mounted ConfigMap swaps links). */
const checkIntervalMs = 500;

const endpointList = Type.Object(
  {
    endpoints: Type.Array(
      Type.Object(
        {
          address: Type.String({ pattern: '^([0-9.]+|[0-9a-fA-F:]+)$' }),
          // Files of upstream's file-discovery say it as text.
          port: Type.Union([
            Type.Integer({ minimum: 1, maximum: 65535 }),
            Type.String({
              pattern: '^([1-9][0-9]{0,3}|[1-5][0-9]{4}|6([0-4][0-9]{3}|5([0-4][0-9]{2}|5([0-2][0-9]|3[0-5]))))$',
            }),
          ]),
          name: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
          namespace: Type.Optional(Type.String({ minLength: 1, maxLength: 63 })),
          labels: Type.Optional(Type.Record(Type.String(), Type.String())),
        },
        { additionalProperties: false },
      ),
      { maxItems: 10_000 },
    ),
  },
  { additionalProperties: false },
);

export interface PoolFile {
  endpoints: readonly PickerEndpoint[];
  objectives: readonly InferenceObjective[];
  rewrites: readonly InferenceModelRewrite[];
}

/**
 * Reads the documents of a pool file: a list of endpoints, InferenceObjectives and InferenceModelRewrites.
 * @throws Error naming the file, the document and the field
 */
export function parsePoolFile(text: string, file: string, namespace: string): PoolFile {
  const pool = {
    endpoints: [] as PickerEndpoint[],
    objectives: [] as InferenceObjective[],
    rewrites: [] as InferenceModelRewrite[],
  };
  for (const [index, document] of [...parseAllDocuments(text)].entries()) {
    const where = `${file}: document ${String(index + 1)}`;
    const [problem] = document.errors;
    if (problem !== undefined) throw new Error(`${where}: ${problem.message}`);
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    if (value === null) continue;
    if (typeof value !== 'object') throw new Error(`${where}: a map expected`);
    const kind = 'kind' in value ? value.kind : undefined;
    if (kind === 'InferenceObjective')
      pool.objectives.push(inNamespace(objectOf(InferenceObjective, value, where), namespace));
    else if (kind === 'InferenceModelRewrite')
      pool.rewrites.push(inNamespace(objectOf(InferenceModelRewrite, value, where), namespace));
    else if (kind !== undefined) throw new Error(`${where}: kind ${JSON.stringify(kind)} does not belong here`);
    else pool.endpoints.push(...endpointsOf(checked(endpointList, value, where)));
  }
  return pool;
}

function endpointsOf({ endpoints }: Static<typeof endpointList>): PickerEndpoint[] {
  return endpoints.map(({ address, port, name, namespace, labels }) => ({
    key: endpointKey(address, Number(port)),
    address,
    port: Number(port),
    ...(name === undefined ? {} : { name: namespace === undefined ? name : `${namespace}/${name}`, podName: name }),
    ...(labels === undefined ? {} : { labels }),
  }));
}

/** What is in the pool's file belongs to the pool's namespace. */
function inNamespace<T extends KubeObject>(object: T, namespace: string): T {
  return { ...object, metadata: { ...object.metadata, namespace } };
}

function objectOf<T extends KubeObject>(kind: Kind<T>, value: object, where: string): T {
  const [version] = kind.versions;
  if (version === undefined) throw new Error(`${kind.kind} has no version`);
  const metadata = Type.Object({ metadata: Type.Object({ name: Type.String({ minLength: 1 }) }) });
  checked(metadata, value, where);
  checked(structuralSchemaOf(version), value, where);
  return value as unknown as T; // Its schema, from which T is made, has just been checked.
}

function checked<S extends TSchema>(schema: S, value: unknown, where: string): Static<S> {
  if (matches(schema, value)) return value;
  const error = problemWith(schema, value);
  throw new Error(
    `${where}: ${error?.instancePath.slice(1).replaceAll('/', '.') ?? ''}: ${error?.message ?? 'is not valid'}`,
  );
}

/**
 * Reads the file and follows its changes, if it is to. A file that is wrong when it changes is reported, and the last good one stays.
 * @throws Error when it is wrong at the start
 */
export async function watchFilePool(
  { path: file, follow }: DiscoveryFile,
  { namespace }: { namespace: string },
  listener: PoolListener,
  log: Log,
): Promise<PoolSource> {
  const load = async (): Promise<void> => {
    const { size } = await stat(file);
    if (size > maxFileBytes) throw new Error(`${file}: larger than ${String(maxFileBytes)} bytes`);
    const pool = parsePoolFile(await readFile(file, 'utf8'), file, namespace);
    listener.objects(pool.objectives, pool.rewrites);
    listener.endpoints(pool.endpoints);
    log.info({ file, endpoints: pool.endpoints.length }, 'endpoints read from the file');
  };
  const version = async (): Promise<string> => {
    const { mtimeMs, ino, size } = await stat(file);
    return `${String(mtimeMs)} ${String(ino)} ${String(size)}`;
  };
  let loaded = await version();
  await load();
  if (!follow) return { synced: () => true, close: () => Promise.resolve() };
  let checking = false;
  const check = async (): Promise<void> => {
    try {
      const found = await version();
      if (found === loaded) return;
      loaded = found;
      await load();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (loaded !== reason) log.error({ file, reason }, 'the endpoints file cannot be used; the last good one stays');
      loaded = reason;
    }
  };
  const timer = setInterval(() => {
    if (checking) return;
    checking = true;
    void check().finally(() => {
      checking = false;
    });
  }, checkIntervalMs);
  return {
    synced: () => true,
    close: () => {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}
