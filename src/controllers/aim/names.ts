import { createHash } from 'node:crypto';
import type { EnvVar } from '../../kinds/core/fields.ts';
import { goJson } from './gojson.ts';
import type { ImageReference } from './registry/imagereference.ts';

/** Names that are derived from others: the same inputs always give the same name (aim.md 2.3). */

export const longestName = 63;

export interface NameOptions {
  /** What the hash at the end is made of; absent: no hash. */
  readonly hash?: readonly unknown[];
  readonly hashLength?: number;
  readonly maxLength?: number;
}

export function derivedName(parts: readonly string[], options: NameOptions = {}): string {
  const { hash, hashLength = 8, maxLength = longestName } = options;
  if (parts.length === 0) throw new Error('a derived name needs at least one part');
  const suffix = hash === undefined ? '' : `-${hashOf(hash, hashLength)}`;
  const shortened = parts.map((part) => sanitizePart(part) || 'part');
  const joined = (): string => `${shortened.join('-')}${suffix}`;
  while (joined().length > maxLength) {
    const longest = Math.max(...shortened.map((part) => part.length));
    if (longest === 0) break;
    const at = shortened.findIndex((part) => part.length === longest);
    shortened[at] = (shortened[at] ?? '').slice(0, -1).replace(/-+$/, '');
  }
  return joined();
}

