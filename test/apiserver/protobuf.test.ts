import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeProtobuf } from '../../src/apiserver/protobuf/decode.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import { startTestApi, type TestApi } from './harness.ts';

const client = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'headgate-ci/bin/client-go');
const hasClient = existsSync(client);
if (!hasClient) console.warn('test/tools/client-go/build was not run: the tests with client-go are skipped');

/** Lines of JSON that the client prints. */
function clientGo(...args: string[]): Promise<Record<string, unknown>[]> {
  return new Promise((resolve, reject) => {
    execFile(client, args, { maxBuffer: 256 << 20 }, (error, stdout, stderr) => {
      if (error !== null) reject(new Error(`client-go ${args.join(' ')}: ${stderr}`));
      const lines = stdout.split('\n').filter((line) => line !== '');
      resolve(lines.map((line) => JSON.parse(line) as Record<string, unknown>));
    });
  });
}

// In CI the client must be there: without it the tests run and fail.
describe.skipIf(!hasClient && process.env['CI'] !== 'true')('bodies of client-go', () => {
  let api: TestApi;
  let directory: string;
  beforeAll(async () => {
    api = await startTestApi();
    directory = await mkdtemp(join(tmpdir(), 'headgate-protobuf-'));
  });
  afterAll(async () => {
    await api.close();
    await rm(directory, { recursive: true, force: true });
  });

  test('every field of every kind is read as client-go writes it in JSON', async () => {
    const samples = await clientGo('samples', '2');
    expect(samples.length).toBeGreaterThan(100);
    for (const { kind, protobuf, json } of samples) {
      const decoded = decodeProtobuf(Buffer.from(String(protobuf), 'base64'));
      expect({ kind, object: withoutNothing(decoded) }).toEqual({ kind, object: withoutNothing(json) });
    }
  });

  test('an object of every built-in kind is read, changed and updated', async () => {
    const samples = parseAllDocuments(readFileSync(join(import.meta.dirname, 'builtinsamples.yaml'), 'utf8')).map(
      (document) => inDefaultNamespace(document.toJS() as Sample),
    );
    const stored = allKinds.filter((kind) => kind.builtin && kind.verbs === undefined);
    const missing = stored.filter(
      ({ group, kind }) => !samples.some((one) => one.kind === kind && groupOf(one.apiVersion) === group),
    );
    expect(missing.map(({ group, kind }) => `${kind}.${group}`)).toEqual([]);

    await writeFile(join(directory, 'ca.crt'), api.server.caCertificate);
    await writeFile(join(directory, 'samples.json'), JSON.stringify(samples));
    const { url, token } = api.server;
    const outcomes = await clientGo('update', url, join(directory, 'ca.crt'), token, join(directory, 'samples.json'));
    expect(outcomes.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(outcomes.length).toBe(samples.length);
  });
});

interface Sample {
  apiVersion: string;
  kind: string;
  metadata: object;
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.replace(/\/.*/, '') : '';
}

function inDefaultNamespace(sample: Sample): Sample {
  const kind = allKinds.find((one) => one.kind === sample.kind && one.group === groupOf(sample.apiVersion));
  return kind?.namespaced === true ? { ...sample, metadata: { ...sample.metadata, namespace: 'default' } } : sample;
}

/** A value without members that mean nothing: null, and objects that are empty below. Both are absent in protobuf or not, alike. */
function withoutNothing(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNothing);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [name, withoutNothing(member)] as const);
  const kept = members.filter(([, member]) => !isNothing(member));
  return Object.fromEntries(kept);
}

function isNothing(value: unknown): boolean {
  return value === null || (typeof value === 'object' && Object.keys(value).length === 0 && !Array.isArray(value));
}

/** A message of these fields: text, or a message. */
function message(fields: Readonly<Record<number, string | Buffer>>): Buffer {
  return Buffer.concat(
    Object.entries(fields).map(([number, value]) => {
      const bytes = Buffer.from(value);
      return Buffer.concat([Buffer.from([...varint(Number(number) * 8 + 2), ...varint(bytes.length)]), bytes]);
    }),
  );
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 0x80, ...varint(Math.floor(value / 128))];
}

function envelope(kind: string, raw: Buffer): Buffer {
  return Buffer.concat([Buffer.from('k8s\0'), message({ 1: message({ 1: 'v1', 2: kind }), 2: raw })]);
}

test('fields of a newer client are skipped, at the top and below', () => {
  const metadata = message({ 1: 'settings', 3: 'default', 999: 'new' });
  const body = envelope(
    'ConfigMap',
    message({ 1: metadata, 2: message({ 1: 'mode', 2: 'fast', 7: 'new' }), 77: 'new' }),
  );
  expect(decodeProtobuf(body)).toEqual({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings', namespace: 'default' },
    data: { mode: 'fast' },
  });
});

test('a key may be any string, and an entry may have no value', () => {
  const data = Buffer.concat([
    message({ 2: message({ 1: '__proto__', 2: 'x' }) }),
    message({ 2: message({ 1: 'b' }) }),
  ]);
  expect(JSON.stringify(decodeProtobuf(envelope('ConfigMap', data)))).toContain('{"__proto__":"x","b":""}');
});

test.each([
  ['no magic', Buffer.from('{}'), 'does not begin with "k8s"'],
  ['cut off', envelope('ConfigMap', message({ 1: message({ 1: 'a' }) })).subarray(0, -2), 'past the end'],
  ['a kind it does not know', envelope('Shop', Buffer.alloc(0)), 'protobuf bodies of v1 Shop are not supported'],
])('malformed: %s', (_name, body, text) => {
  expect(() => decodeProtobuf(body)).toThrow(text);
});
