import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { LegacyAIMService } from '../../src/kinds/aim/legacy/aimservice.ts';
import type { HTTPRoute } from '../../src/kinds/gateway/httproute.ts';
import type { InferenceService } from '../../src/kinds/kserve/inferenceservice.ts';
import type { Condition } from '../../src/kinds/object.ts';
import { complete, isDocument, isFragment, seedBlocks, type Block } from './aimseed.ts';
import { startHeadgate, until, type Headgate } from './headgate.ts';
import { hasKubectl, run, skipMessage } from './kubectl.ts';

const blocks = seedBlocks('002-aim-deploying-services.txt');
const under = (heading: string, index = 0): Block => {
  const found = blocks.filter((block) => block.heading === heading)[index];
  if (found === undefined) throw new Error(`the guide has no block ${String(index)} below "${heading}"`);
  return found;
};
const quickStart = under('Quick Start');
const namespace = 'ml-team';
const model = 'meta-llama/Llama-3.1-8B-Instruct';

/** What the guide takes for granted: the namespace, the Gateway, secrets, and what its complete example refers to. */
const given = `
apiVersion: v1
kind: Namespace
metadata: { name: ${namespace} }
---
apiVersion: v1
kind: Namespace
metadata: { name: gateways }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: inference-gateway, namespace: gateways }
spec:
  gatewayClassName: headgate
  listeners: [{ name: http, protocol: HTTP, port: 80, allowedRoutes: { namespaces: { from: All } } }]
---
apiVersion: v1
kind: Secret
metadata: { name: huggingface-creds, namespace: ${namespace} }
stringData: { token: hf_not_a_real_one }
---
apiVersion: v1
kind: Secret
metadata: { name: registry-credentials, namespace: ${namespace} }
type: kubernetes.io/dockerconfigjson
stringData: { .dockerconfigjson: '{"auths":{"ghcr.io":{"username":"u","password":"p"}}}' }
---
apiVersion: aim.silogen.ai/v1alpha1
kind: AIMModel
metadata: { name: meta-llama-3-8b, namespace: ${namespace} }
spec: { image: "ghcr.io/silogen/aim-meta-llama-llama-3-1-8b-instruct:0.7.1", discovery: { enabled: false } }
---
apiVersion: aim.silogen.ai/v1alpha1
kind: AIMClusterServiceTemplate
metadata: { name: llama-3-8b-latency }
spec:
  modelName: meta-llama-3-8b
  metric: latency
  precision: fp16
  gpuSelector: { count: 1, model: MI300X }
  modelSources: [{ name: ${model}, sourceUri: "hf://${model}", size: 16Gi }]
---
apiVersion: aim.silogen.ai/v1alpha1
kind: AIMClusterModel
metadata: { name: meta-llama-3-8b }
spec: { image: "ghcr.io/silogen/aim-meta-llama-llama-3-1-8b-instruct:0.7.2", discovery: { enabled: false } }
`;
/** Referenced by the guide, and made when the guide comes to it. */
const teamConfig = `
apiVersion: aim.silogen.ai/v1alpha1
kind: AIMRuntimeConfig
metadata: { name: team-config, namespace: ${namespace} }
spec:
  routing:
    gatewayRef: { name: inference-gateway, namespace: gateways }
    pathTemplate: "/team-config/{.metadata.name}"
`;

