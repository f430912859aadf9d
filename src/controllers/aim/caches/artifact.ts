import { AIMArtifact } from '../../../kinds/aim/aimartifact.ts';
import { AIMClusterRuntimeConfig, AIMRuntimeConfig } from '../../../kinds/aim/aimruntimeconfig.ts';
import { Job } from '../../../kinds/batch/job.ts';
import { PersistentVolumeClaim } from '../../../kinds/core/persistentvolumeclaim.ts';
import { Pod } from '../../../kinds/core/pod.ts';
import { keyOf } from '../../../kinds/object.ts';
import { ClusterRole } from '../../../kinds/rbac/role.ts';
import { RoleBinding } from '../../../kinds/rbac/rolebinding.ts';
import { StorageClass } from '../../../kinds/storage/storageclass.ts';
import { watch } from '../../../kube/controller.ts';
import { usersOf } from '../models/watches.ts';
import type { AimDefinition } from '../definition.ts';
import type { ControllerEnvironment } from '../../../reconcile/pass.ts';
import { observeArtifact, type ObservedArtifact } from './artifactobserve.ts';
import { planArtifact } from './artifactplan.ts';
import { indexJobPods, jobPodWatch } from './jobs.ts';
import { statusWriter } from './statuswriter.ts';

/** AIMArtifact of aim.eai.amd.com: weights on a volume (aim.md 9). */

/** Pods, Jobs and claims report in quick succession. */
const statusDelayMs = 500;

export function artifactController(
  environment: ControllerEnvironment,
): AimDefinition<AIMArtifact, ObservedArtifact | undefined> {
  const { informers, client } = environment;
  indexJobPods(informers);
  const artifacts = informers.informer(AIMArtifact);
  const configs = [AIMRuntimeConfig, AIMClusterRuntimeConfig];
  return {
    name: 'artifact',
    kind: AIMArtifact,
    owns: [PersistentVolumeClaim, Job],
    reads: [...configs, Pod, StorageClass, RoleBinding, ClusterRole],
    statusDelayMs,
    workers: 4,
    watches: [
      jobPodWatch(informers, AIMArtifact),
      ...configs.map((config) =>
        watch(informers.informer(config), ({ object }) =>
          usersOf(artifacts, object).map(({ metadata }) => keyOf(metadata)),
        ),
      ),
      watch(informers.informer(RoleBinding), ({ object: { metadata }, deleted }) =>
        deleted && metadata.name === statusWriter
          ? artifacts.list(metadata.namespace).map((a) => keyOf(a.metadata))
          : [],
      ),
    ],
    observe: (artifact, read) => observeArtifact(client, artifact, read),
    plan: planArtifact,
  };
}
