import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseManifests, readManifests } from '../../src/app/manifests.ts';

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'headgate-manifests-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

it('reads every document, unfolds lists and remembers where each stands', () => {
  const text = `apiVersion: v1
kind: ConfigMap
metadata: { name: a }
---
# nothing here
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: ConfigMap
    metadata: { name: b }
`;
  expect(parseManifests(text, 'x.yaml').map(({ object, source }) => [object.metadata.name, source])).toEqual([
    ['a', 'x.yaml:1'],
    ['b', 'x.yaml:7'],
  ]);
});

it.each([
  ['a: b: c', /^x\.yaml: .*at line 1/],
  ['kind: ConfigMap', /^x\.yaml:1: apiVersion is missing/],
  ['apiVersion: v1\nkind: ConfigMap', /^x\.yaml:1: ConfigMap has no metadata\.name/],
  ['just text', /^x\.yaml:1: not a Kubernetes object but "just text"/],
])('refuses %j and says where', (text, message) => {
  expect(() => parseManifests(text, 'x.yaml')).toThrow(message);
});

it('reads the YAML and JSON files of a directory in name order, and says which path it cannot read', async () => {
  await writeFile(path.join(directory, '2.json'), '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"two"}}');
  await writeFile(path.join(directory, '1.yaml'), 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: one }\n');
  await writeFile(path.join(directory, 'notes.txt'), 'not a manifest');
  const manifests = await readManifests([directory]);
  expect(manifests.map(({ object }) => object.metadata.name)).toEqual(['one', 'two']);
  await expect(readManifests([path.join(directory, 'missing.yaml')])).rejects.toThrow(/cannot read .*missing\.yaml/);
});