describe.skipIf(!hasKubectl)(
  `the guide to AIMServices of aim.silogen.ai, word for word (${hasKubectl ? 'with kubectl' : skipMessage})`,
  () => {
    let headgate: Headgate;
    let url = '';

    beforeAll(async () => {
      headgate = await startHeadgate();
      await headgate.kubectl(['apply', '-f', '-'], given);
      url = await headgate.gatewayUrl('inference-gateway', 'gateways');
      await headgate.kubectl(['apply', '-f', '-'], quickStart.text);
      await reach('llama-chat', 'Running');
    }, 300_000);

    afterAll(async () => {
      expect(await headgate.stop()).toBe(0);
    });

    const get = async <T>(...args: string[]): Promise<T> =>
      JSON.parse(await headgate.kubectl(['get', '-n', namespace, ...args, '-o', 'json'])) as T;
    const service = (name: string): Promise<LegacyAIMService> => get<LegacyAIMService>('aimservice', name);
    const serving = (name: string): Promise<InferenceService> => get<InferenceService>('inferenceservice', name);
    const condition = async (name: string, type: string): Promise<Condition | undefined> =>
      (await service(name)).status?.conditions?.find((candidate) => candidate.type === type);
    const names = async (kind: string): Promise<string[]> =>
      (await get<{ items: { metadata: { name: string } }[] }>(kind)).items.map(({ metadata }) => metadata.name);
    const reach = async (name: string, state: string): Promise<void> => {
      const args = ['wait', '-n', namespace, `--for=jsonpath={.status.status}=${state}`, '--timeout=240s'];
      const { code, stderr } = await headgate.tryKubectl([...args, `aimservice/${name}`], '', 250_000);
      if (code !== 0) throw new Error(`${stderr}\n${JSON.stringify((await service(name)).status, undefined, 1)}`);
    };
    const remove = (name: string): Promise<string> =>
      headgate.kubectl(['delete', '-n', namespace, 'aimservice', name, '--timeout=60s']);
    /** A fragment of the guide as a service of its own; see `complete` for the rule. */
    const applyFragment = (fragment: Block, name: string): Promise<string> =>
      headgate.kubectl(['apply', '-f', '-'], complete(quickStart, fragment, name));
    const answersAt = async (path: string): Promise<void> => {
      let last = '';
      await until(
        async () => {
          const response = await fetch(`${url}${path}/v1/chat/completions`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hi. Say this is a test' }] }),
          });
          last = `${String(response.status)} ${await response.text()}`;
          return response.status === 200 && /simulated/i.test(last);
        },
        () => `${path} does not answer: ${last}`,
        60_000,
      );
    };
    /** The commands of a block, with the placeholders filled in, each with what it printed. */
    const commands = async (block: Block, values: Record<string, string>): Promise<string[]> => {
      const filled = Object.entries(values).reduce(
        (text, [placeholder, value]) => text.replaceAll(`<${placeholder}>`, value),
        block.text,
      );
      const printed: string[] = [];
      for (const line of filled.trim().split('\n')) {
        const command = line.replace(/^\$ /, '');
        const { code, stdout, stderr } = await run('bash', ['-c', command], {
          env: { KUBECONFIG: headgate.kubeconfig },
        });
        expect(code, `${command}\n${stderr}`).toBe(0);
        printed.push(stdout === '' ? stderr : stdout);
      }
      return printed;
    };

    it('has no block that this test leaves out', () => {
      expect(blocks.filter(isDocument).map(({ heading }) => heading)).toEqual(['Quick Start', 'Complete Example']);
      expect(blocks.filter(isFragment).map(({ heading }) => heading)).toEqual([
        'Scaling',
        'Resource Limits',
        'Runtime Overrides',
        'Runtime Configuration',
        'HTTP Routing',
        'Custom Paths',
        'Authentication',
        'Authentication',
        'Model Caching',
      ]);
      const commandBlocks = blocks.filter(({ language }) => language === 'bash').map(({ heading }) => heading);
      expect(commandBlocks).toEqual([
        'Monitoring Service Status',
        'Monitoring Service Status',
        'Example Status',
        'Service stuck in Pending',
        'Service stuck in Pending',
        'Routing not working',
        'Routing not working',
        'Model not found',
      ]);
      // And the example status.
      expect(blocks).toHaveLength(2 + 9 + 8 + 1);
    });

    it('runs with the default runtime configuration and an automatically selected profile', async () => {
      const { status } = await service('llama-chat');
      expect(status).toMatchObject({
        status: 'Running',
        observedGeneration: 1,
        resolvedImage: { scope: 'Namespace' },
        resolvedTemplate: { scope: 'Namespace' },
      });
      for (const type of ['Resolved', 'CacheReady', 'RuntimeReady', 'RoutingReady', 'Ready']) {
        expect(await condition('llama-chat', type)).toMatchObject({ status: 'True' });
      }
      for (const type of ['Progressing', 'Failure']) {
        expect(await condition('llama-chat', type)).toMatchObject({ status: 'False' });
      }
    });

    it('prints readiness and details with the monitoring commands', async () => {
      const [table = ''] = await commands(under('Monitoring Service Status'), { namespace, name: 'llama-chat' });
      expect(table).toMatch(/^NAME +STATUS +MODEL +TEMPLATE +REPLICAS +AGE\nllama-chat +Running +\S+ +\S+ +1 +/);
      const [details = ''] = await commands(under('Monitoring Service Status', 1), { namespace, name: 'llama-chat' });
      expect(details).toMatch(/^Kind: +AIMService$/m);
      expect(details).toMatch(/^ +Status: +Running$/m);
      expect(details).toContain('Events:');
    });

    it('scales to the number of replicas', async () => {
      await applyFragment(under('Scaling'), 'llama-chat');
      await headgate.kubectl([
        'wait',
        '-n',
        namespace,
        '--for=jsonpath={.status.readyReplicas}=3',
        '--timeout=50s',
        'deployment',
        '-l',
        'serving.kserve.io/inferenceservice=llama-chat',
      ]);
      await reach('llama-chat', 'Running');
      expect((await serving('llama-chat')).spec.predictor).toMatchObject({ minReplicas: 3, maxReplicas: 3 });
      await headgate.kubectl(['apply', '-f', '-'], quickStart.text);
    });

    it('takes resources over from the service', async () => {
      const fragment = under('Resource Limits');
      await applyFragment(fragment, 'with-resources');
      await reach('with-resources', 'Running');
      const { spec } = parse(fragment.text) as { spec: { resources: object } };
      expect((await serving('with-resources')).spec.predictor.model?.resources).toMatchObject(spec.resources);
      await remove('with-resources');
    });

    it('follows the overrides, with a template of its own where the profile differs', async () => {
      await applyFragment(under('Runtime Overrides'), 'with-overrides');
      await reach('with-overrides', 'Running');
      const { status } = await service('with-overrides');
      const template = await get<{ spec: unknown }>('aimservicetemplate', status?.resolvedTemplate?.name ?? '');
      expect(template.spec).toMatchObject({
        metric: 'throughput',
        precision: 'fp16',
        gpuSelector: { count: 2, model: 'MI300X' },
      });
      expect((await serving('with-overrides')).spec.predictor.model?.resources?.limits).toMatchObject({
        'amd.com/gpu': '2',
      });
      await remove('with-overrides');
    });

    it('is not stuck for ever without its runtime configuration: the hint finds it, and it runs when it comes', async () => {
      await applyFragment(under('Runtime Configuration'), 'with-config');
      await until(
        async () => (await condition('with-config', 'Ready'))?.reason === 'RuntimeConfigMissing',
        () => 'nobody said that the configuration is missing',
        60_000,
      );
      expect((await condition('with-config', 'Ready'))?.message).toContain('team-config');
      const [none = ''] = await commands(under('Service stuck in Pending'), { namespace });
      expect(none).not.toContain('team-config');
      await headgate.kubectl(['apply', '-f', '-'], teamConfig);
      await reach('with-config', 'Running');
      const [found = ''] = await commands(under('Service stuck in Pending'), { namespace });
      expect(found).toMatch(/^NAME +AGE\nteam-config /);
      const { status } = await service('with-config');
      expect(status?.resolvedRuntimeConfig).toMatchObject({ name: 'team-config', namespace, scope: 'Namespace' });
      await remove('with-config');
    });

    it('lists the templates with the troubleshooting commands', async () => {
      const [own = '', cluster = ''] = await commands(under('Service stuck in Pending', 1), { namespace });
      expect(own).toMatch(/^NAME +STATUS +MODEL +ENGINE +METRIC +PRECISION/);
      expect(own).toMatch(/ +Ready +/);
      expect(cluster).toMatch(/llama-3-8b-latency +Ready +meta-llama-3-8b/);
    });

    it('is reached through the Gateway', async () => {
      await applyFragment(under('HTTP Routing'), 'routed');
      await reach('routed', 'Running');
      const { metadata, status } = await service('routed');
      expect(status?.routing?.path).toBe(`/${namespace}/${metadata.uid ?? ''}`);
      await answersAt(status?.routing?.path ?? '');

      const [table = ''] = await commands(under('Routing not working'), { namespace, 'service-name': 'routed' });
      expect(table).toMatch(/^NAME +HOSTNAMES +AGE\nrouted-route /);
      const [text = ''] = await commands(under('Routing not working', 1), { namespace, name: 'routed' });
      expect(JSON.parse(text)).toMatchObject({ type: 'RoutingReady', status: 'True', reason: 'RouteReady' });
    });

    it('is reached at a path of its own', async () => {
      await applyFragment(under('Custom Paths'), 'routed');
      await until(
        async () => (await service('routed')).status?.routing?.path === '/ml-team/chat/routed',
        () => 'the path has not changed',
        60_000,
      );
      await answersAt('/ml-team/chat/routed');
      const route = await get<HTTPRoute>('httproute', 'routed-route');
      expect(route.spec.rules).toMatchObject([
        {
          matches: [{ path: { type: 'PathPrefix', value: '/ml-team/chat/routed' } }],
          backendRefs: [{ name: 'routed-predictor', port: 80 }],
        },
      ]);
    });

    it('is Degraded where a label of the path does not exist, and recovers when it does', async () => {
      const patch = (body: unknown): Promise<string> =>
        headgate.kubectl([
          'patch',
          '-n',
          namespace,
          'aimservice',
          'routed',
          '--type=merge',
          '-p',
          JSON.stringify(body),
        ]);
      await patch({ spec: { routing: { pathTemplate: "/{.metadata.labels['team']}/routed" } } });
      await reach('routed', 'Degraded');
      const [text = ''] = await commands(under('Routing not working', 1), { namespace, name: 'routed' });
      expect(JSON.parse(text)).toMatchObject({ status: 'False', reason: 'PathTemplateInvalid' });
      expect(text).toContain('team');
      await patch({ metadata: { labels: { team: 'Research' } } });
      await reach('routed', 'Running');
      await answersAt('/research/routed');
      await remove('routed');
      await until(
        async () => !(await names('httproute')).includes('routed-route'),
        () => 'the route outlives its service',
        60_000,
      );
    });

    it('hands the token of a secret and pull secrets on', async () => {
      await applyFragment(under('Authentication'), 'with-token');
      await applyFragment(under('Authentication', 1), 'with-registry');
      await reach('with-token', 'Running');
      await reach('with-registry', 'Running');
      const pods = await get<{ items: { spec: { containers: { env?: unknown[] }[] } }[] }>(
        'pods',
        '-l',
        'serving.kserve.io/inferenceservice=with-token',
      );
      expect(pods.items[0]?.spec.containers[0]?.env).toContainEqual({
        name: 'HF_TOKEN',
        valueFrom: { secretKeyRef: { name: 'huggingface-creds', key: 'token' } },
      });
      expect((await serving('with-registry')).spec.predictor).toMatchObject({
        imagePullSecrets: [{ name: 'registry-credentials' }],
      });
      await remove('with-token');
      await remove('with-registry');
    });

    it('finds the model with the last troubleshooting commands', async () => {
      const printed = await commands(under('Model not found'), {
        namespace: namespace,
        'model-name': 'meta-llama-3-8b',
      });
      expect(printed).toHaveLength(2);
      for (const table of printed) expect(table).toMatch(/^NAME +STATUS +IMAGE +AGE\nmeta-llama-3-8b +Ready /);
    });

    describe('with model caching', () => {
      beforeAll(async () => {
        await applyFragment(under('Model Caching'), 'cached');
        await reach('cached', 'Running');
      }, 300_000);

      interface Cache {
        metadata: { name: string; uid: string };
        status?: { status?: string; persistentVolumeClaim?: string };
      }
      const caches = async (kind: string): Promise<Cache[]> => (await get<{ items: Cache[] }>(kind)).items;

      it('makes a template cache and model caches, and mounts them', async () => {
        const [templateCache] = await caches('aimtemplatecache');
        const [modelCache] = await caches('aimmodelcache');
        expect(templateCache?.status?.status).toBe('Available');
        expect(modelCache?.status?.status).toBe('Available');
        expect(await condition('cached', 'CacheReady')).toMatchObject({ status: 'True', reason: 'CacheWarm' });
        const claims = JSON.stringify((await serving('cached')).spec.predictor.volumes);
        expect(claims).toContain(modelCache?.status?.persistentVolumeClaim);
      });

      it('keeps available caches when the service is deleted, and uses them at once when it is made again', async () => {
        const [before] = await caches('aimmodelcache');
        await remove('cached');
        await until(
          async () => !(await names('inferenceservice')).includes('cached'),
          () => 'the InferenceService outlives its service',
          60_000,
        );
        expect((await caches('aimtemplatecache'))[0]?.status?.status).toBe('Available');
        expect((await caches('aimmodelcache')).map(({ metadata }) => metadata.uid)).toEqual([before?.metadata.uid]);
        await headgate.kubectl(['delete', '-n', namespace, 'jobs', '--all', '--timeout=60s']);
        await applyFragment(under('Model Caching'), 'cached');
        await reach('cached', 'Running');
        expect(await names('jobs')).toEqual([]);
        expect((await caches('aimmodelcache')).map(({ metadata }) => metadata.uid)).toEqual([before?.metadata.uid]);
        await remove('cached');
      });
    });

    it('removes caches that are not available with the service', async () => {
      const failing = complete(quickStart, under('Model Caching'), 'never-cached').replace(
        'spec:\n',
        'spec:\n  env:\n    - { name: AIM_DEBUG_CAUSE_FAILURE, value: "true" }\n',
      );
      // Weights that nobody has cached yet: those of another image.
      const other = failing.replaceAll('aim-meta-llama-llama-3-1-8b-instruct', 'aim-qwen-qwen3-8b');
      await headgate.kubectl(['apply', '-f', '-'], other);
      const made = async (): Promise<number> =>
        (await get<{ items: { spec: { sourceUri: string } }[] }>('aimmodelcache')).items.filter(({ spec }) =>
          spec.sourceUri.includes('Qwen'),
        ).length;
      await until(
        async () => (await made()) === 1,
        () => 'no model cache is made',
        60_000,
      );
      await remove('never-cached');
      await until(
        async () => (await made()) === 0,
        () => 'a cache that is not available is still there',
        60_000,
      );
    });

    it('runs the complete example', async () => {
      const complete = under('Complete Example');
      await remove('llama-chat');
      await headgate.kubectl(['apply', '-f', '-'], complete.text);
      await reach('llama-chat', 'Running');
      await answersAt('/team/research/chat');
      const { status } = await service('llama-chat');
      expect(status).toMatchObject({
        resolvedRuntimeConfig: { name: 'team-config' },
        resolvedImage: { name: 'meta-llama-3-8b', namespace, scope: 'Namespace' },
        routing: { path: '/team/research/chat' },
      });
      expect((await serving('llama-chat')).spec.predictor).toMatchObject({
        minReplicas: 2,
        model: { resources: { limits: { cpu: '6', memory: '48Gi', 'amd.com/gpu': '2' } } },
      });
      await remove('llama-chat');
    });

    it('has the example status', async () => {
      const example = parse(under('Example Status', 1).text) as {
        status: Record<string, unknown> & { conditions: Condition[] };
      };
      // The service that the example shows: routed by the default configuration of its namespace, with the weights cached.
      await headgate.kubectl(
        ['apply', '-f', '-'],
        `${teamConfig.replace('name: team-config', 'name: default').replace('pathTemplate: "/team-config', 'enabled: true\n    pathTemplate: "/{.metadata.namespace}')}
---
apiVersion: aim.silogen.ai/v1alpha1
kind: AIMService
metadata: { name: llama-chat, namespace: ${namespace} }
spec:
  model: { ref: meta-llama-3-8b }
  templateRef: llama-3-8b-latency
  cacheModel: true
`,
      );
      await reach('llama-chat', 'Running');
      const [printed = ''] = await commands(under('Example Status'), {});
      const { status } = parse(printed) as typeof example;
      const { conditions, ...fields } = example.status;
      expect(status).toMatchObject(fields);
      for (const { message: _wording, ...expected } of conditions) {
        expect(status.conditions).toContainEqual(expect.objectContaining(expected));
      }
    });
  },
);
