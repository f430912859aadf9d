import { afterEach, describe, expect, it } from 'vitest';
import { RegistryError } from '../../../../src/controllers/aim/registry/errors.ts';
import { createImageCatalog, type ImageCatalog } from '../../../../src/controllers/aim/registry/imagecatalog.ts';
import type { RegistryReader } from '../../../../src/controllers/aim/registry/reader.ts';
import { createLog } from '../../../../src/telemetry/log.ts';

const log = createLog({ level: 'silent' });
const labels = { 'com.amd.aim.model.canonicalName': 'org/model' };
const metadata = { model: { canonicalName: 'org/model' }, originalLabels: labels };

let catalog: ImageCatalog | undefined;
afterEach(async () => {
  await catalog?.stop();
});

/** A reader whose answers the test gives. */
function controlled() {
  const asked: { image: string; answer(labels: Record<string, string>): void; fail(error: Error): void }[] = [];
  const reader: RegistryReader = {
    labels: ({ text }, { signal }) =>
      new Promise((resolve, reject) => {
        asked.push({ image: text, answer: resolve, fail: reject });
        signal?.addEventListener('abort', () => {
          reject(new Error('aborted'));
        });
      }),
    tags: () => Promise.resolve([]),
    catalog: () => Promise.resolve([]),
  };
  return { asked, reader };
}

const answered = (of: ImageCatalog): Promise<string> =>
  new Promise((resolve) => {
    const stop = of.onAnswer((image) => {
      stop();
      resolve(image);
    });
  });

describe('the image catalog', () => {
  it('asks once for many, and tells when the answer is there', async () => {
    const { asked, reader } = controlled();
    catalog = createImageCatalog({ reader, log });
    expect(catalog.lookUp('org/model:1', [])).toEqual({ state: 'pending' });
    expect(catalog.lookUp('org/model:1', [])).toEqual({ state: 'pending' });
    expect(asked).toHaveLength(1);
    const told = answered(catalog);
    asked[0]?.answer(labels);
    expect(await told).toBe('org/model:1');
    expect(catalog.lookUp('org/model:1', [])).toEqual({ state: 'known', metadata });
    expect(asked).toHaveLength(1);
  });

  it('waits longer after every failure, and recovers by itself', async () => {
    const { asked, reader } = controlled();
    let now = 0;
    catalog = createImageCatalog({ reader, log, now: () => now, backOff: { firstMs: 100, lastMs: 250 } });
    const error = new RegistryError('Unreachable', 'down');
    for (const wait of [100, 200, 250, 250]) {
      catalog.lookUp('org/model:1', []);
      const told = answered(catalog);
      asked.at(-1)?.fail(error);
      await told;
      const count = asked.length;
      expect(catalog.lookUp('org/model:1', [])).toEqual({ state: 'failed', error, retryAfterMs: wait });
      expect(asked).toHaveLength(count);
      now += wait;
    }
    // The last answer stands until there is a better one.
    expect(catalog.lookUp('org/model:1', [])).toMatchObject({ state: 'failed', retryAfterMs: 0 });
    const told = answered(catalog);
    asked.at(-1)?.answer(labels);
    await told;
    expect(catalog.lookUp('org/model:1', [])).toEqual({ state: 'known', metadata });
  });

  it('asks again with other credentials', () => {
    const { asked, reader } = controlled();
    catalog = createImageCatalog({ reader, log });
    catalog.lookUp('org/model:1', []);
    catalog.lookUp('org/model:1', [{ scope: 'docker.io', username: 'u', password: 'p' }]);
    expect(asked).toHaveLength(2);
  });

  it('asks four registries at a time', async () => {
    const { asked, reader } = controlled();
    catalog = createImageCatalog({ reader, log });
    for (let i = 0; i < 10; i++) catalog.lookUp(`org/model:${String(i)}`, []);
    expect(asked).toHaveLength(4);
    const told = answered(catalog);
    asked[0]?.answer({});
    await told;
    await expect.poll(() => asked.length).toBe(5);
  });

  it('says when a label cannot be read', async () => {
    const { asked, reader } = controlled();
    catalog = createImageCatalog({ reader, log });
    catalog.lookUp('org/model:1', []);
    const told = answered(catalog);
    asked[0]?.answer({ 'com.amd.aim.model.recommendedDeployments': '{' });
    await told;
    expect(catalog.lookUp('org/model:1', [])).toMatchObject({ state: 'failed', error: { name: 'ImageLabelError' } });
  });

  it('knows built-in images without asking, and what is no image', () => {
    const { asked, reader } = controlled();
    const known = { model: { canonicalName: 'built/in' } };
    catalog = createImageCatalog({ reader, log, builtin: (image) => (image === 'builtin:1' ? known : undefined) });
    expect(catalog.builtin('builtin:1')).toEqual(known);
    expect(catalog.builtin('other:1')).toBeUndefined();
    expect(catalog.lookUp(':::invalid', [])).toEqual({ state: 'invalid' });
    expect(asked).toEqual([]);
  });
});
