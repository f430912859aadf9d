import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildKustomization } from '../../../src/app/kustomize/build.ts';
import { readManifests } from '../../../src/app/manifests/read.ts';
import { parseManifests } from '../../../src/app/manifests/yaml.ts';
import { keyOf, type KubeObject } from '../../../src/kinds/object.ts';
import { hasKubectl, run } from '../../e2e/kubectl.ts';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'headgate-kustomize-'));
});
afterAll(async () => {
  await rm(root, { recursive: true });
});

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web } }
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      serviceAccountName: web
      imagePullSecrets: [{ name: pull }]
      initContainers: [{ name: init, image: 'busybox:1' }]
      containers:
        - name: main
          image: registry.test:5000/team/web:v1
          envFrom: [{ configMapRef: { name: settings } }]
          env:
            - { name: A, value: one }
            - { name: TOKEN, valueFrom: { secretKeyRef: { name: pull, key: token } } }
        - { name: side, image: 'side@sha256:0123456789abcdef' }
      volumes: [{ name: config, configMap: { name: settings } }]
`;
const service = `apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
`;
const others = `apiVersion: v1
kind: ServiceAccount
metadata: { name: web }
---
apiVersion: v1
kind: Namespace
metadata: { name: old }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: web }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: web }
subjects:
  - { kind: ServiceAccount, name: web, namespace: old }
  - { kind: ServiceAccount, name: web, namespace: default }
  - { kind: ServiceAccount, name: web }
  - { kind: ServiceAccount, name: default, namespace: old }
  - { kind: ServiceAccount, name: other }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: web }
rules: []
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web }
spec: { rules: [{ backendRefs: [{ name: web, port: 80 }] }] }
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: web }
spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web } }
`;

const generators = `
configMapGenerator:
  - name: settings
    literals: [MODE=fast, 'QUOTED="a <b> & c"']
    files: [file.txt, renamed=file.txt]
    envs: [settings.env]
secretGenerator:
  - name: pull
    literals: [token=abc]
    type: Opaque
    options: { labels: { kept: 'yes' } }
generatorOptions: { annotations: { made: here } }
`;

const cases: Readonly<Record<string, string>> = {
  'resources alone': 'resources: [deployment.yaml, service.yaml]',
  'names and namespaces, with what refers to them':
    'resources: [deployment.yaml, service.yaml, others.yaml]\nnamespace: team\nnamePrefix: pre-\nnameSuffix: -post',
  'labels with selectors':
    'resources: [deployment.yaml, service.yaml]\ncommonLabels: { team: a }\ncommonAnnotations: { note: b }',
  'labels of their own':
    'resources: [deployment.yaml, service.yaml]\nlabels: [{ pairs: { team: a }, includeTemplates: true }, { pairs: { only: x } }]',
  images:
    "resources: [deployment.yaml]\nimages: [{ name: 'registry.test:5000/team/web', newName: other/web, newTag: v2 }, { name: busybox, digest: 'sha256:aa' }, { name: side, newTag: t }]",
  replicas: 'resources: [deployment.yaml]\nreplicas: [{ name: web, count: 5 }]',
  'generated ConfigMaps and Secrets, whose names end with a hash': `resources: [deployment.yaml]${generators}`,
  'generated without a hash, in a namespace and with a prefix': `resources: [deployment.yaml]${generators.replace('generatorOptions: {', 'generatorOptions: { disableNameSuffixHash: true,')}namespace: team\nnamePrefix: p-\n`,
  'patches that merge': `resources: [deployment.yaml, service.yaml]
patches:
  - path: patch.yaml
  - target: { kind: Deploy.*, name: w.b }
    patch: |
      - { op: replace, path: /spec/replicas, value: 4 }
      - { op: add, path: /metadata/labels/added, value: x }
  - patch: |
      apiVersion: v1
      kind: Service
      metadata: { name: web }
      $patch: delete
