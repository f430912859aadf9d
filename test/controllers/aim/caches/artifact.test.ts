import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCacheControllers } from '../../../../src/controllers/aim/caches/start.ts';
import { artifactChildName } from '../../../../src/controllers/aim/names.ts';
import { AIMArtifact } from '../../../../src/kinds/aim/aimartifact.ts';
import { AIMRuntimeConfig } from '../../../../src/kinds/aim/aimruntimeconfig.ts';
import { Job } from '../../../../src/kinds/batch/job.ts';
import { PersistentVolumeClaim } from '../../../../src/kinds/core/persistentvolumeclaim.ts';
import { RoleBinding } from '../../../../src/kinds/rbac/rolebinding.ts';
import { startServiceCluster, type ServiceCluster } from '../service/servicecluster.ts';
import { bind, endJob, finish, inTeam, runJob } from './jobplayer.ts';

let cluster: ServiceCluster;
beforeAll(async () => {
  cluster = await startServiceCluster({ start: startCacheControllers });
});
afterAll(async () => {
  await cluster.stop();
});

const writer = inTeam('aim-engine-artifact-status-updater');

const artifact = (name: string, more = '') => `
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMArtifact
metadata: { name: ${name} }
spec: { sourceUri: hf://org/${name} ${more} }
`;

/** Creates an artifact; the names of its children. */
async function create(name: string, more = '') {
  await cluster.apply(artifact(name, more));
  const made = await cluster.client.get(AIMArtifact, inTeam(name));
  const uid = made?.metadata.uid ?? '';
  return {
    claim: artifactChildName(name, 'cache', uid),
    check: artifactChildName(name, 'check-size', uid),
    download: artifactChildName(name, 'download', uid),
  };
}

const says = (found: AIMArtifact | undefined, type: string, reason: string): boolean =>
  found?.status?.conditions?.some((condition) => condition.type === type && condition.reason === reason) === true;
const conditionOf = (found: AIMArtifact | undefined, type: string) =>
  found?.status?.conditions?.find((condition) => condition.type === type);
const until = (name: string, status: string, type: string, reason: string) =>
  cluster.eventually(
    AIMArtifact,
    inTeam(name),
    (found) => found?.status?.status === status && says(found, type, reason),
  );

