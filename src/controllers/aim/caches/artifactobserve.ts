import type { AIMArtifact } from '../../../kinds/aim/aimartifact.ts';
import { PersistentVolumeClaim } from '../../../kinds/core/persistentvolumeclaim.ts';
import { parseQuantity } from '../../../kinds/quantity.ts';
import { StorageClass } from '../../../kinds/storage/storageclass.ts';
import { KubeError, type KubeClient } from '../../../kube/client.ts';
import type { Child } from '../../../reconcile/children.ts';
import type { Reader } from '../../../reconcile/pass.ts';
import { currentRuntimeConfigs, resolveRuntimeConfig, type ResolvedConfig } from '../runtimeconfig.ts';
import { artifactNames, readSizeOutput } from './artifactjobs.ts';
import { readLog, seeJob, type SeenJob } from './jobs.ts';
import { missingStatusWriter } from './statuswriter.ts';

/** Everything that the plan for an artifact depends on (aim.md 9). */
export interface ObservedArtifact {
  readonly config: ResolvedConfig;
  /** From the spec, from an earlier pass, or from the output of the Job that finds it out. */
  readonly sizeBytes: number | undefined;
  /** Set when the size comes from no spec. */
  readonly discovered: boolean;
  readonly sizeProblem: string | undefined;
  readonly check: SeenJob | undefined;
  readonly claim: PersistentVolumeClaim | undefined;
  readonly classes: readonly StorageClass[];
  readonly download: SeenJob | undefined;
  readonly missingStatusWriter: readonly Child[];
}

export async function observeArtifact(
  client: KubeClient,
  artifact: AIMArtifact,
  read: Reader,
): Promise<ObservedArtifact | undefined> {
  const { spec, metadata, status } = artifact;
  if (spec === undefined) return undefined;
  const { namespace = '' } = metadata;
  const names = artifactNames(artifact);
  const check = await seeJob(client, read, { namespace, name: names.check });
  const given = parseQuantity(spec.size ?? 0) ?? 0;
  const remembered = status?.discoveredSizeBytes;
  const output = given > 0 || remembered !== undefined ? undefined : await sizeOutput(client, check);
  const found = output !== undefined && 'sizeBytes' in output ? output.sizeBytes : remembered;
  return {
    config: resolveRuntimeConfig(read, currentRuntimeConfigs, spec.runtimeConfigName, namespace),
    sizeBytes: given > 0 ? given : found,
    discovered: given <= 0 && found !== undefined,
    sizeProblem: output !== undefined && 'problem' in output ? output.problem : undefined,
    check,
    claim: read.get(PersistentVolumeClaim, { namespace, name: names.claim }),
    classes: read.list(StorageClass),
    download: await seeJob(client, read, { namespace, name: names.download }),
    missingStatusWriter: missingStatusWriter(namespace, read),
  };
}

async function sizeOutput(client: KubeClient, check: SeenJob | undefined) {
  if (check?.outcome !== 'complete') return undefined;
  const pod = check.pods.find(({ status }) => status?.phase === 'Succeeded');
  const gone = { problem: 'the job is complete, but the log of its pod is gone' };
  if (pod === undefined) return gone;
  try {
    return readSizeOutput(await readLog(client, pod.metadata));
  } catch (error) {
    if (error instanceof KubeError && error.code < 500) return gone;
    throw error;
  }
}
