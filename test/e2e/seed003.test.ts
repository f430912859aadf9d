import { readFileSync } from 'node:fs';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasKubectl, run, skipMessage } from './kubectl.ts';
import { chat, startHeadgate, type Headgate } from './headgate.ts';
import { heredoc, seedSteps } from './seed.ts';

const steps = seedSteps('003-aigatewayroute-inferencepool.txt');
const block = (step: number, index: number): string => {
  const text = steps.get(step)?.blocks[index];
  if (text === undefined) throw new Error(`the seed has no block ${index} in step ${step}`);
  return text;
};

const llama = 'meta-llama/Llama-3.1-8B-Instruct';
const mistral = 'mistral:latest';
const selfHosted = 'some-cool-self-hosted-model';

interface Conditions {
  conditions: { type: string; status: string; message: string }[];
}

describe.skipIf(!hasKubectl)(
  `the mixed-route guide, word for word (${hasKubectl ? 'with kubectl' : skipMessage})`,
  () => {
    let headgate: Headgate;
    let url = '';

    beforeAll(async () => {
      headgate = await startHeadgate();
      // Step 3 takes these from addresses on the internet; ours declares the same pool.
      const pool = readFileSync(new URL('../../examples/vllm-llama3-8b-instruct.yaml', import.meta.url), 'utf8');
      await headgate.kubectl(['apply', '-f', '-'], pool);
      for (const step of [4, 5, 6]) await headgate.kubectl(['apply', '-f', '-'], heredoc(block(step, 0)));
      await headgate.kubectl(['wait', '--for=condition=Available', '--timeout=60s', 'deployment', '--all']);
      url = await headgate.gatewayUrl('inference-pool-with-aigwroute');
    }, 180_000);

    afterAll(async () => {
      expect(await headgate.stop()).toBe(0);
    });

    const get = async <T>(...args: string[]): Promise<T> =>
      JSON.parse(await headgate.kubectl(['get', ...args, '-o', 'json'])) as T;

    it.each([
      ['gatewayclass', 'inference-pool-with-aigwroute', 'Accepted'],
      ['gateway', 'inference-pool-with-aigwroute', 'Accepted'],
      ['gateway', 'inference-pool-with-aigwroute', 'Programmed'],
      ['aigatewayroute', 'inference-pool-with-aigwroute', 'Accepted'],
      ['aiservicebackend', 'envoy-ai-gateway-basic-testupstream', 'Accepted'],
      ['backend', 'envoy-ai-gateway-basic-testupstream', 'Accepted'],
    ])('%s %s reports %s', async (kind, name, type) => {
      await headgate.kubectl(['wait', `--for=condition=${type}`, '--timeout=30s', `${kind}/${name}`]);
    });

    it.each([
      ['httproute', 'inference-pool-with-aigwroute'],
      ['inferencepool', 'mistral'],
      ['inferencepool', 'vllm-llama3-8b-instruct'],
    ])('%s %s is accepted and resolved by its parent', async (kind, name) => {
      const { status } = await get<{ status: { parents: Conditions[] } }>(kind, name);
      const conditions = status.parents.flatMap((parent) => parent.conditions);
      expect(conditions.map(({ type, status: value }) => `${type}=${value}`)).toEqual(
        expect.arrayContaining(['Accepted=True', 'ResolvedRefs=True']),
      );
    });

    it('really creates the HTTPRoute and the two HTTPRouteFilters, owned by the AIGatewayRoute', async () => {
      const route = await get<Owned>('aigatewayroute', 'inference-pool-with-aigwroute');
      for (const [kind, name] of [
        ['httproute', 'inference-pool-with-aigwroute'],
        ['httproutefilter', 'ai-eg-host-rewrite-inference-pool-with-aigwroute'],
        ['httproutefilter', 'ai-eg-route-not-found-response-inference-pool-with-aigwroute'],
      ] as const) {
        const object = await get<Owned>(kind, name);
        expect(object.metadata.ownerReferences).toMatchObject([
          { kind: 'AIGatewayRoute', uid: route.metadata.uid, controller: true },
        ]);
      }
    });

    it('answers the three curl commands of step 7 from the right backend', async () => {
      const [address = '', ...requests] = steps.get(7)?.blocks ?? [];
      expect(requests).toHaveLength(3);
      const declared = new URL(url);
      for (const [i, model] of [llama, mistral, selfHosted].entries()) {
        // The guide's own commands; -s -i shows what came back. Where port 80 is refused, its URL gets the port that is used.
        const command = requests[i]?.replace('http://$GATEWAY_IP/', `http://$GATEWAY_IP:${declared.port || '80'}/`);
        const script = `set -e\n${address}\n${command?.replace(/^curl/, 'curl -s -i')}`;
        const { code, stdout, stderr } = await run('bash', ['-c', script], {
          env: { KUBECONFIG: headgate.kubeconfig },
        });
        expect(code, stderr).toBe(0);
        expect(stdout).toMatch(/^HTTP\/1\.1 200 /);
        expect(stdout).toMatch(/simulated/i);
        if (model === llama) expect(stdout).toMatch(/x-inference-pod: vllm-llama3-8b-instruct-/i);
        if (model === mistral) expect(stdout).toMatch(/x-inference-pod: mistral-upstream-/i);
        if (model === selfHosted) expect(stdout).toMatch(/x-inference-pod: envoy-ai-gateway-basic-testupstream-/i);
      }
    });

    it.each([
      [llama, 'vllm-llama3-8b-instruct-'],
      [mistral, 'mistral-upstream-'],
    ])('spreads 300 requests for %s over all 3 replicas', async (model, prefix) => {
      const pods = new Map<string, number>();
      for (let i = 0; i < 300; i += 1) {
        const response = await chat(url, model);
        expect(response.status).toBe(200);
        await response.arrayBuffer();
        const pod = response.headers.get('x-inference-pod') ?? '';
        pods.set(pod, (pods.get(pod) ?? 0) + 1);
      }
      expect([...pods.keys()].every((pod) => pod.startsWith(prefix))).toBe(true);
      expect(pods.size).toBe(3);
    });

    it.each([llama, mistral, selfHosted])(
      'gives the OpenAI SDK a normal and a streamed answer from %s',
      async (model) => {
        const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'unused', maxRetries: 0 });
        const messages = [{ role: 'user' as const, content: 'Hello there, how are you today?' }];
        const answer = await client.chat.completions.create({ model, messages, max_tokens: 40 });
        expect(answer.choices[0]?.message.content).toMatch(/simulated/i);
        let streamed = '';
        let chunks = 0;
        for await (const chunk of await client.chat.completions.create({
          model,
          messages,
          max_tokens: 40,
          stream: true,
        })) {
          streamed += chunk.choices[0]?.delta.content ?? '';
          chunks += 1;
        }
        expect(streamed).toMatch(/simulated/i);
        expect(chunks).toBeGreaterThan(1);
      },
    );

    it('lists the three models', async () => {
      const list = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string; owned_by: string }[] };
      expect(list.data.map(({ id }) => id).toSorted()).toEqual([llama, mistral, selfHosted].toSorted());
      expect(list.data.every(({ owned_by }) => owned_by === 'Envoy AI Gateway')).toBe(true);
    });

    it('answers an unknown model with 404 and the sentence that says why', async () => {
      const response = await chat(url, 'no-such-model');
      expect(response.status).toBe(404);
      const { error } = (await response.json()) as { error: Record<string, unknown> };
      expect(error).toMatchObject({
        message:
          'No matching route found. It is likely because the model specified in your request is not configured in the Gateway.',
        model: 'no-such-model',
      });
      expect((error['models'] as string[]).toSorted()).toEqual([llama, mistral, selfHosted].toSorted());
    });

    it('answers 503 while a pool has no ready pod, and recovers', async () => {
      await headgate.kubectl(['scale', 'deployment/mistral-upstream', '--replicas=0']);
      await headgate.kubectl(['wait', '--for=delete', 'pod', '-l', 'app=mistral-upstream', '--timeout=30s']);
      const response = await chat(url, mistral);
      expect(response.status).toBe(503);
      await response.arrayBuffer();
      await headgate.kubectl(['scale', 'deployment/mistral-upstream', '--replicas=3']);
      await headgate.kubectl(['rollout', 'status', 'deployment/mistral-upstream', '--timeout=60s']);
      expect((await chat(url, mistral)).status).toBe(200);
    });

    it('prints tables with the columns of each kind', async () => {
      expect(await headgate.kubectl(['get', 'gateway'])).toMatch(/^NAME +CLASS +ADDRESS +PROGRAMMED +AGE/);
      expect(await headgate.kubectl(['get', 'gatewayclass'])).toMatch(/^NAME +CONTROLLER +ACCEPTED +AGE/);
      expect(await headgate.kubectl(['get', 'aigatewayroute'])).toMatch(/^NAME +STATUS\n\S+ +Accepted/);
      expect(await headgate.kubectl(['get', 'deployment'])).toMatch(/^NAME +READY +UP-TO-DATE +AVAILABLE +AGE/);
      expect(await headgate.kubectl(['get', 'pods', '-o', 'wide'])).toMatch(
        /^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE/,
      );
    });
  },
);

interface Owned {
  metadata: { uid: string; ownerReferences?: unknown[] };
}
