import { afterAll, beforeAll, expect, it } from 'vitest';
import { ModelDeployment } from '../../src/kinds/airunway/modeldeployment.ts';
import { Deployment } from '../../src/kinds/apps/deployment.ts';
import { Pod } from '../../src/kinds/core/pod.ts';
import { Service } from '../../src/kinds/core/service.ts';
import { Gateway } from '../../src/kinds/gateway/gateway.ts';
import { HTTPRoute } from '../../src/kinds/gateway/httproute.ts';
import { InferencePool } from '../../src/kinds/inference/inferencepool.ts';
import { apiVersionOf, type Kind } from '../../src/kinds/kind.ts';
import type { KubeObject } from '../../src/kinds/object.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { clientOf } from './client.ts';
import { chat, startHeadgate, until, type Headgate } from './headgate.ts';

/** Deployments that are deleted, disabled, renamed and pointed elsewhere while others are asked all the time. */

const at = (name: string) => ({ namespace: 'default', name });
const made: readonly Kind[] = [Deployment, Service, InferencePool, HTTPRoute];

let headgate: Headgate;
let client: KubeClient;
let url = '';

beforeAll(async () => {
  headgate = await startHeadgate();
  client = clientOf(headgate.kubeconfig);
  await client.create(Gateway, {
    apiVersion: apiVersionOf(Gateway),
    kind: Gateway.kind,
    metadata: at('all'),
    spec: { gatewayClassName: 'headgate', listeners: [{ name: 'http', protocol: 'HTTP', port: 80 }] },
  });
  await Promise.all(['steady', 'routed', 'goes', 'hides', 'renamed'].map(deploy));
  url = await headgate.gatewayUrl('all');
  for (const name of ['steady', 'routed', 'goes', 'hides', 'renamed']) await answers(`org/${name}`, 200);
}, 300_000);

afterAll(async () => {
  await client.close();
  expect(await headgate.stop()).toBe(0);
});

it('leaves nothing behind, and fails no request for the others', async () => {
  const stopSteady = load('org/steady');
  const stopRouted = load('org/routed');

  await change('renamed', { gateway: { modelName: 'org/by-another-name' } });
  await change('hides', { gateway: { enabled: false } });
  await client.delete(ModelDeployment, at('goes'));
  // Its own route first, so that both say the same for a moment.
  await client.create(HTTPRoute, {
    apiVersion: apiVersionOf(HTTPRoute),
    kind: HTTPRoute.kind,
    metadata: at('by-hand'),
    spec: {
      parentRefs: [{ name: 'all' }],
      rules: [
        {
          matches: [{ headers: [{ type: 'Exact', name: 'X-Gateway-Model-Name', value: 'org/routed' }] }],
          backendRefs: [{ group: InferencePool.group, kind: InferencePool.kind, name: 'routed' }],
        },
      ],
    },
  });
  await until(
    async () => (await client.get(HTTPRoute, at('by-hand')))?.status?.parents?.[0]?.conditions?.[0]?.status === 'True',
    () => 'the route made by hand is not accepted',
    60_000,
  );
  await change('routed', { gateway: { httpRouteRef: 'by-hand' } });

  await gone(HTTPRoute, 'routed');
  for (const kind of made) await gone(kind, 'goes');
  for (const kind of [InferencePool, HTTPRoute] as const) await gone(kind, 'hides');
  await answers('org/by-another-name', 200);
  await answers('org/renamed', 404);
  await answers('org/hides', 404);
  await answers('org/goes', 404);

  // And back again, and once more, while the others go on.
  await change('hides', { gateway: { enabled: true } });
  await answers('org/hides', 200);
  await change('routed', { gateway: { httpRouteRef: null } });
  await until(
    async () => (await client.get(HTTPRoute, at('routed'))) !== undefined,
    () => 'the deployment has no route of its own again',
    60_000,
  );
  await client.delete(HTTPRoute, at('by-hand'));
  await deploy('goes');
  await answers('org/goes', 200);

  for (const stop of [stopSteady, stopRouted]) {
    const { sent, failed } = await stop();
    expect(failed).toEqual([]);
    expect(sent).toBeGreaterThan(20);
  }
}, 300_000);

it('leaves nothing at all behind when all are deleted', async () => {
  const { items } = await client.list(ModelDeployment, { namespace: 'default' });
  await Promise.all(items.map(({ metadata }) => client.delete(ModelDeployment, metadata)));
  for (const kind of [...made, Pod] as const) {
    await until(
      async () => (await client.list(kind, { namespace: 'default' })).items.filter(isOurs).length === 0,
      () => `${kind.plural} of deleted deployments are still there`,
      90_000,
    );
  }
}, 300_000);

/** The Services of the API and of the Gateway are in the namespace, too, and the Pod that stands for the Gateway. */
const isOurs = ({ metadata }: KubeObject): boolean =>
  metadata.name !== 'kubernetes' && metadata.labels?.['gateway.networking.k8s.io/gateway-name'] === undefined;

async function deploy(name: string): Promise<void> {
  await client.create(ModelDeployment, {
    apiVersion: apiVersionOf(ModelDeployment),
    kind: ModelDeployment.kind,
    metadata: at(name),
    spec: { model: { id: `org/${name}` } },
  });
}

async function change(name: string, spec: Record<string, unknown>): Promise<void> {
  await client.patch(ModelDeployment, at(name), { type: 'merge', body: { spec } });
}

async function gone(kind: Kind, name: string): Promise<void> {
  await until(
    async () => (await client.get(kind, at(name))) === undefined,
    () => `${kind.kind} ${name} is still there`,
    60_000,
  );
}

async function answers(model: string, status: number): Promise<void> {
  let seen = 0;
  await until(
    async () => {
      const response = await chat(url, model, { max_tokens: 4 });
      await response.arrayBuffer();
      seen = response.status;
      return seen === status;
    },
    () => `${model} is answered with ${seen} instead of ${status}`,
    120_000,
  );
}

/** Asks for a model again and again, on two connections, until it is stopped. */
function load(model: string): () => Promise<{ sent: number; failed: string[] }> {
  const failed: string[] = [];
  let sent = 0;
  let stopped = false;
  const one = async (): Promise<void> => {
    while (!stopped) {
      sent += 1;
      try {
        const response = await chat(url, model, { max_tokens: 4 });
        const text = await response.text();
        if (response.status !== 200) failed.push(`${response.status} ${text}`);
      } catch (error) {
        failed.push(String(error));
      }
    }
  };
  const running = Promise.all([one(), one()]);
  return async () => {
    stopped = true;
    await running;
    return { sent, failed };
  };
}
