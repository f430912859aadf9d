import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Deployment } from '../../src/kinds/apps/deployment.ts';
import { HorizontalPodAutoscaler } from '../../src/kinds/autoscaling/horizontalpodautoscaler.ts';
import { Node } from '../../src/kinds/core/node.ts';
import { isPodReady, Pod } from '../../src/kinds/core/pod.ts';
import { Service } from '../../src/kinds/core/service.ts';
import { ScaledObject } from '../../src/kinds/keda/scaledobject.ts';
import { InferenceService } from '../../src/kinds/kserve/inferenceservice.ts';
import { parseGpus } from '../../src/local/gpus.ts';
import { startLocalCluster, type LocalCluster } from './cluster.ts';

/** InferenceServices and GPUs on the embedded node. */

const patience = { timeout: 60_000, interval: 50 };

let cluster: LocalCluster;
beforeEach(async () => {
  cluster = await startLocalCluster(parseGpus('MI300X:2'));
});
afterEach(async () => {
  await cluster.close();
});

const ref = (name: string) => ({ namespace: 'default', name });

function service(name: string, gpus: number, image = 'example.com/server'): InferenceService {
  const limits = { 'amd.com/gpu': String(gpus) };
  return {
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: ref(name),
    spec: {
      predictor: {
        minReplicas: 1,
        containers: [{ name: 'kserve-container', image, ports: [{ containerPort: 8000 }], resources: { limits } }],
      },
    },
  };
}

async function readyCondition(name: string) {
  const found = await cluster.api.get(InferenceService, ref(name));
  return found?.status?.conditions?.find(({ type }) => type === 'Ready');
}

async function becomesReady(name: string): Promise<void> {
  await vi.waitFor(async () => {
    expect(await readyCondition(name)).toMatchObject({ status: 'True' });
  }, patience);
}

const podsOf = async (name: string): Promise<Pod[]> =>
  (await cluster.api.list(Pod, { labelSelector: `serving.kserve.io/inferenceservice=${name}` })).items;

test('an InferenceService runs, answers, scales and goes with all it made', async () => {
  const { api } = cluster;
  await api.create(InferenceService, service('chat', 1));
  await becomesReady('chat');
  expect(await api.get(Service, ref('chat-predictor'))).toMatchObject({
    spec: { ports: [{ port: 80, targetPort: 8000 }] },
  });
  const [pod] = await podsOf('chat');
  const answer = await fetch(`http://${pod?.status?.podIP ?? ''}:8000/`);
  expect(await answer.text()).toBe(pod?.metadata.name);
  expect(await cluster.events('chat')).toContain('InferenceServiceReady: InferenceService [chat] is Ready');

  await api.patch(InferenceService, ref('chat'), { type: 'merge', body: { spec: { predictor: { minReplicas: 2 } } } });
  await vi.waitFor(async () => {
    expect((await podsOf('chat')).filter(isPodReady)).toHaveLength(2);
  }, patience);
  await becomesReady('chat');

  await api.delete(InferenceService, ref('chat'));
  await vi.waitFor(async () => {
    expect(await api.get(Deployment, ref('chat-predictor'))).toBeUndefined();
    expect(await api.get(Service, ref('chat-predictor'))).toBeUndefined();
    expect(await podsOf('chat')).toEqual([]);
  }, patience);
});

test('a service that KEDA is to scale gets its autoscaler and as many replicas as it must have', async () => {
  const { api } = cluster;
  const scaled = service('auto', 0);
  await api.create(InferenceService, {
    ...scaled,
    metadata: {
      ...ref('auto'),
      labels: { 'example.com/of': 'auto' },
      annotations: { 'serving.kserve.io/autoscalerClass': 'keda' },
    },
    spec: { predictor: { ...scaled.spec.predictor, minReplicas: 2, maxReplicas: 4 } },
  });
  await becomesReady('auto');
  await vi.waitFor(async () => {
    const object = await api.get(ScaledObject, ref('auto-predictor'));
    expect(object?.status).toMatchObject({ hpaName: 'keda-hpa-auto-predictor', scaleTargetKind: 'apps/v1.Deployment' });
    const autoscaler = await api.get(HorizontalPodAutoscaler, ref('keda-hpa-auto-predictor'));
    expect(autoscaler?.metadata.labels).toMatchObject({ 'example.com/of': 'auto' });
    expect(autoscaler?.spec).toMatchObject({ minReplicas: 2, maxReplicas: 4 });
    expect(autoscaler?.status).toMatchObject({ currentReplicas: 2, desiredReplicas: 2 });
    const conditions = autoscaler?.status?.conditions?.map(({ type, status }) => `${type} ${status}`);
    expect(conditions).toEqual(['AbleToScale True', 'ScalingActive True', 'ScalingLimited False']);
  }, patience);
  expect(await podsOf('auto')).toHaveLength(2);

  const metadata = { annotations: { 'serving.kserve.io/autoscalerClass': 'none' } };
  await api.patch(InferenceService, ref('auto'), { type: 'merge', body: { metadata } });
  await vi.waitFor(async () => {
    expect(await api.get(ScaledObject, ref('auto-predictor'))).toBeUndefined();
    expect(await api.get(HorizontalPodAutoscaler, ref('keda-hpa-auto-predictor'))).toBeUndefined();
  }, patience);
});

