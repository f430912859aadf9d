import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigMap } from '../kinds/core/configmap.ts';
import { PersistentVolume } from '../kinds/core/persistentvolume.ts';
import { PersistentVolumeClaim } from '../kinds/core/persistentvolumeclaim.ts';
import { mirrorAnnotation, Pod } from '../kinds/core/pod.ts';
import { Secret } from '../kinds/core/secret.ts';
import type { KubeObject } from '../kinds/object.ts';
import type { Change, InformerCache } from '../kube/informer.ts';
import { watchListings } from './leaving.ts';
import type { ContainerRunner } from './containerrunner.ts';
import { PodWorker, type PodNode } from './podworker.ts';

export interface KubeletOptions extends Omit<PodNode, 'sources' | 'podDir' | 'whenUnlisted'> {
  informers: InformerCache;
  nodeNames: readonly string[];
  podsDir: string;
}

export interface Kubelet {
  /** A container that runs now. */
  running(podUid: string, container: string): ReturnType<ContainerRunner['running']>;
  /** Ends all processes: SIGTERM, and SIGKILL after `graceMs`. The Pods stay in the API. */
  stop(graceMs: number): Promise<void>;
}

/** Runs the Pods that are bound to these nodes, one PodWorker each. The informers must have synced. */
export async function startKubelet(options: KubeletOptions): Promise<Kubelet> {
  const { informers, nodeNames, podsDir, client, log } = options;
  const pods = informers.informer(Pod);
  const configMaps = informers.informer(ConfigMap);
  const secrets = informers.informer(Secret);
  const claims = informers.informer(PersistentVolumeClaim);
  const volumes = informers.informer(PersistentVolume);
  const workers = new Map<string, PodWorker>();
  const ending = new Set<Promise<void>>();
  let stopping = false;

  await mkdir(podsDir, { recursive: true, mode: 0o700 });
  await removeForgotten(podsDir, new Set(pods.list().map(({ metadata }) => metadata.uid ?? '')));

  const node: PodNode = {
    ...options,
    podDir: (uid) => join(podsDir, uid),
    whenUnlisted: watchListings(informers),
    sources: (namespace) => ({
      configMap: (name) => configMaps.get({ namespace, name }),
      secret: (name) => secrets.get({ namespace, name }),
      claimDirectory: (name) => {
        const claim = claims.get({ namespace, name });
        if (claim?.status?.phase !== 'Bound') return undefined;
        return volumes.get({ name: claim.spec.volumeName ?? '' })?.spec.hostPath?.path;
      },
    }),
  };
  /** Keeps hold of work in the background, so that stop can wait for it. */
  const inBackground = (work: Promise<void>): void => {
    const tracked: Promise<void> = work
      .catch((error: unknown) => {
        log.error({ err: error }, 'ending a pod failed');
      })
      .finally(() => ending.delete(tracked));
    ending.add(tracked);
  };

  const onPod = ({ object: pod, deleted }: Change<Pod>): void => {
    const uid = pod.metadata.uid ?? '';
    const worker = workers.get(uid);
    if (stopping || !nodeNames.includes(pod.spec.nodeName ?? '')) return;
    if (pod.metadata.annotations?.[mirrorAnnotation] !== undefined) return;
    if (deleted) {
      workers.delete(uid);
      inBackground(worker?.gone() ?? rm(join(podsDir, uid), { recursive: true, force: true }));
    } else if (worker !== undefined) {
      worker.update(pod);
    } else if (pod.metadata.deletionTimestamp !== undefined) {
      inBackground(client.delete(Pod, pod.metadata, { gracePeriodSeconds: 0, uid }));
    } else if (pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed') {
      workers.set(uid, new PodWorker(pod, node));
    }
  };
  const onSource = ({ object }: Change<KubeObject>): void => {
    const { namespace } = object.metadata;
    for (const pod of pods.list(namespace)) workers.get(pod.metadata.uid ?? '')?.refresh();
  };

  const stopListening = [
    pods.onChange(onPod),
    ...[configMaps, secrets, claims].map((source) => source.onChange(onSource)),
  ];
  return {
    running: (podUid, container) => workers.get(podUid)?.running(container),
    stop: async (graceMs) => {
      stopping = true;
      for (const stop of stopListening) stop();
      await Promise.all([...workers.values()].map((worker) => worker.shutDown(graceMs)));
      await Promise.all(ending);
    },
  };
}

/** Directories of Pods that were deleted while no node ran. */
async function removeForgotten(podsDir: string, known: ReadonlySet<string>): Promise<void> {
  for (const uid of await readdir(podsDir)) {
    if (!known.has(uid)) await rm(join(podsDir, uid), { recursive: true, force: true });
  }
}
