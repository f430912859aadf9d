import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InferenceProviderConfig } from '../../../src/kinds/airunway/inferenceproviderconfig.ts';
import { ModelDeployment, type ModelDeployment as Deployed } from '../../../src/kinds/airunway/modeldeployment.ts';
import { Deployment } from '../../../src/kinds/apps/deployment.ts';
import { ConfigMap } from '../../../src/kinds/core/configmap.ts';
import { Pod } from '../../../src/kinds/core/pod.ts';
import { Service } from '../../../src/kinds/core/service.ts';
import { ServiceAccount } from '../../../src/kinds/core/serviceaccount.ts';
import { HTTPRoute } from '../../../src/kinds/gateway/httproute.ts';
import { InferencePool } from '../../../src/kinds/inference/inferencepool.ts';
import type { Kind } from '../../../src/kinds/kind.ts';
import { startAirunwayCluster, type AirunwayCluster } from './cluster.ts';

/** Traps of airunway.md 9 that are not in the tests of what they concern, by their numbers there. */

type Status = NonNullable<Deployed['status']>;

const offers: readonly Kind[] = [InferencePool, HTTPRoute];
const servers: readonly Kind[] = [Deployment, Service];

const at = (name: string) => ({ namespace: 'default', name });
const condition = (object: Deployed | undefined, type: string) =>
  object?.status?.conditions?.find((candidate) => candidate.type === type);

