import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KubeConfig, KubernetesObjectApi, PatchStrategy, type KubernetesObject } from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasKubectl, run, skipMessage, type Outcome } from '../e2e/kubectl.ts';
import { heredoc, seedSteps } from '../e2e/seed.ts';
import { startTestApi, type TestApi } from './harness.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

let api: TestApi;
let directory: string;
let kubeconfig: string;

beforeAll(async () => {
  api = await startTestApi();
  directory = await mkdtemp(join(tmpdir(), 'headgate-apply-'));
  kubeconfig = join(directory, 'kubeconfig');
  await writeFile(kubeconfig, api.server.kubeconfig(), { mode: 0o600 });
});
afterAll(async () => {
  await api.close();
  await rm(directory, { recursive: true, force: true });
});

function kubectl(command: string, input = ''): Promise<Outcome> {
  return run('kubectl', command.split(' '), { env: { KUBECONFIG: kubeconfig, HOME: directory }, input });
}

/** What kubectl prints; fails the test when kubectl does. */
async function done(command: string, input = ''): Promise<string> {
  const { code, stdout, stderr } = await kubectl(command, input);
  expect({ command, code, stderr: code === 0 ? '' : stderr }).toEqual({ command, code: 0, stderr: '' });
  return stdout;
}

interface Applied {
  metadata: { resourceVersion: string; managedFields: { manager: string; operation: string }[] };
}

async function managersOf(resource: string): Promise<string[]> {
  const object = JSON.parse(await done(`get ${resource} -o json --show-managed-fields`)) as Applied;
  return object.metadata.managedFields.map(({ manager, operation }) => `${manager}/${operation}`);
}

const web = (name: string, image: string, replicas?: number) => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  ${replicas === undefined ? '' : `replicas: ${replicas}`}
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      containers:
      - {name: web, image: "${image}"}
