import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startHeadgate, until, type Headgate } from './headgate.ts';
import { hasKubectl, skipMessage } from './kubectl.ts';

const quickstart = fileURLToPath(new URL('../../examples/quickstart.yaml', import.meta.url));
const llama = 'meta-llama/Llama-3.1-8B-Instruct';
const name = 'vllm-llama3-8b-instruct';

const config = `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: precise-prefix-cache-scorer
  parameters:
    tokenProcessorConfig: {blockSize: 8}
`;
/** As vLLM takes it: each pod publishes its KV events at its own address. */
const flags = ['--kv-events-config', '{"enable_kv_cache_events":true,"publisher":"zmq"}', '--block-size', '8'];

describe.skipIf(!hasKubectl)(`precise prefixes in headgate up (${hasKubectl ? 'with kubectl' : skipMessage})`, () => {
  let headgate: Headgate;
  let url = '';

  beforeAll(async () => {
    headgate = await startHeadgate(['-f', quickstart]);
    url = await headgate.gatewayUrl('inference-pool-with-aigwroute');
    const data = JSON.stringify({ data: { 'default-plugins.yaml': config } });
    await headgate.kubectl(['patch', 'configmap', `${name}-plugins`, '--type=merge', '-p', data]);
    const add = flags.map((value) => ({ op: 'add', path: '/spec/template/spec/containers/0/args/-', value }));
    await headgate.kubectl(['patch', 'deployment', name, '--type=json', '-p', JSON.stringify(add)]);
    await headgate.kubectl(['rollout', 'status', 'deployment', name, '--timeout=90s']);
  }, 180_000);

  afterAll(async () => {
    await headgate.stop();
  });

  const post = (base: string, text: string): Promise<Response> =>
    fetch(`${base}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: llama, max_tokens: 1, messages: [{ role: 'user', content: text }] }),
    });
  const podOf = async (answer: Response): Promise<string> => {
    await answer.text();
    return answer.headers.get('x-inference-pod') ?? '';
  };

  it('the gateway sends prompts to the pods that have them cached, whoever asked these before', async () => {
    const line = '{range .items[*]}{.metadata.name} {.status.podIP}{"\\n"}{end}';
    const running = ['-l', `app=${name}`, '--field-selector=status.phase=Running'];
    let pods: [string, string][] = [];
    // Those of before the change may be on their way out.
    await until(
      async () => {
        const listed = await headgate.kubectl(['get', 'pods', ...running, '-o', `jsonpath=${line}`]);
        pods = listed
          .trim()
          .split('\n')
          .map((row) => [row.split(' ')[0] ?? '', row.split(' ')[1] ?? '']);
        return pods.length === 3;
      },
      () => `three pods expected, got ${JSON.stringify(pods)}`,
      60_000,
    );
    for (const [pod, address] of pods) {
      let round = 0;
      const picks: string[] = [];
      await until(
        async () => {
          round += 1;
          picks.length = 0;
          // Straight to the pod: the gateway can know of it only from the pod, which tells within a second.
          const prompt = `for ${pod}, ${String(round)}: the quick brown fox jumps over the lazy dog again and again`;
          await (await post(`http://${address}:8000`, prompt)).text();
          await delay(1_500);
          for (let at = 0; at < 15; at += 1) picks.push(await podOf(await post(url, prompt)));
          return picks.every((picked) => picked === pod);
        },
        () => `prompts of ${pod} went to ${picks.join(', ')}`,
        120_000,
      );
    }
    expect(new Set(pods.map(([pod]) => pod)).size).toBe(3);
  }, 400_000);
});
