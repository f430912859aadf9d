import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readManifests } from '../../../src/app/manifests/read.ts';
import { parseManifests } from '../../../src/app/manifests/yaml.ts';

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
  [
    'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: n }',
    /^x\.yaml:1: metadata\.name of ConfigMap is false, not a text: quote it/,
  ],
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

it('reads a directory below only when told to, as kubectl does', async () => {
  const below = path.join(directory, 'nested', 'below');
  await mkdir(below, { recursive: true });
  await writeFile(path.join(below, '3.yml'), 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: three }\n');
  const nested = path.join(directory, 'nested');
  await expect(readManifests([nested])).rejects.toThrow(/no \.yaml, \.yml or \.json file; --recursive looks/);
  const manifests = await readManifests([nested], { recursive: true });
  expect(manifests.map(({ object }) => object.metadata.name)).toEqual(['three']);
});

it('reads standard input and URLs', async () => {
  const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n';
  const input = await readManifests(['-'], { stdin: Readable.from([Buffer.from(text)]) });
  expect(input).toMatchObject([{ source: 'standard input:1', object: { metadata: { name: 'a' } } }]);
  const server = createServer((request, response) => {
    if (request.url === '/a.yaml') response.end(text);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const url = `http://localhost:${(server.address() as AddressInfo).port}`;
    expect(await readManifests([`${url}/a.yaml`])).toMatchObject([{ source: `${url}/a.yaml:1` }]);
    await expect(readManifests([`${url}/b.yaml`])).rejects.toThrow(/cannot read .*b\.yaml: it answered 404/);
  } finally {
    server.close();
    server.closeAllConnections();
  }
  await expect(readManifests(['http://127.0.0.1:1/a.yaml'])).rejects.toThrow(/cannot read .*ECONNREFUSED/);
});

it('unfolds lists of several kinds, lists in lists, and lists of one kind', () => {
  const item = (kind: string, name: string) => ({ apiVersion: 'v1', kind, metadata: { name } });
  const list = (kind: string, items: unknown[]) => ({ apiVersion: 'v1', kind, items });
  const text = JSON.stringify(
    list('List', [
      item('Secret', 's'),
      list('List', [item('ConfigMap', 'c')]),
      list('ConfigMapList', [{ metadata: { name: 'd' } }]),
    ]),
  );
  const objects = parseManifests(text, 'x.json').map(({ object }) => `${object.kind} ${object.metadata.name}`);
  expect(objects).toEqual(['Secret s', 'ConfigMap c', 'ConfigMap d']);
});

/** What `kubectl apply --dry-run=client -o json` of 1.32 makes of these scalars. */
it.each<[string, unknown]>([
  ['0440', 288],
  ['-0440', -288],
  ['0o440', 288],
  ['0x1F', 31],
  ['0b101', 5],
  ['1_000', 1000],
  ['08', 8],
  ['yes', true],
  ['No', false],
  ['on', true],
  ['OFF', false],
  ['y', true],
  ['n', false],
  ['~', null],
  ['null', null],
  ["'yes'", 'yes'],
  ['1:30', '1:30'],
  ['190:20:30', '190:20:30'],
  ['2001-12-14', '2001-12-14'],
  ['2001-12-14t21:59:43.10-05:00', '2001-12-14t21:59:43.10-05:00'],
  ['1e3', 1000],
  ['1.5', 1.5],
  ['v1', 'v1'],
  ['.', '.'],
  ['.5', 0.5],
])('reads the scalar %s as kubectl does', (scalar, value) => {
  const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata: { key: ${scalar} }\n`;
  expect(parseManifests(text, 'x.yaml')[0]?.object).toMatchObject({ data: { key: value } });
});

it('merges maps by <<, and reads keys as texts', () => {
  const text = `apiVersion: v1
kind: ConfigMap
metadata: { name: a, labels: &l { app: x, tier: web } }
data: { <<: *l, tier: db, 1: one, on: switch }
`;
  const [manifest] = parseManifests(text, 'x.yaml');
  expect(manifest?.object).toMatchObject({ data: { app: 'x', tier: 'db', 1: 'one', true: 'switch' } });
});

it('refuses aliases that would fill memory, and a key that is given twice', () => {
  const levels = Array.from({ length: 12 }, (_, at) => `l${at + 1}: &l${at + 1} [*l${at}, *l${at}, *l${at}, *l${at}]`);
  expect(() => parseManifests(['l0: &l0 [x, x]', ...levels].join('\n'), 'x.yaml')).toThrow(/^x\.yaml:1: .*alias/i);
  expect(() => parseManifests('a: 1\na: 2', 'x.yaml')).toThrow(/^x\.yaml: .*unique/);
});
