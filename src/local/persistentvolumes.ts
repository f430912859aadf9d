import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { PersistentVolume } from '../kinds/core/persistentvolume.ts';
import { PersistentVolumeClaim } from '../kinds/core/persistentvolumeclaim.ts';
import { Pod } from '../kinds/core/pod.ts';
import { keyOf, refOf } from '../kinds/object.ts';
import { StorageClass } from '../kinds/storage/storageclass.ts';
import { isConflict, type KubeClient } from '../kube/client.ts';
import { startController, watch, type Controller } from '../kube/controller.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { InformerCache } from '../kube/informer.ts';
import type { Log } from '../telemetry/log.ts';
import { planClaim, planVolume, standardClass } from './persistentvolumeplan.ts';
import { claimNamesOf } from './placement.ts';

interface VolumeControllerOptions {
  client: KubeClient;
  informers: InformerCache;
  /** Where the directories of volumes are made. */
  directory: string;
  events: EventRecorder;
  log: Log;
}

/** A volume that is still in use when its claim goes is looked at again after this time. */
const inUseRecheckMs = 1_000;

/** Makes the StorageClass `standard` unless there is one; the user's changes to it stay. */
export async function ensureStandardClass(client: KubeClient): Promise<void> {
  try {
    await client.create(StorageClass, standardClass);
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
}

/** Gives PersistentVolumeClaims directories of this machine, and takes them away as the reclaim policy says. */
export function startVolumeControllers(options: VolumeControllerOptions): Controller {
  const controllers = [startClaimController(options), startReclaimController(options)];
  return {
    stop: async () => {
      await Promise.all(controllers.map((controller) => controller.stop()));
    },
  };
}

function startClaimController({ client, informers, directory, events, log }: VolumeControllerOptions): Controller {
  const claims = informers.informer(PersistentVolumeClaim);
  const volumes = informers.informer(PersistentVolume);
  const classes = informers.informer(StorageClass);
  const pods = informers.informer(Pod);
  const pendingKeys = (): string[] =>
    claims.list().flatMap(({ metadata, status }) => (status?.phase === 'Bound' ? [] : [keyOf(metadata)]));
  // Said once per claim, not each time a class or Pod changes.
  const said = new Map<string, string>();

  const bind = async (claim: PersistentVolumeClaim, volume: PersistentVolume, provision: boolean): Promise<void> => {
    const { name, namespace, uid } = claim.metadata;
    if (provision) {
      await mkdir(join(directory, volume.metadata.name), { recursive: true, mode: 0o700 });
      await client.create(PersistentVolume, volume).catch((error: unknown) => {
        // The name tells the claim: an earlier try got this far.
        if (!isConflict(error)) throw error;
      });
      events.event(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${volume.metadata.name}`);
    }
    const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace, uid };
    await client.patch(PersistentVolume, volume.metadata, { type: 'merge', body: { spec: { claimRef } } });
    await setPhase(client, volume, 'Bound');
    const annotations = { 'pv.kubernetes.io/bind-completed': 'yes', 'pv.kubernetes.io/bound-by-controller': 'yes' };
    await client.patch(PersistentVolumeClaim, claim.metadata, {
      type: 'merge',
      body: { metadata: { uid, annotations }, spec: { volumeName: volume.metadata.name } },
    });
    const { accessModes, capacity } = volume.spec;
    await client.patch(PersistentVolumeClaim, claim.metadata, {
      type: 'merge',
      subresource: 'status',
      body: { status: { phase: 'Bound', accessModes, capacity } },
    });
  };

  return startController({
    name: 'persistentvolumeclaim',
    log,
    watches: [
      watch(claims, ({ object, deleted }) => {
        if (!deleted) return [keyOf(object.metadata)];
        said.delete(object.metadata.uid ?? '');
        return [];
      }),
      watch(classes, pendingKeys),
      watch(volumes, ({ object }) => (object.spec.claimRef === undefined ? pendingKeys() : [])),
      watch(pods, ({ object: pod }) =>
        claimNamesOf(pod).map((name) => keyOf({ namespace: pod.metadata.namespace, name })),
      ),
    ],
    reconcile: async (key) => {
      const ref = refOf(key);
      const claim = claims.get(ref);
      if (claim === undefined) return;
      const plan = planClaim(claim, {
        classes: classes.list(),
        volumes: volumes.list(),
        used: pods.list(ref.namespace).some((pod) => !isOver(pod) && claimNamesOf(pod).includes(ref.name)),
        directory,
      });
      if (plan.action === 'default') {
        const body = { metadata: { uid: claim.metadata.uid }, spec: { storageClassName: plan.className } };
        await client.patch(PersistentVolumeClaim, ref, { type: 'merge', body });
      } else if (plan.action === 'bind') {
        await bind(claim, plan.volume, plan.provision);
      } else if (plan.action === 'wait') {
        if (claim.status?.phase === undefined) {
          const body = { status: { phase: 'Pending' } };
          await client.patch(PersistentVolumeClaim, ref, { type: 'merge', subresource: 'status', body });
        }
        const { type, reason, message } = plan.event;
        if (said.get(claim.metadata.uid ?? '') === message) return;
        said.set(claim.metadata.uid ?? '', message);
        events.event(claim, type, reason, message);
      }
    },
  });
}

function startReclaimController({ client, informers, directory, log }: VolumeControllerOptions): Controller {
  const claims = informers.informer(PersistentVolumeClaim);
  const volumes = informers.informer(PersistentVolume);
  const pods = informers.informer(Pod);

  return startController({
    name: 'persistentvolume',
    log,
    watches: [
      watch(volumes, ({ object, deleted }) => (deleted ? [] : [keyOf(object.metadata)])),
      watch(claims, ({ object, deleted }) => (deleted && object.spec.volumeName ? [object.spec.volumeName] : [])),
    ],
    reconcile: async (key) => {
      const volume = volumes.get({ name: key });
      if (volume === undefined) return undefined;
      const { namespace, name = '', uid } = volume.spec.claimRef ?? {};
      const plan = planVolume(volume, claims.get({ namespace, name }));
      if (plan === 'none') return undefined;
      if (plan === 'offer') return setPhase(client, volume, 'Available');
      // The cache may be behind; only what the API says for certain takes data away.
      const now = await client.get(PersistentVolumeClaim, { namespace, name });
      if (now !== undefined && now.metadata.uid === uid) return undefined;
      if (plan === 'release') return setPhase(client, volume, 'Released');
      const inUse = pods.list(namespace).some((pod) => !isOver(pod) && claimNamesOf(pod).includes(name));
      if (inUse && now === undefined) return { requeueAfterMs: inUseRecheckMs };
      await rm(join(directory, basename(volume.metadata.name)), { recursive: true, force: true });
      await client.delete(PersistentVolume, volume.metadata);
      return undefined;
    },
  });
}

async function setPhase(client: KubeClient, { metadata }: PersistentVolume, phase: string): Promise<undefined> {
  await client.patch(PersistentVolume, metadata, { type: 'merge', subresource: 'status', body: { status: { phase } } });
}

function isOver(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}