`,
  'an overlay of a base with a component': `resources: [base]
components: [component]
namePrefix: over-
configMapGenerator: [{ name: settings, behavior: merge, literals: [MODE=slow] }]
patchesStrategicMerge: [patch.yaml]
`,
};

const files: Readonly<Record<string, string>> = {
  'deployment.yaml': deployment,
  'service.yaml': service,
  'others.yaml': others,
  'file.txt': 'some text\n',
  'settings.env': '# settings\nONE=1\n\nTWO=a=b\n',
  'patch.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  template:
    spec:
      containers:
        - name: main
          env: [{ name: A, value: two }, { name: B, value: three }]
`,
  'base/kustomization.yaml': `resources: [deployment.yaml]\nnameSuffix: -base${generators}`,
  'base/deployment.yaml': deployment,
  'base/file.txt': 'some text\n',
  'base/settings.env': 'ONE=1\n',
  'component/kustomization.yaml':
    'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nlabels: [{ pairs: { from: component } }]\nimages: [{ name: busybox, newTag: c }]',
};

async function directoryWith(kustomization: string): Promise<string> {
  const directory = await mkdtemp(path.join(root, 'case-'));
  for (const [name, text] of Object.entries({ ...files, 'kustomization.yaml': kustomization })) {
    await mkdir(path.dirname(path.join(directory, name)), { recursive: true });
    await writeFile(path.join(directory, name), text);
  }
  return directory;
}

const byKey = (objects: readonly KubeObject[]): Record<string, KubeObject> =>
  Object.fromEntries(objects.map((object) => [`${object.kind} ${keyOf(object.metadata)}`, object]));

describe('kustomizations', () => {
  it.skipIf(!hasKubectl).each(Object.entries(cases))('are built as kubectl builds them: %s', async (_, text) => {
    const directory = await directoryWith(text);
    const { code, stdout, stderr } = await run('kubectl', ['kustomize', directory]);
    expect([code, stderr.replaceAll(/^# Warning.*\n/gm, '')]).toEqual([0, '']);
    const expected = parseManifests(stdout, 'kubectl').map(({ object }) => object);
    const built = (await buildKustomization(directory)).map(({ object }) => object);
    expect(byKey(built)).toEqual(byKey(expected));
  });

  it('are what -f means by their directory or file', async () => {
    const directory = await directoryWith('resources: [service.yaml]\nnamePrefix: p-');
    for (const given of [directory, path.join(directory, 'kustomization.yaml')]) {
      expect((await readManifests([given])).map(({ object }) => object.metadata.name)).toEqual(['p-web']);
    }
  });

  it.each([
    [
      'helmCharts: [{ name: x }]',
      /kustomization\.yaml: helmCharts: not supported here; build it first: kubectl kustomize/,
    ],
    ['replacements: []\nvars: []', /replacements, vars: not supported here/],
    ['images: [{ name: a, newTga: b }]', /images\[0\]\.newTga: not supported here; there are name, newName/],
    ['labels: [{ pairs: { a: b }, fields: [] }]', /labels\[0\]\.fields: not supported here/],
    ['namePrefix: [a]', /namePrefix: a text expected/],
    ['resources: [missing.yaml]', /resources: .*missing\.yaml/],
    ['resources: [../outside.yaml]', /no such file|not in or below/],
    ['configMapGenerator: [{ name: a, files: [../../x] }]', /is not in or below/],
    ['configMapGenerator: [{ name: a, behavior: merge }]', /there is no ConfigMap a to merge/],
    ['resources: [github.com/org/repo//deploy?ref=v1]', /repositories are not fetched here/],
    ['resources: [service.yaml]\npatches: [{ path: patch.yaml }]', /no resource is what the patch is for/],
    ['resources: [.]', /without an end/],
  ])('are refused where they are not understood: %s', async (text, message) => {
    await expect(buildKustomization(await directoryWith(text))).rejects.toThrow(message);
  });
});
