import { expect, it } from 'vitest';
import type { EndpointSlice } from '../../src/kinds/discovery/endpointslice.ts';
import type { Kind } from '../../src/kinds/kind.ts';
import type { KubeObject } from '../../src/kinds/object.ts';
import { createInformerCache } from '../../src/kube/cache.ts';
import type { KubeClient, WatchEvent } from '../../src/kube/client.ts';
import { watchListings } from '../../src/local/leaving.ts';
import { createLog } from '../../src/telemetry/log.ts';

const slice = (version: string, ready: boolean): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'web', namespace: 'n', resourceVersion: version },
  addressType: 'IPv4',
  endpoints: [{ addresses: ['127.0.0.9'], conditions: { ready }, targetRef: { kind: 'Pod', name: 'p', uid: 'u' } }],
});

it('waits until the slices have caught up with a Pod that leaves, or its time is over', async () => {
  const events: WatchEvent<KubeObject>[] = [];
  let wake = (): void => undefined;
  const client = {
    list: () => Promise.resolve({ items: [slice('1', true)], resourceVersion: '1' }),
    watch: async function* (_: Kind, { signal }: { signal: AbortSignal }) {
      while (!signal.aborted) {
        yield* events.splice(0);
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener('abort', () => {
            resolve();
          });
        });
      }
    },
  };
  // Only what informers use is there.
  const informers = createInformerCache(client as unknown as KubeClient, createLog({ level: 'silent' }));
  const whenUnlisted = watchListings(informers);
  await informers.synced();
  const never = new AbortController();
  await whenUnlisted('other', never.signal);

  const over = new AbortController();
  const given = whenUnlisted('u', over.signal);
  over.abort();
  await given;

  let left = false;
  const leaving = whenUnlisted('u', never.signal).then(() => {
    left = true;
  });
  await new Promise(setImmediate);
  expect(left).toBe(false);
  events.push({ type: 'MODIFIED', object: slice('2', false) });
  wake();
  await leaving;
  expect(left).toBe(true);
  await informers.stop();
});
