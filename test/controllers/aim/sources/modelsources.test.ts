import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ModelLike } from '../../../../src/controllers/aim/models/watches.ts';
import { AIMClusterModelSource, LegacyAIMClusterModelSource } from '../../../../src/kinds/aim/aimclustermodelsource.ts';
import { AIMClusterModel } from '../../../../src/kinds/aim/aimmodel.ts';
import { LegacyAIMClusterModel } from '../../../../src/kinds/aim/legacy/aimmodel.ts';
import type { Kind } from '../../../../src/kinds/kind.ts';
import { messageOf, says, startModelCluster, type ModelCluster } from '../modelcluster.ts';
import { startLocalRegistry, type LocalRegistry } from '../registry/localregistry.ts';

let cluster: ModelCluster;
let registry: LocalRegistry;
beforeAll(async () => {
  cluster = await startModelCluster({ imageMetadata: () => ({ model: { canonicalName: 'org/model' } }) });
}, 60_000);
afterAll(async () => {
  await cluster.stop();
});
beforeEach(async () => {
  cluster.clockAheadMs = 0;
  registry = await startLocalRegistry();
  for (const tag of ['0.8.4', '0.8.5', 'v0.9.0', '1.0.0-rc1', 'latest']) registry.push('silogen/aim-a', tag, {});
  registry.push('silogen/aim-b', '0.9.0', {});
  registry.push('silogen/other', '0.9.0', {});
});
afterEach(async () => {
  await registry.stop();
});

const source = (name: string, spec: string) => `
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMClusterModelSource
metadata: { name: ${name} }
spec:
  registry: ${registry.host}
${spec}`;
const imagesOf = async (kind: Kind<ModelLike>, name: string): Promise<string[]> => {
  const { items } = await cluster.client.list(kind);
  const own = items.filter(({ metadata }) => metadata.labels?.[`${kind.group}/model-source`] === name);
  return own.map(({ spec }) => spec?.image.replace(`${registry.host}/`, '') ?? '').toSorted();
};
const ready = ({ status }: { status?: { status?: string } }) => status?.status === 'Ready';

