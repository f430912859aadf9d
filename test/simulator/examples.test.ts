import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { allKinds } from '../../src/kinds/registry.ts';
import { readSimulatorConfig } from '../../src/simulator/flags.ts';

const directory = new URL('../../examples/', import.meta.url);
// examples/envoy is Envoy's and the picker's configuration; test/e2e/envoy.test.ts runs it.
const files = (await readdir(directory, { recursive: true }))
  .filter((file) => file.endsWith('.yaml') && !file.startsWith('envoy/'))
  .toSorted();
const served = new Set(
  allKinds.flatMap(({ group, kind, versions }) =>
    versions
      .filter((version) => version.served)
      .map(({ name }) => `${group === '' ? name : `${group}/${name}`} ${kind}`),
  ),
);

interface Example {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  spec?: { template?: { spec: { containers: { image: string; args?: string[] }[] } } };
}

async function load(file: string): Promise<Example[]> {
  const documents = parseAllDocuments(await readFile(new URL(file, directory), 'utf8'));
  return documents.map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as Example;
  });
}

describe.each(files)('examples/%s', (file) => {
  it('holds named objects of kinds that Headgate serves, none twice', async () => {
    const objects = await load(file);
    const ids = objects.map(({ apiVersion, kind, metadata }) => `${apiVersion} ${kind} ${metadata.name}`);
    for (const { apiVersion, kind } of objects) expect(served).toContain(`${apiVersion} ${kind}`);
    expect(ids.length).toBeGreaterThan(0);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('says at its top what it shows and how to run it', async () => {
    const text = await readFile(new URL(file, directory), 'utf8');
    const comment = /^(#.*\n)+/.exec(text)?.[0] ?? '';
    expect(comment).toContain(`examples/${file}`);
    expect(comment).toMatch(/curl|kubectl get/);
  });

  it('starts simulators with flags that they take', async () => {
    const containers = (await load(file)).flatMap(({ spec }) => spec?.template?.spec.containers ?? []);
    for (const { image, args } of containers) {
      if (image.includes('llm-d-inference-sim')) expect(() => readSimulatorConfig(args ?? [], {})).not.toThrow();
    }
  });
});

it('there are examples', () => {
  expect(files).toContain('quickstart.yaml');
  expect(files.length).toBeGreaterThanOrEqual(8);
});