describe('with one Gateway', () => {
  let cluster: AirunwayCluster;

  beforeAll(async () => {
    cluster = await startAirunwayCluster();
    await cluster.gateway('gw', { address: '10.0.0.1' });
  });
  afterAll(() => cluster.stop());

  const patchStatus = (name: string, status: Partial<Status>) =>
    cluster.client.patch(ModelDeployment, at(name), { type: 'merge', subresource: 'status', body: { status } });
  const touch = (name: string, value: string) =>
    cluster.client.patch(ModelDeployment, at(name), {
      type: 'merge',
      body: { spec: { nodeSelector: { touched: value } } },
    });
  const observed = async (name: string) => {
    const generation = (await cluster.client.get(ModelDeployment, at(name)))?.metadata.generation ?? 0;
    return cluster.eventually(
      ModelDeployment,
      at(name),
      (object) => (object?.status?.observedGeneration ?? 0) >= generation,
    );
  };
  const offered = async (name: string, spec: Partial<Deployed['spec']> = {}): Promise<Deployed | undefined> => {
    await cluster.deploy({ gateway: { modelName: name }, ...spec }, name);
    await cluster.run(undefined, name);
    return cluster.eventually(
      ModelDeployment,
      at(name),
      (object) => condition(object, 'GatewayReady')?.status === 'True',
    );
  };

  test('3: what runs no more keeps its pool and its route', async () => {
    await offered('leaves');
    await patchStatus('leaves', { phase: 'Failed', message: 'crashed' });
    await touch('leaves', '1');
    const object = await observed('leaves');
    expect(object?.status).toMatchObject({ phase: 'Failed', message: 'crashed', gateway: { modelName: 'leaves' } });
    for (const kind of offers) expect(await cluster.client.get(kind, at('leaves'))).toBeDefined();
  });

  test('10: what the API server adds to objects has nobody write them again', async () => {
    await offered('settled');
    const versions = async () => {
      const objects = await Promise.all(offers.map((kind) => cluster.client.get(kind, at('settled'))));
      return objects.map((object) => object?.metadata.resourceVersion);
    };
    const before = await versions();
    for (const value of ['1', '2', '3']) {
      await touch('settled', value);
      await observed('settled');
    }
    expect(await versions()).toEqual(before);
    const route = await cluster.client.get(HTTPRoute, at('settled'));
    expect(route?.spec.parentRefs?.[0]).toMatchObject({ group: 'gateway.networking.k8s.io', kind: 'Gateway' });
  });

  test('11: two write the status, and neither loses what is the other’s', async () => {
    await offered('shared');
    const theirs = {
      type: 'Ready',
      status: 'True' as const,
      reason: 'DeploymentReady',
      message: 'theirs',
      lastTransitionTime: '2020-01-01T00:00:00Z',
    };
    const stored = await cluster.client.get(ModelDeployment, at('shared'));
    const conditions = [...(stored?.status?.conditions ?? []), theirs];
    await patchStatus('shared', { conditions, replicas: { desired: 3, ready: 2, available: 2 } });
    await touch('shared', '1');
    const object = await observed('shared');
    expect(condition(object, 'Ready')).toEqual(theirs);
    expect(object?.status?.replicas).toEqual({ desired: 3, ready: 2, available: 2 });
    const gateway = condition(stored, 'GatewayReady');
    expect(condition(object, 'GatewayReady')?.lastTransitionTime).toBe(gateway?.lastTransitionTime);
  });

  test('12: a route or a pool that somebody deletes or edits comes back as it was', async () => {
    await offered('deleted');
    for (const kind of offers) {
      const before = await cluster.client.get(kind, at('deleted'));
      await cluster.client.delete(kind, at('deleted'));
      const again = await cluster.eventually(
        kind,
        at('deleted'),
        (object) => object !== undefined && object.metadata.uid !== before?.metadata.uid,
      );
      expect(again).toMatchObject({ spec: before === undefined || !('spec' in before) ? {} : before.spec });
    }
    await cluster.client.patch(InferencePool, at('deleted'), {
      type: 'merge',
      body: { spec: { targetPorts: [{ number: 1 }] } },
    });
    await cluster.eventually(InferencePool, at('deleted'), (pool) => pool?.spec.targetPorts[0]?.number === 8080);
  });

  test('15: a provider that is installed later wakes the deployments that wait for one', async () => {
    await cluster.deploy({ engine: { type: 'trtllm' }, provider: {} }, 'waits');
    const waiting = await cluster.eventually(
      ModelDeployment,
      at('waits'),
      (object) => object?.status?.message !== undefined,
    );
    expect(waiting?.status?.message).toBe(
      'Provider selection failed: no compatible provider found for this configuration',
    );
    expect(waiting?.status?.phase).toBe('Pending');
    await cluster.client.create(InferenceProviderConfig, {
      apiVersion: 'kubeairunway.ai/v1alpha1',
      kind: 'InferenceProviderConfig',
      metadata: { name: 'later' },
      spec: { capabilities: { engines: ['trtllm'], servingModes: ['aggregated'], gpuSupport: true } },
    });
    await cluster.client.patch(
      InferenceProviderConfig,
      { name: 'later' },
      {
        type: 'merge',
        subresource: 'status',
        body: { status: { ready: true } },
      },
    );
    const chosen = await cluster.eventually(
      ModelDeployment,
      at('waits'),
      (object) => object?.status?.provider?.name === 'later',
    );
    expect(condition(chosen, 'ProviderSelected')).toMatchObject({ status: 'True', reason: 'AutoSelected' });
    // 16: what was said of the failure goes with it.
    expect(chosen?.status?.message).toBeUndefined();
  });

  test('16: a deployment that is repaired is no longer Failed', async () => {
    const roles = { gpu: { count: 1, type: 'nvidia.com/gpu' } };
    const scaling = { prefill: roles, decode: roles };
    const disaggregated = { serving: { mode: 'disaggregated' as const }, scaling };
    await cluster.deploy({ ...disaggregated, provider: { name: 'vllm' }, resources: {} }, 'repaired');
    const failed = await cluster.eventually(
      ModelDeployment,
      at('repaired'),
      (object) => object?.status?.phase === 'Failed',
    );
    expect(failed?.status?.message).toBe('Direct vLLM does not support disaggregated mode');
    expect(condition(failed, 'ProviderCompatible')).toMatchObject({ reason: 'IncompatibleConfiguration' });
    expect(await cluster.client.get(Deployment, at('repaired'))).toBeUndefined();

    await cluster.deploy({ provider: { name: 'vllm' }, engine: { type: 'vllm', args: { port: '1' } } }, 'mistyped');
    await cluster.eventually(ModelDeployment, at('mistyped'), (object) => object?.status?.phase === 'Failed');
    await cluster.client.patch(ModelDeployment, at('mistyped'), {
      type: 'merge',
      body: { spec: { engine: { args: { port: null } } } },
    });
    const repaired = await cluster.eventually(
      ModelDeployment,
      at('mistyped'),
      (object) => object?.status?.phase === 'Deploying',
    );
    expect(repaired?.status?.message).toBe('Deployment created, waiting for pods to be ready');
    expect(condition(repaired, 'ResourceCreated')).toMatchObject({ status: 'True' });
  });

  test('18: a name that is too long for a Service is refused when the deployment is made', async () => {
    await expect(cluster.deploy({ provider: { name: 'vllm' } }, 'x'.repeat(64))).rejects.toThrow(/at most 63/);
  });

  test('pods behind the Service of an operator get the label by which the pool finds them, also later ones', async () => {
    const label = 'kubeairunway.ai/model-deployment';
    const pod = (name: string) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...at(name), labels: { app: 'operated' } },
      spec: { containers: [{ name: 'main', image: 'x' }] },
    });
    await cluster.client.create(Service, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: at('operated-svc'),
      spec: { selector: { app: 'operated' }, ports: [{ name: 'web', port: 80, targetPort: 5000 }] },
    });
    await cluster.client.create(Pod, pod('operated-1'));
    await cluster.client.create(Pod, { ...pod('stranger'), metadata: { ...at('stranger'), labels: { app: 'other' } } });
    await cluster.deploy({ gateway: { modelName: 'operated' } }, 'operated');
    await cluster.run({ service: 'operated-svc', port: 80 }, 'operated');
    await cluster.eventually(Pod, at('operated-1'), (object) => object?.metadata.labels?.[label] === 'operated');
    const pool = await cluster.eventually(InferencePool, at('operated'), (object) => object !== undefined);
    expect(pool?.spec.targetPorts).toEqual([{ number: 5000 }]);

    await cluster.client.create(Pod, pod('operated-2'));
    await cluster.eventually(Pod, at('operated-2'), (object) => object?.metadata.labels?.[label] === 'operated');
    expect((await cluster.client.get(Pod, at('stranger')))?.metadata.labels).toEqual({ app: 'other' });

    await cluster.client.patch(Service, at('operated-svc'), {
      type: 'merge',
      body: { spec: { ports: [{ name: 'web', port: 80, targetPort: 6000, protocol: 'TCP' }] } },
    });
    await cluster.eventually(InferencePool, at('operated'), (object) => object?.spec.targetPorts[0]?.number === 6000);
  });

  test('a deployment takes all that was made for it along, and nothing of anybody else', async () => {
    await cluster.client.create(ConfigMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata: at('goes-epp'), data: {} });
    await offered('stays', { provider: { name: 'foreign' } });
    await cluster.deploy({ provider: { name: 'vllm' } }, 'goes');
    for (const kind of servers) await cluster.eventually(kind, at('goes'), (object) => object !== undefined);
    await cluster.client.patch(Deployment, at('goes'), {
      type: 'merge',
      subresource: 'status',
      body: {
        status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 },
      },
    });
    await cluster.eventually(HTTPRoute, at('goes'), (object) => object !== undefined);
    await cluster.client.delete(ModelDeployment, at('goes'));
    for (const kind of [...servers, ...offers]) {
      await cluster.eventually(kind, at('goes'), (object) => object === undefined);
    }
    expect(await cluster.client.get(ConfigMap, at('goes-epp'))).toBeDefined();
    for (const kind of offers) expect(await cluster.client.get(kind, at('stays'))).toBeDefined();
  });
});

