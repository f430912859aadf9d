import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi } from './harness.ts';

/** Kinds that charts bring and that change nothing on the embedded node: stored, checked, printed, and said so. */

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(async () => {
  await api.close();
});

const named = { metadata: { name: 'it' } };
const networking = '/apis/networking.k8s.io/v1';
const ingressPath = (path: object) => ({ rules: [{ http: { paths: [path] } }] });
const backend = { service: { name: 'shop', port: { number: 80 } } };
const spec = (value: object) => ({ ...named, spec: value });
const limits = (limit: object) => spec({ limits: [{ type: 'Container', ...limit }] });
const request = Buffer.from('-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n');
const csr = (values: object) =>
  spec({ request: request.toString('base64'), signerName: 'example.com/it', usages: ['client auth'], ...values });

const policy = (ingress: object) => spec({ podSelector: {}, ingress: [ingress] });
const refused: [path: string, body: object, message: string][] = [
  [`${networking}/namespaces/default/ingresses`, spec({}), 'either `defaultBackend` or `rules` must be specified'],
  [
    `${networking}/namespaces/default/ingresses`,
    spec(ingressPath({ path: '/', backend })),
    '.pathType: Required value',
  ],
  [
    `${networking}/namespaces/default/ingresses`,
    spec(ingressPath({ path: 'shop', pathType: 'Prefix', backend })),
    'spec.rules[0].http.paths[0].path: Invalid value: "shop": must be an absolute path',
  ],
  [
    `${networking}/namespaces/default/ingresses`,
    spec(ingressPath({ path: '/', pathType: 'Prefix', backend: { service: { name: 'shop' } } })),
    '.backend.service.port: Required value: port name or number is required',
  ],
  [`${networking}/namespaces/default/ingresses`, spec({ rules: [{ host: '10.1.2.3' }] }), 'must be a DNS name'],
  [`${networking}/ingressclasses`, spec({ controller: 'nginx' }), 'must be a domain-prefixed path'],
  [`${networking}/namespaces/default/networkpolicies`, policy({ from: [{}] }), 'must specify a peer'],
  [
    `${networking}/namespaces/default/networkpolicies`,
    policy({ from: [{ ipBlock: { cidr: '10.0.0.0' } }] }),
    'must be a valid CIDR value',
  ],
  [
    `${networking}/namespaces/default/networkpolicies`,
    policy({ ports: [{ port: 90, endPort: 80 }] }),
    'must be greater than or equal to `port`',
  ],
  [
    '/apis/policy/v1/namespaces/default/poddisruptionbudgets',
    spec({ minAvailable: 1, maxUnavailable: 1 }),
    'cannot be both set',
  ],
  [
    '/apis/policy/v1/namespaces/default/poddisruptionbudgets',
    spec({ minAvailable: 'half' }),
    'spec.minAvailable: Invalid value: "half"',
  ],
  ['/apis/scheduling.k8s.io/v1/priorityclasses', { ...named, value: 2e9 }, 'maximum allowed value'],
  ['/apis/scheduling.k8s.io/v1/priorityclasses', { metadata: { name: 'system-it' }, value: 1 }, "'system-' prefix"],
  ['/apis/node.k8s.io/v1/runtimeclasses', { ...named, handler: 'Not a label' }, 'handler: Invalid value'],
  [
    '/api/v1/namespaces/default/limitranges',
    limits({ min: { cpu: '2' }, max: { cpu: '1' } }),
    'min value "2" is greater than max value "1"',
  ],
  ['/apis/apps/v1/namespaces/default/controllerrevisions', { ...named, revision: 1 }, 'data is mandatory'],
  ['/apis/certificates.k8s.io/v1/certificatesigningrequests', csr({ signerName: 'me' }), 'fully qualified domain'],
  ['/apis/certificates.k8s.io/v1/certificatesigningrequests', csr({ request: 'aGk=' }), 'PEM block type'],
];

test.each(refused)('%s refuses %j', async (path, body, message) => {
  const answer = await api.call('POST', path, { body });
  expect({ status: answer.status, reason: answer.body.reason }).toEqual({ status: 422, reason: 'Invalid' });
  expect(answer.body.message).toContain(message);
});

