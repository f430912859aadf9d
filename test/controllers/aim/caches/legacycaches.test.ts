import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCacheControllers } from '../../../../src/controllers/aim/caches/start.ts';
import { LegacyAIMModelCache } from '../../../../src/kinds/aim/legacy/aimmodelcache.ts';
import { LegacyAIMServiceTemplate } from '../../../../src/kinds/aim/legacy/aimservicetemplate.ts';
import { LegacyAIMTemplateCache } from '../../../../src/kinds/aim/legacy/aimtemplatecache.ts';
import { Job } from '../../../../src/kinds/batch/job.ts';
import { PersistentVolumeClaim } from '../../../../src/kinds/core/persistentvolumeclaim.ts';
import type { Kind } from '../../../../src/kinds/kind.ts';
import type { Condition, KubeObject } from '../../../../src/kinds/object.ts';
import { startServiceCluster, type ServiceCluster } from '../service/servicecluster.ts';
import { bind, endJob, inTeam } from './jobplayer.ts';

let cluster: ServiceCluster;
beforeAll(async () => {
  cluster = await startServiceCluster({ start: startCacheControllers });
});
afterAll(async () => {
  await cluster.stop();
});

type Cache = KubeObject & { status?: { status?: string; conditions?: Condition[] } };

/** Waits for the overall status and the reasons of conditions. */
const until = <T extends Cache>(kind: Kind<T>, name: string, status: string, reasons: Record<string, string> = {}) =>
  cluster.eventually(
    kind,
    inTeam(name),
    (found) =>
      found?.status?.status === status &&
      Object.entries(reasons).every(([type, reason]) =>
        found.status?.conditions?.some((condition) => condition.type === type && condition.reason === reason),
      ),
  );
const messageOf = (found: Cache | undefined, type: string): string =>
  found?.status?.conditions?.find((condition) => condition.type === type)?.message ?? '';

const modelCache = (name: string, more = '') => `
apiVersion: aim.silogen.ai/v1alpha1
kind: AIMModelCache
metadata: { name: ${name} }
spec: { sourceUri: hf://org/${name}, size: 40Gi ${more} }
`;

describe('a model cache', () => {
  it('asks for a volume, downloads when it is bound, and is Available', async () => {
    await cluster.apply(modelCache('whole', ', env: [{ name: HF_TOKEN, value: t }]'));
    await cluster.eventually(PersistentVolumeClaim, inTeam('whole-cache'), (claim) => claim !== undefined);
    const pending = await until(LegacyAIMModelCache, 'whole', 'Pending', {
      StorageReady: 'PVCProvisioning',
      Ready: 'WaitingForPVC',
      Failure: 'NoFailure',
    });
    expect(messageOf(pending, 'Ready')).toContain('no default StorageClass');
    expect(await cluster.client.get(Job, inTeam('whole-cache-download'))).toBeUndefined();

    const claim = await bind(cluster, 'whole-cache');
    expect(claim.spec).toMatchObject({ accessModes: ['ReadWriteMany'], resources: { requests: { storage: '44Gi' } } });
    const job = await endJob(cluster, 'whole-cache-download', 'Complete', '');
    expect(job.spec).toMatchObject({ backoffLimit: 2, ttlSecondsAfterFinished: 600 });
    expect(job.spec.template.spec).toMatchObject({
      securityContext: { runAsUser: 1000 },
      containers: [
        {
          image: 'kserve/storage-initializer:v0.16.0-rc0',
          args: ['hf://org/whole', '/cache'],
          env: [{ name: 'HF_TOKEN', value: 't' }],
        },
      ],
    });
    const available = await until(LegacyAIMModelCache, 'whole', 'Available', {
      StorageReady: 'PVCBound',
      Ready: 'Warm',
      Failure: 'NoFailure',
    });
    expect(available?.status?.persistentVolumeClaim).toBe('whole-cache');

    // The Job's time is over: the weights stay.
    const before = cluster.writes.length;
    await cluster.client.delete(Job, inTeam('whole-cache-download'));
    await cluster.apply(modelCache('later'));
    await until(LegacyAIMModelCache, 'later', 'Pending', { Ready: 'WaitingForPVC' });
    expect(cluster.writes.slice(before).filter((write) => write.includes('whole'))).toEqual([]);
    expect((await cluster.client.get(LegacyAIMModelCache, inTeam('whole')))?.status?.status).toBe('Available');

    // The volume goes: so does what is known of it.
    await cluster.client.delete(PersistentVolumeClaim, inTeam('whole-cache'));
    await until(LegacyAIMModelCache, 'whole', 'Pending', { StorageReady: 'PVCProvisioning' });
  });

  it('downloads before the volume is bound where its class waits for a pod', async () => {
    await cluster.apply(`
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: { name: late }
provisioner: test
volumeBindingMode: WaitForFirstConsumer
`);
    await cluster.apply(modelCache('late', ', storageClassName: late'));
    await cluster.eventually(PersistentVolumeClaim, inTeam('late-cache'), (claim) => claim !== undefined);
    await cluster.setStatus(PersistentVolumeClaim, inTeam('late-cache'), { phase: 'Pending' });
    await cluster.eventually(Job, inTeam('late-cache-download'), (job) => job !== undefined);
    await until(LegacyAIMModelCache, 'late', 'Progressing', { Ready: 'Downloading', StorageReady: 'PVCProvisioning' });
  });

  it('tells why the download failed, tries again when the Job is gone, and recovers', async () => {
    await cluster.apply(modelCache('fails'));
    await bind(cluster, 'fails-cache');
    const first = await endJob(cluster, 'fails-cache-download', 'Failed', '403 forbidden\n');
    const failed = await until(LegacyAIMModelCache, 'fails', 'Failed', {
      Ready: 'DownloadFailed',
      Failure: 'DownloadFailed',
    });
    expect(messageOf(failed, 'Failure')).toMatch(/403 forbidden.*credentials.*tried again at/);
    await cluster.client.delete(Job, inTeam('fails-cache-download'));
    await cluster.eventually(
      Job,
      inTeam('fails-cache-download'),
      (job) => job !== undefined && job.metadata.uid !== first.metadata.uid,
    );
    await endJob(cluster, 'fails-cache-download', 'Complete', '');
    await until(LegacyAIMModelCache, 'fails', 'Available', { Failure: 'NoFailure' });
  });

  it('tells that a volume is lost', async () => {
    await cluster.apply(modelCache('lost'));
    await bind(cluster, 'lost-cache');
    await cluster.setStatus(PersistentVolumeClaim, inTeam('lost-cache'), { phase: 'Lost' });
    const lost = await until(LegacyAIMModelCache, 'lost', 'Failed', { StorageReady: 'PVCLost', Failure: 'PVCLost' });
    expect(messageOf(lost, 'Failure')).toContain('delete the claim');
  });
});