describe('a cluster model source', () => {
  it('makes a model of each image that its filters let through', async () => {
    await cluster.apply(
      source(
        'some',
        `  versions: [">=0.8.5"]\n  filters: [{ image: "silogen/aim-*", exclude: [silogen/aim-b] }, { image: "silogen/other:0.9.0" }]`,
      ),
    );
    const some = await cluster.eventually(AIMClusterModelSource, { name: 'some' }, ready);
    expect(await imagesOf(AIMClusterModel, 'some')).toEqual([
      'silogen/aim-a:0.8.5',
      'silogen/aim-a:1.0.0-rc1',
      'silogen/aim-a:v0.9.0',
      'silogen/other:0.9.0',
    ]);
    expect(some.status).toMatchObject({ discoveredModels: 4, availableModels: 4, modelsLimitReached: false });
    expect(says(some, 'FiltersReady', 'True', 'AllFiltersSucceeded')).toBe(true);
    expect(says(some, 'MaxModelsLimitReached', 'False', 'WithinLimit')).toBe(true);
    const { items } = await cluster.client.list(AIMClusterModel);
    expect(items.find(({ spec }) => spec?.image.endsWith('aim-a:0.8.5'))).toMatchObject({
      metadata: {
        name: expect.stringMatching(/^silogen-aim-a-0-8-5-[0-9a-f]{6}$/) as unknown,
        annotations: { 'aim.eai.amd.com/source-repository': 'silogen/aim-a', 'aim.eai.amd.com/source-tag': '0.8.5' },
        ownerReferences: [{ kind: 'AIMClusterModelSource', name: 'some' }],
      },
    });
  });

  it('asks the registry once per interval, whatever wakes it (trap 14)', async () => {
    await cluster.apply(source('once', '  filters: [{ image: silogen/aim-a }]'));
    const once = await cluster.eventually(AIMClusterModelSource, { name: 'once' }, ready);
    const asked = registry.requests.length;
    const patch = (name: string) =>
      cluster.client.patch(
        AIMClusterModelSource,
        { name },
        { type: 'merge', body: { metadata: { annotations: { a: String(Math.random()) } } } },
      );
    await patch('once');
    await cluster.restart();
    await patch('once');
    await cluster.apply(source('after', '  filters: [{ image: "silogen/other:1" }]'));
    await cluster.eventually(AIMClusterModelSource, { name: 'after' }, ready);
    expect(registry.requests).toHaveLength(asked);
    expect((await cluster.client.get(AIMClusterModelSource, { name: 'once' }))?.status).toEqual(once.status);

    registry.push('silogen/aim-a', '2.0.0', {});
    cluster.clockAheadMs = 3_700_000;
    await patch('once');
    await cluster.eventually(AIMClusterModelSource, { name: 'once' }, ({ status }) => status?.discoveredModels === 6);
  });

  it('asks at once when its spec changes', async () => {
    await cluster.apply(source('changing', '  filters: [{ image: "silogen/aim-b:0.9.0" }]'));
    await cluster.eventually(AIMClusterModelSource, { name: 'changing' }, ready);
    const filters = [{ image: 'silogen/aim-b:0.9.0' }, { image: 'silogen/other:0.9.0' }];
    await cluster.client.patch(
      AIMClusterModelSource,
      { name: 'changing' },
      { type: 'merge', body: { spec: { filters } } },
    );
    await cluster.eventually(
      AIMClusterModelSource,
      { name: 'changing' },
      ({ status }) => status?.discoveredModels === 2,
    );
  });

  it('stops at maxModels, and says so', async () => {
    await cluster.apply(source('limited', '  maxModels: 2\n  filters: [{ image: silogen/aim-a }]'));
    const limited = await cluster.eventually(AIMClusterModelSource, { name: 'limited' }, ready);
    expect(limited.status).toMatchObject({ discoveredModels: 2, availableModels: 5, modelsLimitReached: true });
    expect(messageOf(limited, 'MaxModelsLimitReached')).toContain('raise maxModels');
  });

  it('is Degraded when some filters fail and Failed when all do, and recovers by itself', async () => {
    await cluster.apply(source('partly', '  filters: [{ image: silogen/missing }, { image: silogen/aim-b }]'));
    const partly = await cluster.eventually(
      AIMClusterModelSource,
      { name: 'partly' },
      ({ status }) => status?.status === 'Degraded',
    );
    expect(says(partly, 'FiltersReady', 'False', 'SomeFiltersFailed')).toBe(true);
    expect(messageOf(partly, 'FiltersReady')).toContain('filter silogen/missing: ');
    expect(partly.status?.discoveredModels).toBe(1);

    await cluster.apply(source('wholly', '  filters: [{ image: silogen/missing }]'));
    const wholly = await cluster.eventually(
      AIMClusterModelSource,
      { name: 'wholly' },
      ({ status }) => status?.status === 'Failed',
    );
    expect(says(wholly, 'FiltersReady', 'False', 'AllFiltersFailed')).toBe(true);

    registry.push('silogen/missing', '1.0.0', {});
    // After a failure it does not wait for the interval of an hour.
    cluster.clockAheadMs = 61_000;
    for (const name of ['partly', 'wholly']) {
      await cluster.client.patch(
        AIMClusterModelSource,
        { name },
        { type: 'merge', body: { metadata: { annotations: { wake: 'up' } } } },
      );
      await cluster.eventually(AIMClusterModelSource, { name }, ready);
    }
  });

  it('fails without its pull secret', async () => {
    await cluster.apply(
      source('secretless', '  imagePullSecrets: [{ name: nowhere }]\n  filters: [{ image: silogen/aim-a }]'),
    );
    const failed = await cluster.eventually(
      AIMClusterModelSource,
      { name: 'secretless' },
      ({ status }) => status?.status === 'Failed',
    );
    expect(says(failed, 'FiltersReady', 'False', 'SecretNotFound')).toBe(true);
  });

  it('of the older group lists what it has found', async () => {
    await cluster.apply(
      source('old', '  filters: [{ image: silogen/aim-b }]').replace('aim.eai.amd.com', 'aim.silogen.ai'),
    );
    const old = await cluster.eventually(LegacyAIMClusterModelSource, { name: 'old' }, ready);
    expect(old.status?.discoveredImages).toMatchObject([
      { image: `${registry.host}/silogen/aim-b:0.9.0`, tag: '0.9.0' },
    ]);
    expect(await imagesOf(LegacyAIMClusterModel, 'old')).toEqual(['silogen/aim-b:0.9.0']);
  });
});
