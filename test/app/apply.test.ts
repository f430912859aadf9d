import { describe, expect, it } from 'vitest';
import { mergePatch } from '../../src/app/apply.ts';

describe('three-way merge patch of an applied manifest', () => {
  it('is nothing when the object already says all of it, defaults included', () => {
    const manifest = { spec: { replicas: 3, ports: [{ port: 80 }] } };
    const current = { spec: { replicas: 3, ports: [{ port: 80, protocol: 'TCP' }], type: 'ClusterIP' }, status: {} };
    expect(mergePatch(manifest, manifest, current)).toBeUndefined();
  });

  it('sets what changed and removes what the last apply had and this one has not', () => {
    const before = { spec: { replicas: 3, paused: true } };
    const current = { spec: { replicas: 5, paused: true, other: 'kept' } };
    expect(mergePatch(before, { spec: { replicas: 2 } }, current)).toEqual({ spec: { replicas: 2, paused: null } });
  });

  it('replaces a list whole when a field inside an item was taken out of the file', () => {
    const before = { backendRefs: [{ name: 'a', weight: 80 }] };
    expect(mergePatch(before, { backendRefs: [{ name: 'a' }] }, before)).toEqual({ backendRefs: [{ name: 'a' }] });
  });

  it('restores what somebody else changed', () => {
    const manifest = { data: { key: 'value' } };
    expect(mergePatch(manifest, manifest, { data: { key: 'edited' } })).toEqual({ data: { key: 'value' } });
  });
});
