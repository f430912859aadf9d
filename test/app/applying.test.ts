import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApiServer, type ApiServer } from '../../src/apiserver/server.ts';
import { applyManifests, type Applied } from '../../src/app/apply.ts';
import { readManifests } from '../../src/app/manifests/read.ts';
import { parseManifests, type Manifest } from '../../src/app/manifests/yaml.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import type { FieldValidation, KubeClient } from '../../src/kube/client.ts';
import { fixedCredentials } from '../../src/kube/credentials.ts';
import { createKubeClient } from '../../src/kube/httpclient.ts';
import { createLog } from '../../src/telemetry/log.ts';

let directory = '';
let api: ApiServer;
let client: KubeClient;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'headgate-applying-'));
  api = await startApiServer({ dataDir: directory, kinds: allKinds, log: createLog({ level: 'silent' }) });
  client = createKubeClient({
    server: api.url,
    credentials: fixedCredentials({ ca: api.caCertificate, token: api.token }),
  });
});
afterAll(async () => {
  await client.close();
  await api.close();
  await rm(directory, { recursive: true });
});

async function apply(manifests: readonly Manifest[], validation: FieldValidation = 'Strict') {
  const outcomes: Applied[] = [];
  const warnings: string[] = [];
  await applyManifests(client, allKinds, manifests, {
    validation,
    report: (_, outcome) => outcomes.push(outcome),
    warn: (message) => warnings.push(message),
  });
  return { outcomes, warnings };
}

const typo = `apiVersion: v1
kind: Service
metadata: { name: typo }
spec: { prots: [{ port: 80 }], ports: [{ port: 80 }] }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: beside }
`;

describe('applying manifests', () => {
  it('refuses unknown fields, says where they stand, and applies the rest', async () => {
    await expect(apply(parseManifests(typo, 'x.yaml'))).rejects.toThrow(
      /^x\.yaml:1: typo: .*strict decoding error: unknown field "spec\.prots"$/,
    );
    const { outcomes } = await apply(parseManifests(typo, 'x.yaml'), 'Ignore');
    // ConfigMaps come first.
    expect(outcomes).toEqual(['unchanged', 'created']);
  });

  it('warns of them when it is told to, and of what the API warns of', async () => {
    const { warnings } = await apply(parseManifests(typo.replaceAll('name: typo', 'name: warned'), 'x.yaml'), 'Warn');
    expect(warnings).toEqual(['x.yaml:1: Service warned: unknown field "spec.prots"']);
  });

  it('refuses them in what is there already, too', async () => {
    const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: there }\n';
    await apply(parseManifests(text, 'x.yaml'));
    await expect(apply(parseManifests(`${text}daat: { a: b }\n`, 'x.yaml'))).rejects.toThrow(/unknown field "daat"/);
  });

  it('names every object that is refused', async () => {
    const text = `${typo}---\napiVersion: v1\nkind: Nothing\nmetadata: { name: nothing }\n`;
    await expect(apply(parseManifests(text, 'x.yaml'))).rejects.toThrow(/x\.yaml:1: typo: .*\n.*no kind "Nothing"/);
  });

  it('takes a definition and its objects in one file, in any order', async () => {
    const text = `apiVersion: example.com/v1
kind: Widget
metadata: { name: w }
spec: { size: 3 }
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: widgets.example.com }
spec:
  group: example.com
  scope: Namespaced
  names: { kind: Widget, plural: widgets, singular: widget }
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties: { spec: { type: object, properties: { size: { type: integer } } } }
`;
    expect((await apply(parseManifests(text, 'x.yaml'))).outcomes).toEqual(['created', 'created']);
    expect((await apply(parseManifests(text, 'x.yaml'))).outcomes).toEqual(['unchanged', 'unchanged']);
  });

  it('takes every example strictly', async () => {
    const examples = fileURLToPath(new URL('../../examples', import.meta.url));
    const names = await readdir(examples, { recursive: true });
    const files = names.filter((name) => name.endsWith('.yaml') && !name.startsWith('envoy'));
    expect(files.length).toBeGreaterThan(10);
    for (const name of files) {
      const manifests = await readManifests([path.join(examples, name)]);
      const namespaces = new Set(manifests.map(({ object }) => object.metadata.namespace ?? 'default'));
      for (const namespace of namespaces) {
        const made = `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${namespace} }\n`;
        await apply(parseManifests(made, name), 'Ignore');
      }
      const { warnings } = await apply(manifests);
      expect([name, warnings.filter((warning) => !warning.includes('is deprecated'))]).toEqual([name, []]);
    }
  });
});