test('what depends on other fields is filled in', async () => {
  const policies = `${networking}/namespaces/default/networkpolicies`;
  const egress = await api.call('POST', policies, { body: spec({ podSelector: {}, egress: [{}] }) });
  expect(egress.body.spec?.['policyTypes']).toEqual(['Ingress', 'Egress']);
  const range = await api.call('POST', '/api/v1/namespaces/default/limitranges', {
    body: limits({ max: { cpu: '2' }, min: { memory: '1Mi' } }),
  });
  expect(range.body.spec?.['limits']).toEqual([
    {
      type: 'Container',
      max: { cpu: '2' },
      min: { memory: '1Mi' },
      default: { cpu: '2' },
      defaultRequest: { cpu: '2', memory: '1Mi' },
    },
  ]);
});

test('what may not change does not', async () => {
  const path = '/apis/scheduling.k8s.io/v1/priorityclasses';
  await api.call('POST', path, { body: { metadata: { name: 'fixed' }, value: 1 } });
  const headers = { 'content-type': 'application/merge-patch+json' };
  const answer = await api.call('PATCH', `${path}/fixed`, { body: { value: 2 }, headers });
  expect(answer.status).toBe(422);
  expect(answer.body.message).toContain('value: Invalid value: 2');
});

test('only who may approve for a signer gives a verdict, and the requester is who asks', async () => {
  const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  const created = await api.call('POST', path, { body: csr({ username: 'somebody else' }) });
  expect(created.body.spec).toMatchObject({ username: 'kubernetes-admin' });
  const rules = [
    { apiGroups: ['certificates.k8s.io'], resources: ['certificatesigningrequests/approval'], verbs: ['update'] },
  ];
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  await api.call('POST', `${rbac}/clusterroles`, { body: { metadata: { name: 'approver' }, rules } });
  await api.call('POST', `${rbac}/clusterrolebindings`, {
    body: {
      metadata: { name: 'approver' },
      roleRef: { kind: 'ClusterRole', name: 'approver' },
      subjects: [{ kind: 'User', name: 'jane' }],
    },
  });
  const conditions = [{ type: 'Approved', status: 'True', reason: 'It', message: '' }];
  const approve = async (headers: Record<string, string>) =>
    api.call('PUT', `${path}/it/approval`, { body: { ...created.body, status: { conditions } }, headers });
  const refusal = await approve({ 'impersonate-user': 'jane' });
  expect(refusal.status).toBe(403);
  expect(refusal.body.message).toContain('not permitted to approve requests with signerName "example.com/it"');
  expect(await approve({})).toMatchObject({ status: 200, body: { status: { conditions } } });
});

const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;