describe('an artifact', () => {
  it('finds out the size, asks for a volume and fills it', async () => {
    const names = await create('whole', ', env: [{ name: HF_TOKEN, value: t }]');
    const check = await endJob(
      cluster,
      names.check,
      'Complete',
      'looking\n{"url":"hf://org/whole","sizeBytes":1073741824}\n',
    );
    expect(check.spec.template.spec?.containers[0]).toMatchObject({
      name: 'check-size',
      command: ['/check-size.sh'],
      args: ['hf://org/whole'],
      env: [{ name: 'HF_TOKEN', value: 't' }],
    });
    expect(check.spec).toMatchObject({ backoffLimit: 2, ttlSecondsAfterFinished: 300 });

    // The download may be what a volume waits for: it is there before the volume is bound.
    await runJob(cluster, names.download);
    const waiting = await until('whole', 'Progressing', 'CachePvcReady', 'PvcPending');
    expect(conditionOf(waiting, 'CachePvcReady')?.message).toContain('no default StorageClass');
    expect(waiting?.status).toMatchObject({ displaySize: '1 GiB', discoveredSizeBytes: 1073741824, mode: 'Shared' });
    expect(conditionOf(waiting, 'CheckSizeJobReady')).toBeUndefined();

    const claim = await bind(cluster, names.claim);
    expect(claim.spec).toMatchObject({ accessModes: ['ReadWriteMany'], resources: { requests: { storage: '2Gi' } } });
    expect(claim.metadata.labels).toMatchObject({
      'aim.eai.amd.com/cache.name': 'whole',
      'aim.eai.amd.com/cache.type': 'artifact',
      'aim.eai.amd.com/source-model': 'org_whole',
    });
    const download = await cluster.client.get(Job, inTeam(names.download));
    const [container] = download?.spec.template.spec?.containers ?? [];
    expect(container?.args).toEqual(['hf://org/whole']);
    expect(Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value]))).toEqual({
      AIM_DOWNLOADER_PROTOCOL: 'XET,HF_TRANSFER',
      TMPDIR: '/tmp/',
      HF_HOME: '/tmp/.hf',
      EXPECTED_SIZE_BYTES: '1073741824',
      MOUNT_PATH: '/cache',
      ARTIFACT_NAME: 'whole',
      ARTIFACT_NAMESPACE: 'ml-team',
      STALL_TIMEOUT: '120',
      TARGET_DIR: '/cache',
      HF_TOKEN: 't',
    });
    expect(await cluster.client.get(RoleBinding, writer)).toMatchObject({
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'ml-team' }],
    });
  });

  it('keeps what the download reports, and says when it is verified', async () => {
    const names = await create('reports', ', size: 1Gi');
    await runJob(cluster, names.download);
    await bind(cluster, names.claim);
    const progress = { totalBytes: 100, downloadedBytes: 40, percentage: 40, displayPercentage: '40 %' };
    await cluster.setStatus(AIMArtifact, inTeam('reports'), {
      progress,
      download: { protocol: 'XET', attempt: 1, message: 'Downloading with XET' },
    });
    const loading = await cluster.eventually(
      AIMArtifact,
      inTeam('reports'),
      (found) => conditionOf(found, 'DownloadComplete')?.message.includes('with XET') === true,
    );
    expect(loading?.status).toMatchObject({ status: 'Progressing', progress, download: { protocol: 'XET' } });
    expect(conditionOf(loading, 'CheckSizeJobReady')).toBeUndefined();
    await cluster.setStatus(AIMArtifact, inTeam('reports'), { progress: { ...progress, percentage: 100 } });
    await until('reports', 'Progressing', 'DownloadComplete', 'Verifying');

    await finish(cluster, names.download, 'Complete');
    const ready = await until('reports', 'Ready', 'DownloadComplete', 'Verified');
    expect(ready?.status?.progress).toEqual({
      totalBytes: 100,
      downloadedBytes: 100,
      percentage: 100,
      displayPercentage: '100 %',
    });
    // Conditions of the download are gone: they would keep the artifact from being ready (trap 2).
    expect(ready?.status?.conditions?.map(({ type }) => type).toSorted()).toEqual([
      'CachePvcReady',
      'DownloadComplete',
      'Ready',
      'RuntimeConfigReady',
    ]);

    // The Job's time is over: the weights stay.
    const before = cluster.writes.length;
    await cluster.client.delete(Job, inTeam(names.download));
    const later = await create('later', ', size: 1Gi');
    await cluster.eventually(Job, inTeam(later.download), (job) => job !== undefined);
    expect(cluster.writes.slice(before).filter((write) => write.includes('reports'))).toEqual([]);
  });

  it('fills a volume anew that has gone', async () => {
    const names = await create('refilled', ', size: 1Gi');
    await bind(cluster, names.claim);
    await endJob(cluster, names.download, 'Complete', '');
    const ready = await until('refilled', 'Ready', 'DownloadComplete', 'Verified');
    expect(ready?.status?.persistentVolumeClaim).toBe(names.claim);
    const first = await cluster.client.get(Job, inTeam(names.download));
    await cluster.client.delete(PersistentVolumeClaim, inTeam(names.claim));
    await cluster.eventually(
      Job,
      inTeam(names.download),
      (job) => job !== undefined && job.metadata.uid !== first?.metadata.uid,
    );
    await until('refilled', 'Progressing', 'DownloadComplete', 'Downloading');
  });
});

