import { describe, expect, it } from 'vitest';
import { ConfigMap } from '../../src/kinds/core/configmap.ts';
import type { Kind } from '../../src/kinds/kind.ts';
import type { KubeObject } from '../../src/kinds/object.ts';
import { createInformerCache } from '../../src/kube/cache.ts';
import type { KubeClient, WatchEvent } from '../../src/kube/client.ts';
import type { Informer } from '../../src/kube/informer.ts';
import { createOwnWrites } from '../../src/kube/ownwrites.ts';
import { createLog } from '../../src/telemetry/log.ts';

const ref = { namespace: 'n', name: 'a' };
const at = (resourceVersion: string): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { ...ref, resourceVersion },
});

/** A cache of one object at version 1, whose watch says what the test tells it. */
async function startCache() {
  let tell: (event: WatchEvent<KubeObject>) => void = () => undefined;
  const watching = Promise.withResolvers<undefined>();
  const unused = (): never => {
    throw new Error('not expected');
  };
  const client = {
    get: unused,
    create: unused,
    update: unused,
    updateStatus: unused,
    patch: unused,
    createBelow: unused,
    delete: unused,
    close: unused,
    list: () => Promise.resolve({ items: [at('1')], resourceVersion: '1' }),
    watch: async function* (_: Kind, { signal }: { signal: AbortSignal }) {
      watching.resolve(undefined);
      while (!signal.aborted) {
        const next = await new Promise<WatchEvent<KubeObject> | undefined>((resolve) => {
          tell = resolve;
          signal.addEventListener('abort', () => {
            resolve(undefined);
          });
        });
        if (next !== undefined) yield next;
      }
    },
  };
  // The generic methods of a client return what the test put in.
  const informers = createInformerCache(client as unknown as KubeClient, createLog({ level: 'silent' }));
  const informer: Informer<ConfigMap> = informers.informer(ConfigMap);
  await informers.synced();
  await watching.promise;
  const seen = async (type: 'MODIFIED' | 'DELETED', version: string): Promise<void> => {
    const announced = new Promise<void>((resolve) => {
      informer.onChange(({ object, deleted }) => {
        if (object.metadata.resourceVersion === version || deleted) resolve();
      });
    });
    tell({ type, object: at(version) });
    await announced;
  };
  return { informers, seen, writes: createOwnWrites(informers) };
}

describe('own writes', () => {
  it('are read before the watch tells of them, and until then only', async () => {
    const { informers, seen, writes } = await startCache();
    expect(writes.get(ConfigMap, ref)?.metadata.resourceVersion).toBe('1');
    await writes.write(ConfigMap, ref, () => Promise.resolve(at('2')));
    expect(writes.get(ConfigMap, ref)?.metadata.resourceVersion).toBe('2');
    expect(writes.isOwn(ConfigMap, at('2'))).toBe(true);
    await seen('MODIFIED', '3');
    expect(writes.get(ConfigMap, ref)?.metadata.resourceVersion).toBe('3');
    expect(writes.isOwn(ConfigMap, at('3'))).toBe(false);
    await informers.stop();
  });

  it('do not hide what the watch told while the answer was on its way', async () => {
    const { informers, seen, writes } = await startCache();
    await writes.write(ConfigMap, ref, async () => {
      await seen('MODIFIED', '3');
      return at('2');
    });
    expect(writes.get(ConfigMap, ref)?.metadata.resourceVersion).toBe('3');
    await informers.stop();
  });

  it('that delete hide the object at once', async () => {
    const { informers, seen, writes } = await startCache();
    await writes.write(ConfigMap, ref, () => Promise.resolve(undefined));
    expect(writes.get(ConfigMap, ref)).toBeUndefined();
    await seen('DELETED', '4');
    expect(writes.get(ConfigMap, ref)).toBeUndefined();
    await informers.stop();
  });

  it('that changed nothing are forgotten, and so are failed ones', async () => {
    const { informers, seen, writes } = await startCache();
    await writes.write(ConfigMap, ref, () => Promise.resolve(at('1')));
    await expect(writes.write(ConfigMap, ref, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await seen('MODIFIED', '2');
    expect(writes.get(ConfigMap, ref)?.metadata.resourceVersion).toBe('2');
    await informers.stop();
  });
});
