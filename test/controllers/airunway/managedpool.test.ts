import { afterEach, expect, test } from 'vitest';
import { AirunwayInferenceProviderConfig } from '../../../src/kinds/airunway/inferenceproviderconfig.ts';
import { AirunwayModelDeployment } from '../../../src/kinds/airunway/modeldeployment.ts';
import { Namespace } from '../../../src/kinds/core/namespace.ts';
import { HTTPRoute } from '../../../src/kinds/gateway/httproute.ts';
import { ReferenceGrant } from '../../../src/kinds/gateway/referencegrant.ts';
import { InferencePool } from '../../../src/kinds/inference/inferencepool.ts';
import { startAirunwayCluster, type AirunwayCluster } from './cluster.ts';

/** Pools that a provider's operator makes (airunway.md 4.3, step 7). */

const ref = { namespace: 'default', name: 'qwen3' };
let cluster: AirunwayCluster;

afterEach(() => cluster.stop());

async function start(pattern: { inferencePoolNamePattern?: string; inferencePoolNamespace?: string }): Promise<void> {
  cluster = await startAirunwayCluster();
  await cluster.client.create(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'pools' } });
  await cluster.client.create(AirunwayInferenceProviderConfig, {
    apiVersion: 'airunway.ai/v1alpha1',
    kind: 'InferenceProviderConfig',
    metadata: { name: 'foreign' },
    spec: {
      capabilities: {
        engines: [
          {
            name: 'vllm',
            servingModes: ['aggregated'],
            gpuSupport: true,
            cpuSupport: true,
            gateway: { managesInferencePool: true, ...pattern },
          },
        ],
      },
    },
  });
  await cluster.gateway('gw');
  await cluster.deploy({}, 'qwen3', AirunwayModelDeployment);
  await cluster.run(undefined, 'qwen3', AirunwayModelDeployment);
}

const gatewayReady = (reason: string) =>
  cluster.eventually(
    AirunwayModelDeployment,
    ref,
    (object) =>
      object?.status?.conditions?.some((one) => one.type === 'GatewayReady' && one.reason === reason) === true,
  );

const pool = (namespace: string, name: string) =>
  cluster.client.create(InferencePool, {
    apiVersion: 'inference.networking.k8s.io/v1',
    kind: 'InferencePool',
    metadata: { namespace, name },
    spec: {
      selector: { matchLabels: { theirs: 'true' } },
      targetPorts: [{ number: 8000 }],
      endpointPickerRef: { name: 'theirs', port: { number: 9002 } },
    },
  });

test('the route waits for the pool, and a pool in another namespace is opened for it', async () => {
  await start({ inferencePoolNamePattern: '{namespace}-{name}-pool', inferencePoolNamespace: 'pools' });
  const waiting = await gatewayReady('InferencePoolFailed');
  expect(waiting?.status?.conditions?.find(({ type }) => type === 'GatewayReady')?.message).toBe(
    'InferencePool pools/default-qwen3-pool, which the provider makes, does not exist',
  );
  expect(await cluster.client.get(HTTPRoute, ref)).toBeUndefined();

  const theirs = await pool('pools', 'default-qwen3-pool');
  await gatewayReady('GatewayConfigured');
  const route = await cluster.client.get(HTTPRoute, ref);
  expect(route?.spec.rules?.[0]?.backendRefs).toMatchObject([
    { group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'default-qwen3-pool', namespace: 'pools' },
  ]);
  expect(await cluster.client.get(InferencePool, ref)).toBeUndefined();
  const grant = await cluster.client.get(ReferenceGrant, {
    namespace: 'pools',
    name: 'default-qwen3-pool-referencegrant',
  });
  expect(grant?.spec).toEqual({
    from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'default' }],
    to: [{ group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'default-qwen3-pool' }],
  });
  expect(grant?.metadata.ownerReferences).toMatchObject([
    { kind: 'InferencePool', uid: theirs.metadata.uid, controller: true },
  ]);
});

test('a pool of the deployment’s own name and namespace needs no grant, and is left to the provider', async () => {
  await start({});
  await gatewayReady('InferencePoolFailed');
  const before = await pool('default', 'qwen3');
  await gatewayReady('GatewayConfigured');
  expect((await cluster.client.get(InferencePool, ref))?.spec).toEqual(before.spec);
  expect((await cluster.client.list(ReferenceGrant, {})).items).toEqual([]);
  await cluster.client.patch(AirunwayModelDeployment, ref, {
    type: 'merge',
    body: { spec: { gateway: { enabled: false } } },
  });
  await cluster.eventually(HTTPRoute, ref, (route) => route === undefined);
  await gatewayReady('GatewayDisabled');
  expect(await cluster.client.get(InferencePool, ref)).toBeDefined();
});
