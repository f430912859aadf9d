import { execFile, spawn } from 'node:child_process';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startTestApi, type TestApi } from './harness.ts';

const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;
if (!hasKubectl) console.warn('kubectl is not installed: its tests are skipped');

// In CI kubectl must be there: without it the tests run and fail.
describe.skipIf(!hasKubectl && process.env['CI'] !== 'true')('kubectl', () => {
  let api: TestApi;
  let directory: string;
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    api = await startTestApi({
      podLogs: {
        async *read({ pod, container, previous }) {
          await Promise.resolve();
          yield Buffer.from(`${previous ? 'previous ' : ''}log of ${pod}/${container}\n`);
        },
      },
    });
    directory = await mkdtemp(join(tmpdir(), 'headgate-kubectl-'));
    await writeFile(join(directory, 'kubeconfig'), api.server.kubeconfig(), { mode: 0o600 });
    environment = { ...process.env, HOME: directory, KUBECONFIG: join(directory, 'kubeconfig') };
  });
  afterAll(async () => {
    await api.close();
    await rm(directory, { recursive: true, force: true });
  });

  async function run(args: readonly string[], input = '', env: Record<string, string> = {}) {
    return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const child = execFile('kubectl', args, { env: { ...environment, ...env } }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
      });
      child.stdin?.end(input);
    });
  }

  /** What kubectl prints; fails the test when kubectl does. */
  async function kubectl(command: string, input = '', env: Record<string, string> = {}): Promise<string> {
    const { code, stdout, stderr } = await run(command.split(' '), input, env);
    expect({ command, code, stderr: code === 0 ? '' : stderr }).toEqual({ command, code: 0, stderr: '' });
    return stdout;
  }

  const manifest = (image: string) => `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {app: shop}}
data: {mode: fast}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, labels: {app: shop}}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
      - {name: web, image: "${image}", ports: [{containerPort: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{port: 80}]}
`;

  test('shows Events of both groups, which are the same', async () => {
    await kubectl(
      'create -f -',
      `apiVersion: events.k8s.io/v1
kind: Event
metadata: {name: web.1, namespace: default}
eventTime: '${new Date().toISOString().replace('Z', '000Z')}'
reportingController: example.com/controller
reportingInstance: controller-1
action: Starting
reason: Started
regarding: {kind: Pod, apiVersion: v1, name: web, namespace: default}
note: it runs
type: Normal
`,
    );
    const line = /Normal +Started +[Pp]od\/web +it runs/;
    for (const command of ['get events', 'get events.events.k8s.io', 'events', 'events --for pod/web --types=Normal']) {
      expect(await kubectl(command)).toMatch(line);
    }
    expect(await kubectl('explain events.note --api-version=events.k8s.io/v1')).toContain('FIELD: note <string>');
    await kubectl('delete event.events.k8s.io/web.1');
  });

  test('api-resources lists short names and kinds', async () => {
    const text = await kubectl('api-resources');
    expect(text).toMatch(/^deployments +deploy +apps\/v1 +true +Deployment$/m);
    expect(text).toMatch(/^gatewayclasses +gc +gateway.networking.k8s.io\/v1 +false +GatewayClass$/m);
  });

  test('apply, get, describe, patch, edit, scale, label, annotate, wait and delete', async () => {
    expect(await kubectl('apply -f -', manifest('nginx:1'))).toBe(
      'configmap/settings created\ndeployment.apps/shop created\nservice/shop created\n',
    );
    expect(await kubectl('apply -f -', manifest('nginx:1'))).toBe(
      'configmap/settings unchanged\ndeployment.apps/shop unchanged\nservice/shop unchanged\n',
    );
    expect(await kubectl('apply -f -', manifest('nginx:2'))).toContain('deployment.apps/shop configured');

    expect(await kubectl('get deploy shop --no-headers')).toMatch(/^shop +0\/1 +0 +0 +\d+s\n$/);
    expect(await kubectl('get deploy -o wide')).toMatch(/SELECTOR\nshop .* web +nginx:2 +app=shop\n/);
    expect(await kubectl('get deploy,cm -l app=shop -o name')).toBe('deployment.apps/shop\nconfigmap/settings\n');
    expect(await kubectl('get deploy shop -o jsonpath={.spec.template.spec.containers[0].image}')).toBe('nginx:2');
    expect(await kubectl('get deploy shop -o yaml')).toContain('terminationGracePeriodSeconds: 30');
    expect(JSON.parse(await kubectl('get svc shop -o json'))).toMatchObject({
      spec: { type: 'ClusterIP', ports: [{ targetPort: 80, protocol: 'TCP' }] },
    });
    expect(await kubectl('get cm -A --field-selector metadata.name=settings --no-headers')).toMatch(
      /^default +settings +1 /,
    );
    expect(await kubectl('get all')).toContain('deployment.apps/shop');
    expect(await kubectl('describe deploy shop')).toMatch(/Image: +nginx:2/);

    await kubectl(
      'patch deploy shop -p {"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"A","value":"1"}]}]}}}}',
    );
    await kubectl('patch deploy shop --type=merge -p {"metadata":{"labels":{"tier":"front"}}}');
    await kubectl('patch deploy shop --type=json -p [{"op":"replace","path":"/spec/replicas","value":2}]');
    await kubectl('edit deploy shop', '', { KUBE_EDITOR: 'sed -i s/nginx:2/nginx:3/' });
    await kubectl('scale deploy shop --replicas=5');
    await kubectl('label deploy shop team=a');
    await kubectl('annotate deploy shop note=b');
    await kubectl('rollout restart deploy shop');
    expect(JSON.parse(await kubectl('get deploy shop -o json'))).toMatchObject({
      metadata: { labels: { app: 'shop', tier: 'front', team: 'a' }, annotations: { note: 'b' } },
      spec: {
        replicas: 5,
        template: { spec: { containers: [{ image: 'nginx:3', env: [{ name: 'A', value: '1' }] }] } },
      },
    });
    expect(await kubectl('diff -f -', await kubectl('get cm settings -o yaml'))).toBe('');

    const waiting = kubectl('wait --for=condition=Available deploy/shop --timeout=20s');
    const status =
      '{"status":{"observedGeneration":99,"replicas":5,"updatedReplicas":5,"readyReplicas":5,"availableReplicas":5,"conditions":[{"type":"Available","status":"True"}]}}';
    await kubectl(`patch deploy shop --subresource=status --type=merge -p ${status}`);
    expect(await waiting).toContain('condition met');
    expect(await kubectl('rollout status deploy shop --timeout=10s')).toContain('successfully rolled out');
    await kubectl('wait --for=jsonpath={.spec.replicas}=5 deploy/shop --timeout=5s');

    const gone = kubectl('wait --for=delete deploy/shop --timeout=20s');
    expect(await kubectl('delete -f -', manifest('nginx:2'))).toContain('deployment.apps "shop" deleted');
    await gone;
    expect((await run(['get', 'deploy', 'shop'])).stderr).toBe(
      'Error from server (NotFound): deployments.apps "shop" not found\n',
    );
  });

  test('create makes objects of flags, which it sends as protobuf', async () => {
    await kubectl('create namespace made');
    await kubectl('create configmap settings --from-literal=a=b -n made');
    await kubectl('create secret generic key --from-literal=a=b -n made');
    await kubectl('create deployment web --image=nginx --replicas=0 --port=80 -n made');
    await kubectl('create job once --image=busybox -n made');
    await kubectl('create role reader --verb=get --resource=pods -n made');
    expect(await kubectl('get deploy web -n made -o jsonpath={.spec.replicas},{.spec.strategy.type}')).toBe(
      '0,RollingUpdate',
    );
    expect(await kubectl('get secret key -n made -o jsonpath={.data.a}')).toBe('Yg==');
    expect(await kubectl('get job once -n made -o jsonpath={.spec.completions}')).toBe('1');
    await kubectl('delete namespace made --timeout=20s');
    expect((await run(['get', 'namespace', 'made'])).code).toBe(1);
  });

  test('get -w prints changes as they happen', async () => {
    await kubectl('create configmap watched');
    const watch = spawn('kubectl', ['get', 'configmap', 'watched', '-w', '--no-headers'], { env: environment });
    const rows: string[] = [];
    for await (const row of createInterface({ input: watch.stdout })) {
      rows.push(row.replace(/ +/g, ' ').split(' ').slice(0, 2).join(' '));
      if (rows.length === 1) await kubectl('patch configmap watched --type=merge -p {"data":{"a":"b"}}');
      if (rows.length === 2) watch.kill();
    }
    expect(rows).toEqual(['watched 0', 'watched 1']);
  });

  test('logs come from the node', async () => {
    await kubectl('run box --image=busybox');
    expect(await kubectl('logs box')).toBe('log of box/box\n');
    expect(await kubectl('logs box --previous')).toBe('previous log of box/box\n');
    expect((await run(['logs', 'box', '-c', 'other'])).stderr).toContain('container other is not valid for pod box');
  });

  test('bad manifests are refused with the field and the rule', async () => {
    const misspelt = await run(
      ['apply', '-f', '-'],
      manifest('nginx').replace('selector: {matchLabels', 'selectr: {matchLabels'),
    );
    expect(misspelt.stderr).toContain('strict decoding error: unknown field "spec.selectr"');
    const unknown = await run(['apply', '-f', '-'], 'apiVersion: example.com/v1\nkind: Frob\nmetadata: {name: f}\n');
    expect(unknown.stderr).toContain('no matches for kind "Frob" in version "example.com/v1"');
    const unknownCore = await run(['apply', '-f', '-'], 'apiVersion: v1\nkind: Frob\nmetadata: {name: f}\n');
    expect(unknownCore.stderr).toContain('no matches for kind "Frob" in version "v1"');
  });

  test('autoscale makes a HorizontalPodAutoscaler that v2 shows, too', async () => {
    await kubectl('create deployment scaled --image=nginx');
    await kubectl('autoscale deployment scaled --min=2 --max=5 --cpu-percent=70');
    const read = async (resource: string): Promise<unknown> => {
      const object: unknown = JSON.parse(await kubectl(`get ${resource} scaled -o json`));
      return object;
    };
    expect(await read('horizontalpodautoscalers.v1.autoscaling')).toMatchObject({
      spec: { minReplicas: 2, maxReplicas: 5, targetCPUUtilizationPercentage: 70 },
    });
    expect(await read('horizontalpodautoscalers.v2.autoscaling')).toMatchObject({
      spec: { metrics: [{ resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } }] },
    });
    expect(await kubectl('get horizontalpodautoscalers.v1.autoscaling scaled --no-headers')).toMatch(
      /cpu: <unknown>\/70% +2 +5 /,
    );
  });

  test('the Service of the API comes back', async () => {
    const uid = () => kubectl('get service kubernetes -o jsonpath={.metadata.uid} --ignore-not-found');
    const before = await uid();
    await kubectl('delete service kubernetes --wait=false');
    await vi.waitFor(async () => expect(await uid()).toMatch(/./));
    expect(await uid()).not.toBe(before);
  });

  test('explain knows the fields', async () => {
    expect(await kubectl('explain deployment.spec.template.spec.containers')).toMatch(/imagePullPolicy\t<string>/);
    expect(await kubectl('explain aigatewayroute.spec.rules')).toMatch(/backendRefs\t/);
  });
});