`;

describe.skipIf(!hasKubectl)(`kubectl apply --server-side (${hasKubectl ? 'with kubectl' : skipMessage})`, () => {
  test('conflicts between two field managers, and --force-conflicts', async () => {
    expect(await done('apply --server-side --field-manager=one -f -', web('fought', 'nginx:1', 1))).toBe(
      'deployment.apps/fought serverside-applied\n',
    );
    const refused = await kubectl('apply --server-side --field-manager=two -f -', web('fought', 'nginx:1', 2));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('Apply failed with 1 conflict: conflict with "one": .spec.replicas');
    await done('apply --server-side --force-conflicts --field-manager=two -f -', web('fought', 'nginx:1', 2));
    expect(await done('get deploy fought -o jsonpath={.spec.replicas}')).toBe('2');
    expect(await managersOf('deploy/fought')).toEqual(['one/Apply', 'two/Apply']);
    expect(await done('get deploy fought -o yaml')).not.toContain('managedFields');
  });

  test('an autoscaler keeps its replicas when the manifest leaves them out', async () => {
    await done('apply --server-side -f -', web('scaled', 'nginx:1', 1));
    await done('scale deploy scaled --replicas=5');
    const refused = await kubectl('apply --server-side -f -', web('scaled', 'nginx:2', 1));
    expect(refused.stderr).toContain('conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas');
    await done('apply --server-side -f -', web('scaled', 'nginx:2'));
    expect(await done('get deploy scaled -o jsonpath={.spec.replicas}')).toBe('5');
  });

  test('objects of client-side apply move over without conflicts, and back is kept possible', async () => {
    await done('apply -f -', web('moved', 'nginx:1', 1));
    expect(await managersOf('deploy/moved')).toEqual(['kubectl-client-side-apply/Update']);
    expect(await done('apply --server-side -f -', web('moved', 'nginx:2', 3))).toBe(
      'deployment.apps/moved serverside-applied\n',
    );
    // kubectl keeps the annotation that client-side apply reads under a manager of its own.
    expect(await managersOf('deploy/moved')).toEqual(['kubectl/Apply', 'kubectl-last-applied/Apply']);
    const annotations = await done('get deploy moved -o jsonpath={.metadata.annotations}');
    expect(annotations).toContain('nginx:2');
    // What the manifest no longer has goes, although client-side apply had set it.
    await done('apply --server-side -f -', web('moved', 'nginx:2'));
    expect(await done('get deploy moved -o jsonpath={.spec.replicas}')).toBe('1');
  });

  test('again is no write', async () => {
    const version = async () => (JSON.parse(await done('get deploy same -o json')) as Applied).metadata.resourceVersion;
    await done('apply --server-side -f -', web('same', 'nginx:1'));
    const before = await version();
    await done('apply --server-side -f -', web('same', 'nginx:1'));
    expect(await version()).toBe(before);
  });

  test.each(['', '--server-side '])('diff %ssays by its exit code whether something would change', async (flag) => {
    const name = flag === '' ? 'diffed' : 'diffed-server-side';
    await done(`apply ${flag}-f -`, web(name, 'nginx:1'));
    expect(await kubectl(`diff ${flag}-f -`, web(name, 'nginx:1'))).toMatchObject({ code: 0, stdout: '' });
    const changed = await kubectl(`diff ${flag}-f -`, web(name, 'nginx:2'));
    expect(changed.code).toBe(1);
    expect(changed.stdout).toMatch(/^-.*image: nginx:1$/m);
    expect(changed.stdout).toMatch(/^\+.*image: nginx:2$/m);
    const created = await kubectl(`diff ${flag}-f -`, web(`${name}-new`, 'nginx:1'));
    expect(created.code).toBe(1);
    expect(
      (
        await kubectl(
          `diff ${flag}-f -`,
          web(name, 'nginx:1').replace('replicas', 'rplicas').replace('selector', 'selectr'),
        )
      ).code,
    ).toBeGreaterThan(1);
    expect(await done(`get deploy ${name} -o jsonpath={.spec.template.spec.containers[0].image}`)).toBe('nginx:1');
  });

  test('takes all of the mixed-route guide, twice', async () => {
    const steps = seedSteps('003-aigatewayroute-inferencepool.txt');
    for (const step of [4, 5, 6]) {
      const manifest = heredoc(steps.get(step)?.blocks[0] ?? '');
      for (const round of [1, 2]) {
        const answer = await done('apply --server-side -f -', manifest);
        expect(answer.trim().split('\n').length, `step ${step}, round ${round}`).toBe(documentsIn(manifest));
      }
    }
  });

  test('takes every example', async () => {
    // Some examples configure other programs.
    const files = readdirSync(path('../../examples'), { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.yaml') && isManifest(readFileSync(path(`../../examples/${file}`), 'utf8')),
    );
    expect(files.length).toBeGreaterThan(2);
    for (const file of files) {
      const answer = await done(`apply --server-side --force-conflicts -f ${path(`../../examples/${file}`)}`);
      expect(answer.trim().split('\n').length, file).toBe(
        documentsIn(readFileSync(path(`../../examples/${file}`), 'utf8')),
      );
    }
  }, 120_000);
});

function documentsIn(manifest: string): number {
  return documentsOf(manifest).length;
}

function documentsOf(manifest: string): unknown[] {
  const documents = parseAllDocuments(manifest).map((document) => document.toJS() as unknown);
  return documents.filter((document) => document !== null);
}

function isManifest(text: string): boolean {
  return documentsOf(text).every(
    (document) => typeof document === 'object' && document !== null && 'kind' in document && 'apiVersion' in document,
  );
}

// With CI=true its absence must fail, not skip.
const hasHelm = (await run('helm', ['version'])).code === 0 || process.env['CI'] === 'true';

describe.skipIf(!hasHelm || !hasKubectl)(
  `helm template (${hasHelm ? 'with helm' : 'skipped: there is no helm on the PATH'})`,
  () => {
    test('its output is applied, changed and found unchanged', async () => {
      const template = async (...set: string[]) => {
        const { code, stdout, stderr } = await run('helm', ['template', 'shop', path('chart'), ...set], {
          env: { HOME: directory },
        });
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        return stdout;
      };
      const first = await template();
      expect((await done('apply -f -', first)).match(/ created$/gm)).toHaveLength(4);
      expect((await done('apply -f -', first)).match(/ unchanged$/gm)).toHaveLength(4);
      const second = await template('--set', 'replicas=3,models={small}');
      expect((await kubectl('diff -f -', second)).code).toBe(1);
      expect(await done('apply -f -', second)).toContain('deployment.apps/shop configured');
      await done('apply --server-side -f -', second);
      expect(await done('get deploy shop -o jsonpath={.spec.replicas}')).toBe('3');
    });
  },
);

describe('@kubernetes/client-node', () => {
  test('applies, is told of conflicts, and forces', async () => {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    const client = KubernetesObjectApi.makeApiClient(config);
    const object = (value: string): KubernetesObject & { data: Record<string, string> } => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'client-node', namespace: 'default' },
      data: { key: value },
    });
    const apply = (value: string, manager: string, force = false) =>
      client.patch(object(value), undefined, undefined, manager, force, PatchStrategy.ServerSideApply);
    const created = await apply('1', 'one');
    expect(created.data).toEqual({ key: '1' });
    await expect(apply('2', 'two')).rejects.toMatchObject({ code: 409 });
    expect((await apply('2', 'two', true)).data).toEqual({ key: '2' });
  });
});
