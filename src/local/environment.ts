import type { Container, EnvVarSource, ObjectFieldSelector } from 'kubernetes-types/core/v1.js';
import type { ConfigMap } from '../kinds/core/configmap.ts';
import type { Pod } from '../kinds/core/pod.ts';
import type { Secret } from '../kinds/core/secret.ts';

/** Objects that a Pod's environment and volumes refer to, by name in the Pod's namespace. */
export interface PodSources {
  configMap(name: string): ConfigMap | undefined;
  secret(name: string): Secret | undefined;
  /** The directory of a PersistentVolumeClaim that is bound; undefined while it is not. */
  claimDirectory(name: string): string | undefined;
}

/** What of a Pod is only known on the node. */
export interface PodAddresses {
  podIP: string;
  hostIP: string;
}

/** A container cannot be started as declared; kubelet's waiting reason with its message. The object named may appear yet. */
export class ContainerConfigError extends Error {
  override readonly name = 'ContainerConfigError';
  readonly reason: 'CreateContainerConfigError' | 'UnsupportedVolume' | 'UnsupportedCommand' | 'UnsupportedField';

  constructor(reason: ContainerConfigError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

export function configError(message: string): ContainerConfigError {
  return new ContainerConfigError('CreateContainerConfigError', message);
}

/**
 * The environment a container declares: `envFrom`, then `env` in order, where `$(NAME)` stands for a variable defined before.
 *
 * @throws ContainerConfigError when a ConfigMap, Secret, key or field referred to does not exist.
 */
export function containerEnvironment(
  container: Container,
  pod: Pod,
  addresses: PodAddresses,
  sources: PodSources,
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const data =
      configMapRef === undefined
        ? secretText(sources, secretRef?.name ?? '', pod, secretRef?.optional ?? false)
        : configMapText(sources, configMapRef.name ?? '', pod, configMapRef.optional ?? false);
    for (const [key, value] of Object.entries(data ?? {})) env[prefix + key] = value;
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const resolved =
      valueFrom === undefined ? expand(value ?? '', env) : sourcedValue(valueFrom, container, pod, addresses, sources);
    if (resolved !== undefined) env[name] = resolved;
  }
  return env;
}

/** Replaces `$(NAME)` where NAME is defined; `$$` stands for `$` (third_party/forked/golang/expansion). */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$(\$|\(([^()]*)\))/g, (whole, _rest, name: string | undefined) => {
    if (name === undefined) return '$';
    return Object.hasOwn(env, name) ? (env[name] ?? '') : whole;
  });
}

/** undefined for an optional source that is not there: the variable is not set. */
function sourcedValue(
  source: EnvVarSource,
  container: Container,
  pod: Pod,
  addresses: PodAddresses,
  sources: PodSources,
): string | undefined {
  const { configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef } = source;
  if (configMapKeyRef !== undefined) {
    const { name = '', key, optional = false } = configMapKeyRef;
    return keyOfData(configMapText(sources, name, pod, optional), 'ConfigMap', name, key, pod, optional);
  }
  if (secretKeyRef !== undefined) {
    const { name = '', key, optional = false } = secretKeyRef;
    return keyOfData(secretText(sources, name, pod, optional), 'Secret', name, key, pod, optional);
  }
  if (fieldRef !== undefined) return podField(fieldRef, pod, addresses);
  if (resourceFieldRef !== undefined) {
    const found = resourceField(container, resourceFieldRef.resource);
    if (found !== undefined) return found;
    throw configError(
      `container ${container.name} does not set ${resourceFieldRef.resource}, which resourceFieldRef needs here`,
    );
  }
  throw configError('valueFrom names no source: use fieldRef, configMapKeyRef, secretKeyRef or resourceFieldRef');
}

function keyOfData(
  data: Record<string, string> | undefined,
  kind: string,
  name: string,
  key: string,
  pod: Pod,
  optional: boolean,
): string | undefined {
  const value = data?.[key];
  if (value !== undefined || optional) return value;
  throw configError(`couldn't find key ${key} in ${kind} ${pod.metadata.namespace ?? ''}/${name}`);
}

export function configMapText(
  sources: PodSources,
  name: string,
  pod: Pod,
  optional: boolean,
): Record<string, string> | undefined {
  const configMap = sources.configMap(name);
  if (configMap !== undefined) return configMap.data ?? {};
  if (optional) return undefined;
  throw configError(`configmap "${name}" not found in namespace "${pod.metadata.namespace ?? ''}"`);
}

function secretText(
  sources: PodSources,
  name: string,
  pod: Pod,
  optional: boolean,
): Record<string, string> | undefined {
  const secret = sources.secret(name);
  if (secret === undefined) {
    if (optional) return undefined;
    throw configError(`secret "${name}" not found in namespace "${pod.metadata.namespace ?? ''}"`);
  }
  return Object.fromEntries(
    Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
  );
}

/** The downward API's fields of a Pod. */
export function podField({ fieldPath }: ObjectFieldSelector, pod: Pod, addresses: PodAddresses): string {
  const { metadata, spec } = pod;
  const entry = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(fieldPath);
  if (entry !== null) return metadata[entry[1] === 'labels' ? 'labels' : 'annotations']?.[entry[2] ?? ''] ?? '';
  switch (fieldPath) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'metadata.labels':
      return mapText(metadata.labels);
    case 'metadata.annotations':
      return mapText(metadata.annotations);
    case 'spec.nodeName':
      return spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? 'default';
    case 'status.podIP':
    case 'status.podIPs':
      return addresses.podIP;
    case 'status.hostIP':
    case 'status.hostIPs':
      return addresses.hostIP;
    default:
      throw configError(`unsupported fieldPath: ${fieldPath}`);
  }
}

function mapText(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .toSorted()
    .join('\n');
}

/** A declared limit or request such as `limits.cpu`, in whole cores or bytes, rounded up. */
function resourceField(container: Container, resource: string): string | undefined {
  const [group, ...rest] = resource.split('.');
  const name = rest.join('.');
  const quantity =
    group === 'limits'
      ? container.resources?.limits?.[name]
      : group === 'requests'
        ? (container.resources?.requests?.[name] ?? container.resources?.limits?.[name])
        : undefined;
  const amount = quantity === undefined ? undefined : parseQuantity(quantity);
  return amount === undefined ? undefined : String(Math.ceil(amount));
}

const suffixes: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

function parseQuantity(text: string | number): number | undefined {
  const parts = /^([0-9.]+)(\D*)$/.exec(String(text));
  const factor = suffixes[parts?.[2] ?? ''];
  return parts === null || factor === undefined ? undefined : Number(parts[1]) * factor;
}