test('pickers of deployments go when deployments share one again', async () => {
  const settings = {
    picker: { serviceName: 'x', servicePort: 9002, perDeployment: { image: 'registry.k8s.io/epp:v1' } },
  };
  const cluster = await startAirunwayCluster({ settings });
  try {
    await cluster.gateway('gw');
    await cluster.deploy({ gateway: { modelName: 'm' } });
    await cluster.run();
    await cluster.eventually(Deployment, at('qwen3-epp'), (object) => object !== undefined);
    await cluster.restart({ picker: { serviceName: 'shared', servicePort: 9002, perDeployment: undefined } });
    await cluster.eventually(InferencePool, at('qwen3'), (pool) => pool?.spec.endpointPickerRef?.name === 'shared');
    for (const kind of [...servers, ServiceAccount]) {
      await cluster.eventually(kind, at('qwen3-epp'), (object) => object === undefined);
    }
  } finally {
    await cluster.stop();
  }
});

test('a picker of a deployment that cannot be made is said in GatewayReady', async () => {
  const settings = {
    picker: { serviceName: 'x', servicePort: 9002, perDeployment: { image: 'registry.k8s.io/epp:v1' } },
  };
  const cluster = await startAirunwayCluster({ settings });
  try {
    const name = 'x'.repeat(61);
    await cluster.gateway('gw');
    await cluster.deploy({ gateway: { modelName: 'm' } }, name);
    await cluster.run(undefined, name);
    const object = await cluster.eventually(
      ModelDeployment,
      at(name),
      (candidate) => condition(candidate, 'GatewayReady')?.reason === 'EPPFailed',
    );
    expect(condition(object, 'GatewayReady')?.message).toMatch(/failed to apply \w+ default\/x+-epp: .*63/);
    expect(await cluster.client.get(Service, at(`${name}-epp`))).toBeUndefined();
  } finally {
    await cluster.stop();
  }
});