describe('a template cache', () => {
  const template = (name: string, model = name) => `
apiVersion: aim.silogen.ai/v1alpha1
kind: AIMServiceTemplate
metadata: { name: ${name} }
spec: { modelName: m }
status:
  status: Ready
  modelSources: [{ name: org/${model}.v1, sourceUri: hf://org/${model}, size: 1Gi }]
`;
  const cache = (name: string, templateRef = name) => `
apiVersion: aim.silogen.ai/v1alpha1
kind: AIMTemplateCache
metadata: { name: ${name} }
spec: { templateRef: ${templateRef}, env: [{ name: A, value: cache }] }
`;

  it('waits for its template, has weights cached, and shares them', async () => {
    await cluster.apply(cache('tc'));
    const waiting = await until(LegacyAIMTemplateCache, 'tc', 'Pending', { TemplateNotFound: 'AwaitingTemplate' });
    expect(messageOf(waiting, 'TemplateNotFound')).toContain('create one');
    await cluster.apply(template('tc'));
    const made = await cluster.eventually(LegacyAIMModelCache, inTeam('org-tc-v1'), (found) => found !== undefined);
    expect(made?.spec).toMatchObject({ size: '1Gi', env: [{ name: 'A', value: 'cache' }] });
    expect(made?.metadata.ownerReferences).toBeUndefined();
    expect(made?.metadata.labels).toMatchObject({
      'template-created': 'true',
      'aim.silogen.ai/template-cache': 'tc',
      'aim.silogen.ai/source-model': 'org_tc.v1',
    });

    await cluster.apply(template('second', 'tc'));
    await cluster.apply(cache('second'));
    await bind(cluster, 'org-tc-v1-cache');
    await endJob(cluster, 'org-tc-v1-cache-download', 'Complete', '');
    const available = await until(LegacyAIMTemplateCache, 'tc', 'Available', { Ready: 'AllCachesAvailable' });
    expect(available?.status?.conditions?.map(({ type }) => type)).not.toContain('TemplateNotFound');
    expect(available?.status?.modelCaches).toMatchObject({
      'org-tc-v1': { model: 'org/tc.v1', status: 'Available', persistentVolumeClaim: 'org-tc-v1-cache' },
    });
    await until(LegacyAIMTemplateCache, 'second', 'Available');

    // Available weights outlive the cache that had them made.
    await cluster.client.delete(LegacyAIMTemplateCache, inTeam('tc'));
    await cluster.eventually(LegacyAIMTemplateCache, inTeam('tc'), (found) => found === undefined);
    expect(await cluster.client.get(LegacyAIMModelCache, inTeam('org-tc-v1'))).toBeDefined();
  });

  it('fails with its worst model cache, and takes that one along when it goes', async () => {
    await cluster.apply(template('worst'));
    await cluster.apply(cache('worst'));
    await bind(cluster, 'org-worst-v1-cache');
    await endJob(cluster, 'org-worst-v1-cache-download', 'Failed', 'boom\n');
    const failed = await until(LegacyAIMTemplateCache, 'worst', 'Failed', { Ready: 'CacheFailed' });
    expect(messageOf(failed, 'Ready')).toContain('AIMModelCache org-worst-v1 is Failed');
    await cluster.client.delete(LegacyAIMTemplateCache, inTeam('worst'));
    await cluster.eventually(LegacyAIMModelCache, inTeam('org-worst-v1'), (found) => found === undefined);
  });

  it('does not take a cache of other weights for its own', async () => {
    await cluster.apply(modelCache('org-taken-v1'));
    await cluster.apply(template('taken'));
    await cluster.apply(cache('taken'));
    const failed = await until(LegacyAIMTemplateCache, 'taken', 'Failed', { Ready: 'CacheNameTaken' });
    expect(messageOf(failed, 'Ready')).toContain('delete it');
    await cluster.setStatus(LegacyAIMServiceTemplate, inTeam('taken'), {
      status: 'Ready',
      modelSources: [{ name: 'free', sourceUri: 'hf://org/taken', size: '1Gi' }],
    });
    await until(LegacyAIMTemplateCache, 'taken', 'Pending', { Ready: 'CachesNotAvailable' });
  });
});
