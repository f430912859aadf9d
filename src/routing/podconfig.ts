/** What an endpoint picker that runs as a pod is configured with, read from the pod's own spec (epp.md 4.1, 4.7). */
import type { Container, KeyToPath } from 'kubernetes-types/core/v1.js';
import type { ConfigMap } from '../kinds/core/configmap.ts';
import type { Pod } from '../kinds/core/pod.ts';

export type PodConfig =
  /** The text of an EndpointPickerConfig; '' is the default. */
  | { readonly type: 'text'; readonly text: string }
  /** Only the running program can do it: a file of something else than a ConfigMap, flags beside the configuration, or plugins of its own. */
  | { readonly type: 'unknown' }
  | { readonly type: 'missing'; readonly message: string };

/** Flags that steer picks besides the configuration: with one of them the pod is asked itself. */
const steeringFlags = [
  'endpoint-selector',
  'endpoint-target-ports',
  'endpoints-file',
  'model-server-metrics-scheme',
  'model-server-metrics-path',
  'model-server-metrics-port',
  'total-queued-requests-metric',
  'total-running-requests-metric',
  'kv-cache-usage-percentage-metric',
  'lora-info-metric',
  'cache-info-metric',
];

/**
 * What of a configuration only the running program does: to read bodies that are not JSON, to find endpoints elsewhere, to tell a proxy something when a response is over,
 * and to be dialled by publishers of KV events.
 */
const ofTheProgram = [
  'vllmgrpc-parser',
  'vertexai-parser',
  'request-attribute-reporter',
  'destination-endpoint-served-verifier',
  'file-discovery',
  'zmqEndpoint',
];

/** `configMap` finds a ConfigMap of the pod's namespace by its name. */
export function podConfig(
  pod: Pod,
  container: Container,
  configMap: (name: string) => ConfigMap | undefined,
): PodConfig {
  const args = [...(container.command ?? []), ...(container.args ?? [])];
  if (steeringFlags.some((flag) => flagValue(args, flag) !== undefined)) return { type: 'unknown' };
  const config = declaredConfig(pod, container, args, configMap);
  return config.type === 'text' && ofTheProgram.some((name) => config.text.includes(name))
    ? { type: 'unknown' }
    : config;
}

function declaredConfig(
  pod: Pod,
  container: Container,
  args: readonly string[],
  configMap: (name: string) => ConfigMap | undefined,
): PodConfig {
  const text = flagValue(args, 'config-text') ?? '';
  if (text !== '') return { type: 'text', text };
  const file = flagValue(args, 'config-file') ?? '';
  return file === '' ? { type: 'text', text: '' } : mountedFile(pod, container, file, configMap);
}

/** The last value of a Go flag, which has one dash or two and its value behind `=` or in the next word. */
function flagValue(args: readonly string[], flag: string): string | undefined {
  let value: string | undefined;
  for (const [at, word] of args.entries()) {
    const name = word.replace(/^--?/, '');
    if (name === word) continue;
    if (name === flag) value = args[at + 1] ?? '';
    else if (name.startsWith(`${flag}=`)) value = name.slice(flag.length + 1);
  }
  return value;
}

interface Projection {
  readonly name?: string;
  readonly items?: readonly KeyToPath[];
}

function mountedFile(
  pod: Pod,
  container: Container,
  file: string,
  configMap: (name: string) => ConfigMap | undefined,
): PodConfig {
  // The deepest mount wins, as in a mount namespace.
  const mount = (container.volumeMounts ?? [])
    .filter(({ mountPath }) => file === mountPath || file.startsWith(withSlash(mountPath)))
    .toSorted((a, b) => b.mountPath.length - a.mountPath.length)[0];
  const volume = pod.spec.volumes?.find(({ name }) => name === mount?.name);
  const projections: readonly (Projection | undefined)[] =
    volume?.configMap !== undefined
      ? [volume.configMap]
      : (volume?.projected?.sources ?? []).map((source) => source.configMap);
  if (mount === undefined || mount.subPathExpr !== undefined || projections.length === 0) return { type: 'unknown' };
  const below = file === mount.mountPath ? '' : file.slice(withSlash(mount.mountPath).length);
  const path = [mount.subPath ?? '', below].filter((part) => part !== '').join('/');
  let missing = `no ConfigMap of volume ${mount.name} has it`;
  // Of several sources the last one that has the file wins.
  for (const { name = '', items } of projections.filter((source) => source !== undefined).toReversed()) {
    const found = configMap(name);
    const key = items === undefined || items.length === 0 ? path : items.find((item) => item.path === path)?.key;
    const text = key === undefined || found === undefined ? undefined : valueOf(found, key);
    if (text !== undefined) return { type: 'text', text };
    if (found === undefined) missing = `there is no ConfigMap ${name}`;
    else missing = `ConfigMap ${name} has no ${key === undefined ? `item with the path ${path}` : `key ${key}`}`;
  }
  return { type: 'missing', message: `--config-file ${file}: ${missing}` };
}

function withSlash(path: string): string {
  return path.endsWith('/') ? path : `${path}/`;
}

function valueOf({ data, binaryData }: ConfigMap, key: string): string | undefined {
  const binary = binaryData?.[key];
  return data?.[key] ?? (binary === undefined ? undefined : Buffer.from(binary, 'base64').toString());
}