test('a service whose image is unknown says so, and recovers when the image is put right', async () => {
  const { api } = cluster;
  await api.create(InferenceService, service('chat', 1, 'example.com/nothing'));
  await vi.waitFor(async () => {
    const { status } = (await api.get(InferenceService, ref('chat'))) ?? {};
    expect(status?.modelStatus).toMatchObject({ transitionStatus: 'BlockedByFailedLoad' });
    expect(status?.modelStatus?.lastFailureInfo?.message).toContain('is not in the image catalog');
  }, patience);
  await api.update(InferenceService, {
    ...service('chat', 1),
    metadata: { ...((await api.get(InferenceService, ref('chat')))?.metadata ?? ref('chat')) },
  });
  await becomesReady('chat');
  await vi.waitFor(async () => {
    const { status } = (await api.get(InferenceService, ref('chat'))) ?? {};
    expect(status?.modelStatus?.lastFailureInfo).toBeUndefined();
  }, patience);
});

test('a Pod waits for GPUs that others hold, and gets them when they go', async () => {
  const { api } = cluster;
  await api.create(InferenceService, service('first', 2));
  await becomesReady('first');
  await api.create(InferenceService, service('second', 1));
  await vi.waitFor(async () => {
    const [pod] = await podsOf('second');
    const message = '0/1 nodes are available: 1 Insufficient amd.com/gpu.';
    expect(await cluster.events(pod?.metadata.name ?? '')).toContain(`FailedScheduling: ${message}`);
    expect(pod?.status?.conditions).toContainEqual(expect.objectContaining({ type: 'PodScheduled', message }));
  }, patience);
  await api.delete(InferenceService, ref('first'));
  await becomesReady('second');
});

test('the nodes follow --gpus: one per model, what is no more there is gone', async () => {
  const { api } = cluster;
  const nodes = async () => {
    const { items } = await api.list(Node);
    return items.map(({ metadata, status }) => [
      metadata.name,
      metadata.labels?.['amd.com/gpu.device-id'],
      status?.capacity?.['amd.com/gpu'],
      metadata.annotations?.['headgate.dev/simulated-gpus'],
    ]);
  };
  expect(await nodes()).toEqual([['headgate', '74a1', '2', '2 amd.com/gpu (MI300X)']]);
  await cluster.restart(parseGpus('MI325X:4,MI300X:8'));
  expect(await nodes()).toEqual([
    ['headgate', '74a5', '4', '4 amd.com/gpu (MI325X)'],
    ['headgate-2', '74a1', '8', '8 amd.com/gpu (MI300X)'],
  ]);
  await api.create(InferenceService, service('chat', 6));
  await becomesReady('chat');
  expect((await podsOf('chat'))[0]?.spec.nodeName).toBe('headgate-2');

  await cluster.restart([]);
  expect(await nodes()).toEqual([['headgate', undefined, '0', undefined]]);
  await vi.waitFor(async () => {
    expect(await readyCondition('chat')).toMatchObject({ status: 'False' });
    const [pod] = await podsOf('chat');
    expect(pod?.spec.nodeName).toBeUndefined();
  }, patience);
});

test('an InferenceService whose pods the API refuses says so, and runs when it is corrected', async () => {
  const { api } = cluster;
  const refused = service('refused', 1);
  const [container] = refused.spec.predictor.containers ?? [];
  if (container !== undefined) container.resources = { requests: { cpu: '8' }, limits: { cpu: '6' } };
  await api.create(InferenceService, refused);
  await vi.waitFor(async () => {
    expect(await readyCondition('refused')).toMatchObject({ status: 'False', reason: 'InvalidPredictor' });
  }, patience);
  expect((await readyCondition('refused'))?.message).toContain('cpu');
  const predictor = service('refused', 1).spec.predictor;
  await api.patch(InferenceService, ref('refused'), { type: 'merge', body: { spec: { predictor } } });
  await becomesReady('refused');
});
