import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AirunwayModelDeployment, ModelDeployment } from '../../src/kinds/airunway/modeldeployment.ts';
import { Deployment } from '../../src/kinds/apps/deployment.ts';
import { ConfigMap } from '../../src/kinds/core/configmap.ts';
import { Service } from '../../src/kinds/core/service.ts';
import { ServiceAccount } from '../../src/kinds/core/serviceaccount.ts';
import { Gateway } from '../../src/kinds/gateway/gateway.ts';
import { InferencePool } from '../../src/kinds/inference/inferencepool.ts';
import { apiVersionOf, type Kind } from '../../src/kinds/kind.ts';
import { Role } from '../../src/kinds/rbac/role.ts';
import { RoleBinding } from '../../src/kinds/rbac/rolebinding.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { clientOf } from './client.ts';
import { chat, startHeadgate, until, type Headgate } from './headgate.ts';

const at = (name: string) => ({ namespace: 'default', name });
const pickers: readonly Kind[] = [ServiceAccount, Role, RoleBinding, ConfigMap, Deployment, Service];

describe.each([
  ['kubeairunway.ai', ModelDeployment],
  ['airunway.ai', AirunwayModelDeployment],
])('with an endpoint picker for each deployment of %s', (_group, kind) => {
  let headgate: Headgate;
  let client: KubeClient;

  beforeAll(async () => {
    headgate = await startHeadgate(['--epp-per-deployment']);
    client = clientOf(headgate.kubeconfig);
    await client.create(Gateway, {
      apiVersion: apiVersionOf(Gateway),
      kind: Gateway.kind,
      metadata: at('all'),
      spec: { gatewayClassName: 'headgate', listeners: [{ name: 'http', protocol: 'HTTP', port: 80 }] },
    });
    await client.create(kind, {
      apiVersion: apiVersionOf(kind),
      kind: kind.kind,
      metadata: at('qwen3'),
      spec: { model: { id: 'Qwen/Qwen3-0.6B' }, scaling: { replicas: 2 } },
    });
  }, 240_000);

  afterAll(async () => {
    await client.close();
    expect(await headgate.stop()).toBe(0);
  });

  it('the picker runs, and decides for the pool', async () => {
    await until(
      async () => (await client.get(Deployment, at('qwen3-epp')))?.status?.availableReplicas === 1,
      () => 'the picker is not available',
      120_000,
    );
    let seen: unknown;
    await until(
      async () => {
        const pool = await client.get(InferencePool, at('qwen3'));
        seen = pool?.status?.parents?.flatMap(({ conditions = [] }) => conditions);
        return isReady(seen);
      },
      () => `the pool has no picker: ${JSON.stringify(seen)}`,
      60_000,
    );
    const pool = await client.get(InferencePool, at('qwen3'));
    expect(pool?.spec.endpointPickerRef).toMatchObject({ name: 'qwen3-epp', port: { number: 9002 } });
    const url = await headgate.gatewayUrl('all');
    await until(
      async () => (await chat(url, 'Qwen/Qwen3-0.6B', { max_tokens: 4 })).status === 200,
      () => 'the model is not served',
      60_000,
    );
  });

  it('the picker goes with the deployment', async () => {
    for (const picker of pickers) expect(await client.get(picker, at('qwen3-epp')), picker.kind).toBeDefined();
    await client.delete(kind, at('qwen3'));
    for (const picker of pickers) {
      await until(
        async () => (await client.get(picker, at('qwen3-epp'))) === undefined,
        () => `${picker.kind} qwen3-epp is still there`,
        60_000,
      );
    }
  });
});

function isReady(conditions: unknown): boolean {
  return (
    Array.isArray(conditions) &&
    conditions.some(
      (condition: { type?: string; status?: string }) =>
        condition.type === 'PickerReady' && condition.status === 'True',
    )
  );
}
