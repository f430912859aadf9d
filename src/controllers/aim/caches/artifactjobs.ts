import type { AIMArtifact } from '../../../kinds/aim/aimartifact.ts';
import { currentDialect } from '../../../kinds/aim/dialect.ts';
import { labelValue, nameLabel } from '../labels.ts';
import { mergeEnv } from '../mergeenv.ts';
import { artifactChildName } from '../names.ts';
import type { RuntimeConfigSpec } from '../runtimeconfig.ts';
import { cacheDirectory, type WeightsJob } from './weightsjob.ts';

/** What an artifact asks of its Jobs, and what their output means (aim.md 9). */

const { group } = currentDialect;
const sizeJobTtlSeconds = 300;
const downloadJobTtlSeconds = 600;
const stallTimeoutSeconds = 120;

type ArtifactSpec = NonNullable<AIMArtifact['spec']>;

export interface ArtifactNames {
  readonly claim: string;
  readonly download: string;
  readonly check: string;
}

export function artifactNames({ metadata: { name, uid = '' } }: AIMArtifact): ArtifactNames {
  return {
    claim: artifactChildName(name, 'cache', uid),
    download: artifactChildName(name, 'download', uid),
    check: artifactChildName(name, 'check-size', uid),
  };
}

export function sizeRequest(artifact: AIMArtifact, spec: ArtifactSpec, config: RuntimeConfigSpec): WeightsJob {
  return {
    ...commonRequest(artifact, spec),
    name: artifactNames(artifact).check,
    labels: jobLabels(artifact, 'check-size'),
    container: 'check-size',
    command: ['/check-size.sh'],
    env: mergeEnv(config.env, spec.env),
    ttlSeconds: sizeJobTtlSeconds,
  };
}

export function downloadRequest(
  artifact: AIMArtifact,
  spec: ArtifactSpec,
  config: RuntimeConfigSpec,
  sizeBytes: number,
): WeightsJob {
  const { name, namespace = '' } = artifact.metadata;
  const set = (variables: Record<string, string>) =>
    Object.entries(variables).map(([variable, value]) => ({ name: variable, value }));
  const contract = set({
    AIM_DOWNLOADER_PROTOCOL: 'XET,HF_TRANSFER',
    TMPDIR: '/tmp/',
    HF_HOME: '/tmp/.hf',
    EXPECTED_SIZE_BYTES: String(sizeBytes),
    MOUNT_PATH: cacheDirectory,
    ARTIFACT_NAME: name,
    ARTIFACT_NAMESPACE: namespace,
    // The download ends itself when it does not grow for so long, and tries the next protocol.
    STALL_TIMEOUT: String(stallTimeoutSeconds),
    TARGET_DIR: cacheDirectory,
  });
  const names = artifactNames(artifact);
  return {
    ...commonRequest(artifact, spec),
    name: names.download,
    labels: jobLabels(artifact, 'download'),
    container: 'model-download',
    env: mergeEnv(mergeEnv(contract, config.env), spec.env),
    claim: names.claim,
    ttlSeconds: downloadJobTtlSeconds,
  };
}

function commonRequest({ metadata }: AIMArtifact, spec: ArtifactSpec) {
  return {
    dialect: currentDialect,
    namespace: metadata.namespace ?? '',
    // The API sets the default.
    image: spec.modelDownloadImage ?? '',
    args: [spec.sourceUri],
    imagePullSecrets: spec.imagePullSecrets,
  };
}

function jobLabels({ metadata }: AIMArtifact, component: string): Record<string, string> {
  return {
    [`${group}/cache.name`]: nameLabel(metadata.name),
    [`${group}/cache.type`]: 'artifact',
    [`${group}/component`]: component,
  };
}

export function claimLabels({ metadata, spec }: AIMArtifact): Record<string, string> {
  const { sourceUri = '' } = spec ?? {};
  const source = labelValue(sourceUri.slice(sourceUri.indexOf('://') + 3));
  const type = metadata.labels?.['template-created'] === 'true' ? 'template-cache' : 'artifact';
  return {
    [`${group}/cache.name`]: nameLabel(metadata.name),
    [`${group}/cache.type`]: type,
    ...(source === '' ? {} : { [`${group}/source-model`]: source }),
  };
}

const largestBytes = 2 ** 50;

/** The size in the last line of the output; what is wrong with it otherwise. */
export function readSizeOutput(log: string): { sizeBytes: number } | { problem: string } {
  const line = log.trimEnd().split('\n').at(-1) ?? '';
  const shown = JSON.stringify(line.slice(0, 200));
  try {
    const answer: unknown = JSON.parse(line);
    const sizeBytes =
      typeof answer === 'object' && answer !== null && 'sizeBytes' in answer ? answer.sizeBytes : undefined;
    if (typeof sizeBytes !== 'number' || !Number.isInteger(sizeBytes)) {
      return { problem: `the last line of the output, ${shown}, has no whole number sizeBytes` };
    }
    if (sizeBytes > 0 && sizeBytes <= largestBytes) return { sizeBytes };
    return { problem: `the output names ${String(sizeBytes)} bytes: more than 0 and at most 2^50 make sense` };
  } catch {
    return { problem: `the last line of the output, ${shown}, is no JSON` };
  }
}
