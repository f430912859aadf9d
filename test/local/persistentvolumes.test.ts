import { access, readFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Job } from '../../src/kinds/batch/job.ts';
import { PersistentVolume } from '../../src/kinds/core/persistentvolume.ts';
import { PersistentVolumeClaim } from '../../src/kinds/core/persistentvolumeclaim.ts';
import { Pod } from '../../src/kinds/core/pod.ts';
import { StorageClass } from '../../src/kinds/storage/storageclass.ts';
import { startLocalCluster, type LocalCluster } from './cluster.ts';

/** Claims on the embedded node: directories of this machine, from the claim to the program that writes there and back. */

const patience = { timeout: 60_000, interval: 50 };

let cluster: LocalCluster;
beforeEach(async () => {
  cluster = await startLocalCluster();
});
afterEach(async () => {
  await cluster.close();
});

const ref = (name: string) => ({ namespace: 'default', name });

function claim(name: string, storageClassName?: string): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: ref(name),
    spec: {
      accessModes: ['ReadWriteMany'],
      resources: { requests: { storage: '10Gi' } },
      ...(storageClassName !== undefined && { storageClassName }),
    },
  };
}

function job(name: string, claimName: string, script: string): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: ref(name),
    spec: {
      template: {
        spec: {
          restartPolicy: 'Never',
          containers: [
            {
              name: 'main',
              image: 'example.com/script',
              args: [script],
              env: [{ name: 'DIR', value: '/data' }],
              volumeMounts: [{ name: 'data', mountPath: '/data' }],
            },
          ],
          volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }],
        },
      },
    },
  };
}

async function bound(name: string): Promise<PersistentVolumeClaim> {
  return vi.waitFor(async () => {
    const found = await cluster.api.get(PersistentVolumeClaim, ref(name));
    if (found?.status?.phase !== 'Bound')
      throw new Error(`claim ${name} is ${found?.status?.phase ?? 'without phase'}`);
    return found;
  }, patience);
}

async function succeeded(name: string): Promise<void> {
  await vi.waitFor(async () => {
    expect((await cluster.api.get(Job, ref(name)))?.status?.succeeded).toBe(1);
  }, patience);
}

test('what one Job writes another reads, and the directory goes with the claim', async () => {
  const { api } = cluster;
  await api.create(PersistentVolumeClaim, claim('data'));
  const { spec, status } = await bound('data');
  expect(spec.storageClassName).toBe('standard');
  expect(status).toMatchObject({ capacity: { storage: '10Gi' }, accessModes: ['ReadWriteMany'] });
  const volume = await api.get(PersistentVolume, { name: spec.volumeName ?? '' });
  expect(volume).toMatchObject({ status: { phase: 'Bound' }, spec: { claimRef: { name: 'data' } } });
  const path = volume?.spec.hostPath?.path ?? '';

  await api.create(Job, job('writer', 'data', "require('fs').writeFileSync(process.env.DIR + '/file', 'written')"));
  await succeeded('writer');
  expect(await readFile(`${path}/file`, 'utf8')).toBe('written');
  await api.create(
    Job,
    job('reader', 'data', "process.exit(require('fs').readFileSync(process.env.DIR + '/file') == 'written' ? 0 : 1)"),
  );
  await succeeded('reader');

  await api.delete(PersistentVolumeClaim, ref('data'));
  await vi.waitFor(async () => {
    expect(await api.get(PersistentVolume, { name: spec.volumeName ?? '' })).toBeUndefined();
  }, patience);
  await expect(access(path)).rejects.toThrow('ENOENT');
});

test('an unknown class keeps claim and Pod waiting, both say why, and they go on when the class appears', async () => {
  const { api } = cluster;
  await api.create(PersistentVolumeClaim, claim('data', 'fast'));
  await api.create(Job, job('writer', 'data', '0'));
  const message = 'pod has unbound immediate PersistentVolumeClaims';
  await vi.waitFor(async () => {
    expect((await api.get(PersistentVolumeClaim, ref('data')))?.status?.phase).toBe('Pending');
    expect(await cluster.events('data')).toContainEqual(expect.stringContaining('ProvisioningFailed: storageclass'));
    const [pod] = (await api.list(Pod, { namespace: 'default' })).items;
    expect(await cluster.events(pod?.metadata.name ?? '')).toContainEqual(expect.stringContaining(message));
  }, patience);
  await api.create(StorageClass, {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'fast' },
    provisioner: 'headgate.dev/local-directory',
    reclaimPolicy: 'Retain',
  });
  await succeeded('writer');
  const { spec } = await bound('data');

  await api.delete(PersistentVolumeClaim, ref('data'));
  await vi.waitFor(async () => {
    const volume = await api.get(PersistentVolume, { name: spec.volumeName ?? '' });
    expect(volume?.status?.phase).toBe('Released');
    await access(volume?.spec.hostPath?.path ?? '');
  }, patience);
});

test('a class that waits for its first consumer binds with the Pod', async () => {
  const { api } = cluster;
  await api.create(StorageClass, {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'late' },
    provisioner: 'headgate.dev/local-directory',
    volumeBindingMode: 'WaitForFirstConsumer',
  });
  await api.create(PersistentVolumeClaim, claim('data', 'late'));
  await vi.waitFor(async () => {
    expect(await cluster.events('data')).toContainEqual(expect.stringContaining('WaitForFirstConsumer'));
  }, patience);
  await api.create(Job, job('writer', 'data', '0'));
  await succeeded('writer');
  await bound('data');
});
