import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileURLToPath } from 'node:url';
import { hasKubectl, skipMessage } from './kubectl.ts';
import { startHeadgate, until, type Headgate } from './headgate.ts';

const quickstart = fileURLToPath(new URL('../../examples/quickstart.yaml', import.meta.url));
const mistral = 'mistral:latest';
const llama = 'meta-llama/Llama-3.1-8B-Instruct';

const config = (plugins: readonly string[], more = ''): string => `apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
plugins:
${plugins.map((type) => `- type: ${type}`).join('\n')}
schedulingProfiles:
- name: default
  plugins:
${plugins.map((type) => `  - pluginRef: ${type}`).join('\n')}
${more}`;

describe.skipIf(!hasKubectl)(
  `the pool's own picker decides (${hasKubectl ? 'with kubectl' : skipMessage})`,
  () => {
    let headgate: Headgate;
    let url = '';

    beforeAll(async () => {
      headgate = await startHeadgate(['-f', quickstart]);
      url = await headgate.gatewayUrl('inference-pool-with-aigwroute');
    }, 180_000);

    afterAll(async () => {
      await headgate.stop();
    });

    const ask = async (model: string, headers: Record<string, string> = {}, maxTokens = 1) => {
      const response = await fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hi' }], max_tokens: maxTokens }),
      });
      const body = await response.text();
      // What the gateway says by itself is the message of an error.
      const error = response.ok ? undefined : (JSON.parse(body) as { error?: { message?: string } }).error;
      const text = error?.message ?? body;
      const header = (name: string): string => response.headers.get(name) ?? '';
      const pod = header('x-inference-pod');
      return { status: response.status, text, pod, token: header('x-session-token'), header };
    };

    const configure = async (name: string, text: string): Promise<void> => {
      const patch = JSON.stringify({ data: { 'default-plugins.yaml': text } });
      await headgate.kubectl(['patch', 'configmap', name, '--type=merge', '-p', patch]);
    };
    /** What the status of a pool says of its picker. */
    const pickerReady = async (pool: string): Promise<string> => {
      const path = '{range .status.parents[*].conditions[?(@.type=="PickerReady")]}{.reason}: {.message}{end}';
      return headgate.kubectl(['get', 'inferencepool', pool, '-o', `jsonpath=${path}`]);
    };
    const patchPool = (pool: string, picker: object): Promise<string> =>
      headgate.kubectl([
        'patch',
        'inferencepool',
        pool,
        '--type=merge',
        '-p',
        JSON.stringify({ spec: { endpointPickerRef: picker } }),
      ]);

    it('follows the ConfigMap of the picker within seconds', async () => {
      expect(await pickerReady('mistral')).toMatch(/^InProcess: /);
      expect((await ask(mistral)).token).toBe('');
      await configure('plugins-config', config(['session-affinity-scorer', 'max-score-picker']));
      let token = '';
      await until(
        async () => (token = (await ask(mistral)).token) !== '',
        () => 'no session token',
        10_000,
      );
      const { pod } = await ask(mistral, { 'x-session-token': token });
      for (let round = 0; round < 20; round += 1) {
        expect((await ask(mistral, { 'x-session-token': token })).pod).toBe(pod);
      }
      await configure('plugins-config', config(['random-picker']));
      await until(
        async () => (await ask(mistral, { 'x-session-token': token })).pod !== pod,
        () => 'still bound to its session',
        10_000,
      );
    });

    it('says what is wrong with a configuration and refuses requests until it is right again', async () => {
      await configure('plugins-config', config(['no-such-scorer']));
      await until(
        async () => (await ask(mistral)).status === 503,
        () => 'a wrong configuration is used',
        10_000,
      );
      const problem = 'plugin "no-such-scorer" (no-such-scorer)';
      expect((await ask(mistral)).text).toContain(problem);
      await until(
        async () => (await pickerReady('mistral')).includes(problem),
        () => 'the status does not say what is wrong',
        10_000,
      );
      expect(await pickerReady('mistral')).toMatch(/^InvalidConfiguration: /);
      await configure('plugins-config', config(['queue-scorer', 'kv-cache-utilization-scorer', 'prefix-cache-scorer']));
      await until(
        async () => (await ask(mistral)).status === 200,
        () => 'a right configuration is not used',
        10_000,
      );
    });

    it('does as the failureMode says when the picker is gone, and goes on when it is back', async () => {
      const deployment = await headgate.kubectl(['get', 'deployment', 'mistral-epp', '-o', 'json']);
      await headgate.kubectl(['delete', 'deployment', 'mistral-epp', '--wait=false']);
      await until(
        async () => (await ask(mistral)).status === 503,
        () => 'requests are answered without a picker',
        20_000,
      );
      expect((await ask(mistral)).text).toBe(
        'InferencePool default/mistral has no endpoint picker: Service mistral-epp has no ready endpoint',
      );
      expect((await ask(llama)).status).toBe(200);
      await patchPool('mistral', { failureMode: 'FailOpen' });
      await until(
        async () => (await ask(mistral)).status === 200,
        () => 'FailOpen does not open',
        10_000,
      );
      await patchPool('mistral', { failureMode: 'FailClose' });
      await until(
        async () => (await ask(mistral)).status === 503,
        () => 'FailClose does not close',
        10_000,
      );
      const { metadata, spec } = JSON.parse(deployment) as { metadata: { name: string; labels: object }; spec: object };
      const again = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: metadata.name }, spec };
      await headgate.kubectl(['apply', '-f', '-'], JSON.stringify(again));
      await until(
        async () => (await ask(mistral)).status === 200,
        () => 'the picker is back and is not used',
        60_000,
      );
      expect(await pickerReady('mistral')).toMatch(/^InProcess: /);
    }, 120_000);

    it('sheds requests of negative priority while the servers are saturated, and serves the others', async () => {
      const fake = { 'waiting-requests': 50, 'kv-cache-usage': 1 };
      const containers = {
        name: 'vllm-sim',
        args: ['--model', llama, '--port', '8000', '--fake-metrics', JSON.stringify(fake)],
      };
      const patch = JSON.stringify({ spec: { template: { spec: { containers: [containers] } } } });
      await headgate.kubectl(['patch', 'deployment', 'vllm-llama3-8b-instruct', '-p', patch]);
      await headgate.kubectl(['rollout', 'status', 'deployment/vllm-llama3-8b-instruct', '--timeout=60s']);
      const objective = {
        apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
        kind: 'InferenceObjective',
        metadata: { name: 'batch' },
        spec: { priority: -1, poolRef: { group: 'inference.networking.k8s.io', name: 'vllm-llama3-8b-instruct' } },
      };
      await headgate.kubectl(['apply', '-f', '-'], JSON.stringify(objective));
      const batch = { 'x-gateway-inference-objective': 'batch' };
      await until(
        async () => (await ask(llama, batch)).status === 429,
        () => 'nothing is shed',
        30_000,
      );
      const shed = await ask(llama, batch);
      expect(shed.header('x-llm-d-request-dropped-reason')).toBe('rejected-saturated');
      expect(shed.text).toBe('inference error: ResourceExhausted - system saturated, sheddable request dropped');
      expect((await ask(llama, { 'x-gateway-inference-objective': 'food-review' })).status).toBe(200);
      expect((await ask(llama)).status).toBe(200);
    }, 120_000);

    it('asks for the model that an InferenceModelRewrite names', async () => {
      const rewrite = {
        apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
        kind: 'InferenceModelRewrite',
        metadata: { name: 'canary' },
        spec: {
          poolRef: { group: 'inference.networking.k8s.io', name: 'mistral' },
          rules: [{ matches: [{ model: { value: mistral } }], targets: [{ modelRewrite: 'mistral:canary' }] }],
        },
      };
      await headgate.kubectl(['apply', '-f', '-'], JSON.stringify(rewrite));
      const models = new Set<string>();
      await until(
        async () => {
          const { text, header } = await ask(mistral);
          models.add(`${header('x-model')} ${text.slice(0, 80)}`);
          return text.includes('mistral:canary') || header('x-model') === 'mistral:canary';
        },
        () => `the model is not rewritten: ${[...models].join('; ')}`,
        10_000,
      );
    });
  },
  60_000,
);
