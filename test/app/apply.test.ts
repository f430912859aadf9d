import { describe, expect, it } from 'vitest';
import { applyManifests, mergePatch } from '../../src/app/apply.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import { keyOf, type KubeObject } from '../../src/kinds/object.ts';
import { KubeError, type KubeClient } from '../../src/kube/client.ts';

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

describe('applying manifests', () => {
  /** Keeps objects, and the order in which writes began and ended. */
  function store() {
    const objects = new Map<string, KubeObject>();
    const began: string[] = [];
    const reads = { one: 0, all: 0 };
    let under = 0;
    let most = 0;
    const client = {
      get: async (_kind: unknown, ref: KubeObject['metadata']) => {
        reads.one += 1;
        return objects.get(keyOf(ref));
      },
      list: async (kind: { kind: string }) => {
        reads.all += 1;
        return { items: [...objects.values()].filter((object) => object.kind === kind.kind) };
      },
      create: async (kind: { kind: string }, object: KubeObject) => {
        began.push(`${kind.kind} ${object.metadata.name}`);
        most = Math.max(most, ++under);
        await new Promise((resolve) => setImmediate(resolve));
        under -= 1;
        if (object.metadata.name.startsWith('bad'))
          throw new KubeError(422, 'Invalid', `${object.metadata.name} is bad`);
        objects.set(keyOf(object.metadata), object);
        return object;
      },
      patch: async (_kind: unknown, ref: KubeObject['metadata'], { body }: { body: { data?: object } }) => {
        const object = { ...objects.get(keyOf(ref)), ...body };
        objects.set(keyOf(ref), object as KubeObject);
        return object;
      },
    };
    // Of a client only what applying uses.
    return { client: client as unknown as KubeClient, objects, began, reads, most: () => most };
  }
  const manifest = (kind: string, name: string, fields: object = {}) => ({
    source: `file.yaml:${name}`,
    object: { apiVersion: 'v1', kind, metadata: { name, namespace: 'default' }, ...fields },
  });
  const options = { validation: 'Strict', report: () => undefined, warn: () => undefined } as const;

  it('writes what others need first, and many at once', async () => {
    const { client, began, most } = store();
    const services = Array.from({ length: 40 }, (_, i) => manifest('Service', `s${i}`, { spec: {} }));
    await applyManifests(client, allKinds, [...services, manifest('ConfigMap', 'first')], options);
    expect(began[0]).toBe('ConfigMap first');
    expect(began).toHaveLength(41);
    expect(most()).toBe(16);
  });

  it('reads the objects of a kind of which there are many once, and knows what it has written itself', async () => {
    const { client, objects, reads } = store();
    const services = (x: string) => Array.from({ length: 20 }, (_, i) => manifest('Service', `s${i}`, { data: { x } }));
    await applyManifests(client, allKinds, services('1'), options);
    await applyManifests(client, allKinds, [...services('2'), ...services('3')], options);
    expect(reads).toEqual({ one: 0, all: 2 });
    for (const object of objects.values()) expect(object).toMatchObject({ data: { x: '3' } });
    expect(objects.size).toBe(20);
  });

  it('lets the last of two manifests of an object win', async () => {
    const { client, objects } = store();
    const twice = [manifest('ConfigMap', 'a', { data: { x: '1' } }), manifest('ConfigMap', 'a', { data: { x: '2' } })];
    await applyManifests(client, allKinds, twice, options);
    expect(objects.get('default/a')).toMatchObject({ data: { x: '2' } });
  });

  it('names all that were refused in the order of the files, after all others', async () => {
    const { client, objects } = store();
    const all = [manifest('Service', 'bad1', {}), manifest('ConfigMap', 'bad2'), manifest('Service', 'good', {})];
    await expect(applyManifests(client, allKinds, all, options)).rejects.toThrow(
      /^file\.yaml:bad1: bad1: bad1 is bad\nfile\.yaml:bad2: bad2: bad2 is bad$/,
    );
    expect([...objects.keys()]).toEqual(['default/good']);
  });
});