function hashOf(inputs: readonly unknown[], length: number): string {
  return sha256(inputs.map(goJson).join('|')).slice(0, length);
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Every character that names cannot hold becomes a `-`; runs stay. */
export function sanitizePart(text: string): string {
  const replaced = text.toLowerCase().replaceAll(/[^a-z0-9-]/gu, '-');
  return replaced.replace(/^-+/, '').slice(0, longestName).replace(/-+$/, '');
}

/** KServe adds `-predictor` and the namespace to the name, and all of it must fit a DNS label. */
const roomForInferenceService = longestName - '-predictor-'.length;

/** undefined: the namespace's name is too long (more than 42 characters) for any InferenceService. */
export function inferenceServiceName(service: string, namespace: string): string | undefined {
  const maxLength = roomForInferenceService - namespace.length;
  return maxLength < 10 ? undefined : derivedName([service], { hash: [namespace], maxLength });
}

/** Name of the Service that KServe makes for the pods of an InferenceService. */
export const predictorService = (inferenceService: string): string => `${inferenceService}-predictor`;

export function httpRouteName(service: string, namespace: string): string {
  return derivedName([service], { hash: [namespace] });
}

export function sharedCacheName(template: string, namespace: string): string {
  return derivedName([template], { hash: [namespace] });
}

export function dedicatedCacheName(template: string, service: string, serviceUid: string): string {
  return derivedName([template, service], { hash: [serviceUid] });
}

export function imageModelName(image: ImageReference): string {
  return derivedName([image.basename, image.tag], { hash: [image.text] });
}

export interface NamedSource {
  readonly modelId: string;
  readonly sourceUri: string;
  readonly env?: readonly EnvVar[];
}

/** The S3 endpoint that a source is read from: part of what it is. */
export function endpointOf(source: NamedSource): string | undefined {
  const value = source.env?.find(({ name }) => name === 'AWS_ENDPOINT_URL')?.value;
  return value === '' ? undefined : value;
}

export function customModelName(baseImage: string, sources: readonly NamedSource[]): string {
  const described = sources.flatMap((source) => {
    const endpoint = endpointOf(source);
    return [source.modelId, source.sourceUri, ...(endpoint === undefined ? [] : [endpoint])];
  });
  return derivedName([sources[0]?.modelId ?? ''], { hash: [baseImage, ...described] });
}

/** What a template is for. */
export interface NamedProfile {
  readonly gpu?: string | undefined;
  readonly count?: number | undefined;
  readonly metric?: string | undefined;
  readonly precision?: string | undefined;
}

export function derivedTemplateName(base: string, { gpu, count, precision, metric }: NamedProfile): string {
  const parts = [base, 'ovr', gpu?.toLowerCase(), count === undefined ? undefined : `${count}gpu`, precision, metric];
  const hash = [
    ...(gpu === undefined ? [] : ['gpu', gpu]),
    ...(count === undefined ? [] : ['count', count]),
    ...(precision === undefined ? [] : ['precision', precision]),
    ...(metric === undefined ? [] : ['metric', metric]),
  ];
  return derivedName(present(parts), { hash, hashLength: 4 });
}

const present = (parts: readonly (string | undefined)[]): string[] => parts.filter((part) => part !== undefined);

/** `1x-mi300x-lat-fp16`, of the parts that are known. */
export function profileSuffix({ gpu, count, metric, precision }: NamedProfile): string {
  const short = metric === 'latency' ? 'lat' : metric === 'throughput' ? 'thr' : metric;
  return present([count === undefined ? undefined : `${count}x`, gpu?.toLowerCase(), short, precision]).join('-');
}

export function discoveredTemplateName(model: string, image: string, profile: NamedProfile): string {
  return derivedName([image, profileSuffix(profile)], {
    hash: [`${model}-${image}${profileHashText(profile)}`],
    hashLength: 4,
  });
}

/** `-<gpu>-x<n>-<metric>-<precision>`, of the parts that are known. */
export function profileHashText({ gpu, count, metric, precision }: NamedProfile): string {
  return present([gpu, count === undefined ? undefined : `x${count}`, metric, precision])
    .map((part) => `-${part}`)
    .join('');
}

export interface NamedCustomTemplate {
  readonly model: string;
  /** Position among the model's custom templates. */
  readonly index: number;
  readonly name?: string | undefined;
  readonly profile?: { readonly metric?: string | undefined; readonly precision?: string | undefined } | undefined;
  readonly gpu?: { readonly requests?: number | undefined; readonly model?: string | undefined } | undefined;
}

export function customTemplateName({ model, index, name, profile, gpu }: NamedCustomTemplate): string {
  return derivedName(present([model, 'custom', name, profile?.precision, gpu?.model]), {
    hash: [
      model,
      index,
      name ?? '',
      ...(profile === undefined ? [] : [profile.precision ?? '', profile.metric ?? '']),
      ...(gpu === undefined ? [] : [gpu.requests ?? 0, gpu.model ?? '']),
    ],
  });
}

/** The template of a custom model that names none. */
export function automaticTemplateName(model: string): string {
  return derivedName([model, 'custom'], { hash: [model, 0] });
}

export interface NamedArtifact {
  readonly sourceUri: string;
  readonly env: readonly EnvVar[];
  readonly storageClassName?: string | undefined;
  /** The cache that has the artifact for itself. */
  readonly dedicatedTo?: string | undefined;
}

export function artifactName({ sourceUri, env, storageClassName = '', dedicatedTo }: NamedArtifact): string {
  const variables = env.length === 0 ? undefined : env;
  return derivedName([sourceUri.replaceAll('.', '-')], {
    hash: [sourceUri, variables, storageClassName, ...(dedicatedTo === undefined ? [] : ['dedicated', dedicatedTo])],
    hashLength: 10,
  });
}

export function artifactChildName(artifact: string, part: 'cache' | 'download' | 'check-size', uid: string): string {
  return derivedName([artifact, part], { hash: [uid] });
}

export function sourceModelName(registry: string, repository: string, tag: string): string {
  return derivedName([repository, tag], { hash: [registry, repository, tag], hashLength: 6 });
}

export interface NamedDiscovery {
  readonly template: string;
  readonly model: string;
  readonly image: string;
  readonly serviceAccount?: string | undefined;
  readonly env?: readonly EnvVar[] | undefined;
  readonly pullSecrets?: readonly string[] | undefined;
  readonly metric?: string | undefined;
  readonly precision?: string | undefined;
  readonly gpu?: { readonly model?: string | undefined; readonly requests?: number | undefined } | undefined;
  readonly profileId?: string | undefined;
}

/** The hash is over everything that the answer depends on (aim.md 7.4). */
export function discoveryJobName(discovery: NamedDiscovery): string {
  const { template, model, image, serviceAccount = '', env = [], pullSecrets = [], gpu } = discovery;
  const asked = [
    model,
    image,
    serviceAccount,
    ...env.map(({ name, value = '' }) => `${name}${value}`),
    ...pullSecrets,
    discovery.metric ?? '',
    discovery.precision ?? '',
    gpu === undefined ? '' : `${gpu.model ?? ''}${gpu.requests ?? 0}`,
    discovery.profileId ?? '',
  ];
  return `discover-${template.slice(0, 45)}-${sha256(asked.join('')).slice(0, 8)}`;
}