// In CI kubectl must be there: without it the tests run and fail.
describe.skipIf(!hasKubectl && process.env['CI'] !== 'true')('kubectl', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'headgate-chartkinds-'));
    await writeFile(join(directory, 'kubeconfig'), api.server.kubeconfig(), { mode: 0o600 });
  });
  afterAll(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  async function kubectl(...args: string[]): Promise<{ stdout: string; stderr: string }> {
    const env = { ...process.env, HOME: directory, KUBECONFIG: join(directory, 'kubeconfig') };
    return new Promise((resolve, reject) => {
      execFile('kubectl', args, { env }, (error, stdout, stderr) => {
        if (error === null) resolve({ stdout, stderr });
        else reject(new Error(`kubectl ${args.join(' ')}: ${stderr}`));
      });
    });
  }

  test('applies a sample of every kind, with a warning where it has no effect', async () => {
    const samples = await readFile(join(import.meta.dirname, 'builtinsamples.yaml'), 'utf8');
    const wanted = samples.split('\n---\n').filter((text) => Object.keys(shown).some((kind) => kindOf(text) === kind));
    expect(wanted).toHaveLength(Object.keys(shown).length);
    await writeFile(join(directory, 'samples.yaml'), wanted.join('\n---\n'));
    const { stderr } = await kubectl('apply', '-f', join(directory, 'samples.yaml'));
    const warnings = stderr.split('\n').filter((line) => line.startsWith('Warning: '));
    const effective = ['ControllerRevision'];
    expect(new Set(warnings).size).toBe(
      // Policies and their bindings are warned of in the same words.
      Object.keys(shown).filter((kind) => !effective.includes(kind)).length - 1,
    );
    const again = await kubectl('apply', '-f', join(directory, 'samples.yaml'));
    expect(again.stderr).toBe('');
    // kubectl replaces lists without a key as a whole, and sees what was filled in within them as a change.
    expect(again.stdout.match(/^\w+(?=.* configured$)/gm)).toEqual([
      'limitrange',
      'networkpolicy',
      'validatingadmissionpolicy',
    ]);
  });

  test.each(Object.entries(shown))('get %s', async (kind, rows) => {
    const { stdout } = await kubectl('get', kind.toLowerCase(), 'sample');
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) =>
          line
            .trim()
            .replaceAll(/ {2,}/g, ' | ')
            .replace(/\b\d+s\b/, 'AGE')
            .replace(/\d{4}-\S+Z/, 'TIME'),
        ),
    ).toEqual(rows);
  });

  test('explain and certificate approve', async () => {
    expect((await kubectl('explain', 'networkpolicy.spec.policyTypes')).stdout).toContain('list of rule types');
    await kubectl('certificate', 'approve', 'sample');
    expect((await kubectl('get', 'csr', 'sample')).stdout).toMatch(/kubernetes-admin +60m +Approved/);
  });
});

function kindOf(manifest: string): string | undefined {
  return /^kind: (\w+)$/m.exec(manifest)?.[1];
}

const shown: Readonly<Record<string, readonly [string, string]>> = {
  ControllerRevision: ['NAME | CONTROLLER | REVISION | AGE', 'sample | <none> | 3 | AGE'],
  ResourceQuota: ['NAME | AGE | REQUEST | LIMIT', 'sample | AGE'],
  LimitRange: ['NAME | CREATED AT', 'sample | TIME'],
  Ingress: ['NAME | CLASS | HOSTS | ADDRESS | PORTS | AGE', 'sample | sample | shop.example.com | 80, 443 | AGE'],
  IngressClass: [
    'NAME | CONTROLLER | PARAMETERS | AGE',
    'sample | example.com/ingress | Settings.example.com/it | AGE',
  ],
  NetworkPolicy: ['NAME | POD-SELECTOR | AGE', 'sample | app=shop | AGE'],
  PodDisruptionBudget: [
    'NAME | MIN AVAILABLE | MAX UNAVAILABLE | ALLOWED DISRUPTIONS | AGE',
    'sample | 50% | N/A | 0 | AGE',
  ],
  PriorityClass: [
    'NAME | VALUE | GLOBAL-DEFAULT | AGE | PREEMPTIONPOLICY',
    'sample | 1000 | false | AGE | PreemptLowerPriority',
  ],
  RuntimeClass: ['NAME | HANDLER | AGE', 'sample | runsc | AGE'],
  CertificateSigningRequest: [
    'NAME | AGE | SIGNERNAME | REQUESTOR | REQUESTEDDURATION | CONDITION',
    'sample | AGE | example.com/signer | kubernetes-admin | 60m | Pending',
  ],
  ValidatingAdmissionPolicy: ['NAME | VALIDATIONS | PARAMKIND | AGE', 'sample | 1 | v1/ConfigMap | AGE'],
  ValidatingAdmissionPolicyBinding: ['NAME | POLICYNAME | PARAMREF | AGE', 'sample | sample | default/it | AGE'],
  StatefulSet: ['NAME | READY | AGE', 'sample | 0/0 | AGE'],
  DaemonSet: [
    'NAME | DESIRED | CURRENT | READY | UP-TO-DATE | AVAILABLE | NODE SELECTOR | AGE',
    'sample | 0 | 0 | 0 | 0 | 0 | <none> | AGE',
  ],
  CronJob: [
    'NAME | SCHEDULE | TIMEZONE | SUSPEND | ACTIVE | LAST SCHEDULE | AGE',
    'sample | 0 4 * * * | <none> | True | 0 | <none> | AGE',
  ],
};
