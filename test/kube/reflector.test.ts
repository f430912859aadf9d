import { expect, it, onTestFinished } from 'vitest';
import { ConfigMap } from '../../src/kinds/core/configmap.ts';
import { createInformerCache } from '../../src/kube/cache.ts';
import { KubeError, type KubeClient } from '../../src/kube/client.ts';
import { createLog } from '../../src/telemetry/log.ts';

const object: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'default' } };

/** An API whose lists answer as told, the last answer again and again, and whose watches end at once in a 410 or a 404. */
function apiThatAnswers(answers: ('objects' | 'unknown kind')[]) {
  const unknownKind = new KubeError(404, 'NotFound', 'the server could not find the requested resource');
  let lists = 0;
  const client = {
    list: () => {
      const answer = answers[Math.min(lists++, answers.length - 1)];
      if (answer === 'unknown kind') return Promise.reject(unknownKind);
      return Promise.resolve({ items: [object], resourceVersion: '1' });
    },
    // oxlint-disable-next-line require-yield -- no event ever comes
    async *watch() {
      await Promise.resolve();
      throw unknownKind;
    },
  } as unknown as KubeClient;
  const cache = createInformerCache(client, createLog({ level: 'silent' }));
  onTestFinished(() => cache.stop());
  return { cache, informer: cache.informer(ConfigMap), lists: () => lists };
}

it('goes on without a kind that is not installed, and finds it once it is', async () => {
  const { cache, informer } = apiThatAnswers(['unknown kind', 'unknown kind', 'objects']);
  await cache.synced();
  expect(informer.list()).toEqual([]);
  await expect.poll(() => informer.list(), { timeout: 5_000, interval: 5 }).toEqual([object]);
});

it('keeps its objects while a server that starts does not know their kind yet', async () => {
  const { cache, informer, lists } = apiThatAnswers(['objects', 'unknown kind', 'objects']);
  await cache.synced();
  const seen = new Set<number>();
  informer.onChange(() => seen.add(informer.list().length));
  await expect.poll(lists, { timeout: 5_000, interval: 5 }).toBeGreaterThan(2);
  expect([...seen]).toEqual([1]);
});

it('gives up the objects of a kind that was removed', async () => {
  const { cache, informer } = apiThatAnswers(['objects', 'unknown kind']);
  await cache.synced();
  await expect.poll(() => informer.list(), { timeout: 5_000, interval: 5 }).toEqual([]);
});