describe('an artifact in trouble', () => {
  it('says why the size is not known and how to go on without it', async () => {
    const names = await create('garbage');
    await endJob(cluster, names.check, 'Complete', 'Traceback');
    const failed = await until('garbage', 'Failed', 'CheckSizeOutputReady', 'InvalidSizeOutput');
    expect(conditionOf(failed, 'CheckSizeOutputReady')?.message).toMatch(/Traceback.*set spec\.size.*tried again at/);
    await cluster.client.patch(AIMArtifact, inTeam('garbage'), { type: 'merge', body: { spec: { size: '1Gi' } } });
    await until('garbage', 'Progressing', 'CachePvcReady', 'PvcPending');
  });

  it('tells why the download failed, and tries again when the Job is gone', async () => {
    const names = await create('denied', ', size: 1Gi');
    await bind(cluster, names.claim);
    const first = await endJob(cluster, names.download, 'Failed', 'HTTP 401: unauthorized\n');
    const failed = await until('denied', 'Failed', 'DownloadJobReady', 'JobBackoffLimitExceeded');
    expect(conditionOf(failed, 'DownloadJobReady')?.message).toMatch(/credentials.*tried again at \d{4}-/);
    expect(conditionOf(failed, 'DownloadJobPodsReady')).toMatchObject({ reason: 'AuthError' });
    expect(failed?.status?.progress?.displayPercentage).toBe('N/A');
    await cluster.client.delete(Job, inTeam(names.download));
    const isNew = (job: Job | undefined): boolean => job !== undefined && job.metadata.uid !== first.metadata.uid;
    await cluster.eventually(Job, inTeam(names.download), isNew);
    await endJob(cluster, names.download, 'Complete', '');
    await until('denied', 'Ready', 'DownloadComplete', 'Verified');
  });

  it('tries again at once when what it is asked has changed', async () => {
    const names = await create('corrected', ', size: 1Gi');
    await bind(cluster, names.claim);
    await endJob(cluster, names.download, 'Failed', 'boom\n');
    await until('corrected', 'Failed', 'DownloadJobPodsReady', 'PodFailed');
    const env = [{ name: 'HF_TOKEN', value: 'right' }];
    await cluster.client.patch(AIMArtifact, inTeam('corrected'), { type: 'merge', body: { spec: { env } } });
    await cluster.eventually(
      Job,
      inTeam(names.download),
      (job) => job?.spec.template.spec?.containers[0]?.env?.some(({ name }) => name === 'HF_TOKEN') === true,
    );
  });

  it('tells a download that stalled from one whose weights are wrong', async () => {
    const stalled = await create('stalled', ', size: 1Gi');
    await bind(cluster, stalled.claim);
    await runJob(cluster, stalled.download);
    const message = 'download stalled: no growth in 120 s';
    await cluster.setStatus(AIMArtifact, inTeam('stalled'), { progress: { percentage: 12 }, download: { message } });
    await cluster.eventually(
      AIMArtifact,
      inTeam('stalled'),
      (found) => conditionOf(found, 'DownloadComplete')?.message.includes('stalled') === true,
    );
    await finish(cluster, stalled.download, 'Failed');
    const failed = await until('stalled', 'Failed', 'DownloadComplete', 'Downloading');
    expect(conditionOf(failed, 'DownloadComplete')?.message).toBe(`the download has failed: ${message}`);
    expect(conditionOf(failed, 'DownloadJobReady')?.message).toContain(`${message}; check`);

    const wrong = await create('wrong', ', size: 1Gi');
    await bind(cluster, wrong.claim);
    await runJob(cluster, wrong.download);
    await cluster.setStatus(AIMArtifact, inTeam('wrong'), { progress: { percentage: 100 } });
    await until('wrong', 'Progressing', 'DownloadComplete', 'Verifying');
    await finish(cluster, wrong.download, 'Failed');
    await until('wrong', 'Failed', 'DownloadComplete', 'VerificationFailed');
  });

  it('waits for a configuration that is named, and makes nothing meanwhile', async () => {
    const names = await create('configured', ', size: 1Gi, runtimeConfigName: fast');
    const failed = await until('configured', 'Failed', 'RuntimeConfigReady', 'ReferenceNotFound');
    expect(conditionOf(failed, 'RuntimeConfigReady')?.message).toContain('create one');
    expect(await cluster.client.get(PersistentVolumeClaim, inTeam(names.claim))).toBeUndefined();
    await cluster.client.create(AIMRuntimeConfig, {
      apiVersion: 'aim.eai.amd.com/v1alpha1',
      kind: 'AIMRuntimeConfig',
      metadata: inTeam('fast'),
      spec: { storage: { defaultStorageClassName: 'fast', pvcHeadroomPercent: 0 } },
    });
    const claim = await bind(cluster, names.claim);
    expect(claim.spec).toMatchObject({ storageClassName: 'fast', resources: { requests: { storage: '1Gi' } } });
    await until('configured', 'Progressing', 'RuntimeConfigReady', 'ConfigFound');
  });
});
