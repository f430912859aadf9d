import { expect, test } from 'vitest';
import type { PersistentVolume } from '../../src/kinds/core/persistentvolume.ts';
import type { PersistentVolumeClaim } from '../../src/kinds/core/persistentvolumeclaim.ts';
import type { StorageClass } from '../../src/kinds/storage/storageclass.ts';
import {
  directoryProvisioner,
  planClaim,
  planVolume,
  standardClass,
  type ClaimView,
} from '../../src/local/persistentvolumeplan.ts';

const claim = (spec: PersistentVolumeClaim['spec'] = {}, phase?: string): PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data', namespace: 'ml', uid: 'u1' },
  spec: { storageClassName: 'standard', accessModes: ['ReadWriteMany'], ...spec },
  ...(phase !== undefined && { status: { phase } }),
});

const volume = (spec: Partial<PersistentVolume['spec']>, more: Partial<PersistentVolume> = {}): PersistentVolume => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name: 'pv' },
  spec: { accessModes: ['ReadWriteMany'], hostPath: { path: '/x' }, ...spec },
  ...more,
});

const view = (more: Partial<ClaimView> = {}): ClaimView => ({
  classes: [standardClass],
  volumes: [],
  used: false,
  directory: '/volumes',
  ...more,
});

const named = (name: string, fields: Partial<StorageClass>): StorageClass => ({
  ...standardClass,
  ...fields,
  metadata: { name },
});

test('a claim of the standard class gets a directory that is its own', () => {
  const wanted = claim({ resources: { requests: { storage: '10Gi' } } });
  expect(planClaim(wanted, view())).toEqual({
    action: 'bind',
    provision: true,
    volume: {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'pvc-u1', annotations: { 'pv.kubernetes.io/provisioned-by': directoryProvisioner } },
      spec: {
        capacity: { storage: '10Gi' },
        accessModes: ['ReadWriteMany'],
        persistentVolumeReclaimPolicy: 'Delete',
        storageClassName: 'standard',
        volumeMode: 'Filesystem',
        hostPath: { path: '/volumes/pvc-u1', type: 'DirectoryOrCreate' },
        claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'ml', name: 'data', uid: 'u1' },
      },
    },
  });
});

test('a claim without a class gets the default one', () => {
  const { storageClassName: _, ...spec } = claim().spec;
  const none = { ...claim(), spec };
  expect(planClaim(none, view())).toEqual({ action: 'default', className: 'standard' });
  expect(planClaim(none, view({ classes: [] }))).toMatchObject({ action: 'wait', event: { reason: 'FailedBinding' } });
});

test.each<[string, PersistentVolumeClaim, Partial<ClaimView>, string, string]>([
  ['an unknown class', claim({ storageClassName: 'fast' }), {}, 'ProvisioningFailed', '"fast" not found'],
  ['no class at all', claim({ storageClassName: '' }), {}, 'FailedBinding', 'no storage class is set'],
  [
    "another's class",
    claim({ storageClassName: 'nfs' }),
    { classes: [named('nfs', { provisioner: 'example.com/nfs' })] },
    'ExternalProvisioning',
    "'example.com/nfs'",
  ],
  ['a block device', claim({ volumeMode: 'Block' }), {}, 'ProvisioningFailed', 'Block is not supported'],
  [
    'a class that waits for a pod',
    claim({ storageClassName: 'late' }),
    { classes: [named('late', { volumeBindingMode: 'WaitForFirstConsumer' })] },
    'WaitForFirstConsumer',
    'first consumer',
  ],
])('%s: the claim waits and an event says why', (_what, wanted, more, reason, message) => {
  expect(planClaim(wanted, view(more))).toMatchObject({
    action: 'wait',
    event: { reason, message: expect.stringContaining(message) as unknown },
  });
});

test('a class that waits for a pod binds when there is one', () => {
  const classes = [named('late', { volumeBindingMode: 'WaitForFirstConsumer' })];
  expect(planClaim(claim({ storageClassName: 'late' }), view({ classes, used: true })).action).toBe('bind');
});

test('a volume that is there and fits is taken, one that does not is not', () => {
  const bound = (one: PersistentVolume) => planClaim(claim({ storageClassName: '' }), view({ volumes: [one] })).action;
  expect(bound(volume({}))).toBe('bind');
  expect(bound(volume({ claimRef: { namespace: 'ml', name: 'data' } }))).toBe('bind');
  expect(bound(volume({ claimRef: { namespace: 'ml', name: 'data', uid: 'other' } }))).toBe('wait');
  expect(bound(volume({ accessModes: ['ReadWriteOnce'] }))).toBe('wait');
  expect(bound(volume({ storageClassName: 'standard' }))).toBe('wait');
});

test('a bound claim is left alone', () => {
  expect(planClaim(claim({}, 'Bound'), view())).toEqual({ action: 'none' });
});

const claimRef = { namespace: 'ml', name: 'data', uid: 'u1' };
const ours = { metadata: { name: 'pv', annotations: { 'pv.kubernetes.io/provisioned-by': directoryProvisioner } } };

test.each([
  ['is kept while its claim is there', volume({ claimRef }), claim(), 'none'],
  ['goes with its claim', volume({ claimRef, persistentVolumeReclaimPolicy: 'Delete' }, ours), undefined, 'delete'],
  [
    'stays with policy Retain',
    volume({ claimRef, persistentVolumeReclaimPolicy: 'Retain' }, ours),
    undefined,
    'release',
  ],
  [
    "that is the user's is never deleted",
    volume({ claimRef, persistentVolumeReclaimPolicy: 'Delete' }),
    undefined,
    'release',
  ],
  ['is released once', volume({ claimRef }, { status: { phase: 'Released' } }), undefined, 'none'],
  [
    'of an earlier claim of this name is not the new one’s',
    volume({ claimRef: { ...claimRef, uid: 'u0' } }),
    claim(),
    'release',
  ],
  ['nobody claims is offered', volume({}), undefined, 'offer'],
])('a volume: %s', (_what, one, its, expected) => {
  expect(planVolume(one, its)).toBe(expected);
});
