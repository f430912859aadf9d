import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasKubectl, skipMessage } from './kubectl.ts';
import { chat, startHeadgate, until, type Headgate } from './headgate.ts';

const examples = fileURLToPath(new URL('../../examples/aigatewayroute', import.meta.url));
const title = `the AIGatewayRoute guide, step by step (${hasKubectl ? 'with kubectl' : skipMessage})`;

describe.skipIf(!hasKubectl)(title, () => {
  let headgate: Headgate;

  beforeAll(async () => {
    headgate = await startHeadgate(['-f', examples]);
  }, 180_000);

  afterAll(async () => {
    expect(await headgate.stop()).toBe(0);
  });

  /** The id of the upstream that answers a chat for the model. */
  const upstreamOf = async (url: string, model: string): Promise<string | null> => {
    const response = await chat(url, model);
    await response.arrayBuffer();
    expect(response.status).toBe(200);
    return response.headers.get('testupstream-id');
  };

  it('step 1: a ClientTrafficPolicy sets the body limit and is accepted', async () => {
    const url = await headgate.gatewayUrl('exact-match');
    const accepted = await chat(url, 'gpt-4o-mini', { padding: 'x'.repeat(1024 * 1024) });
    expect(accepted.status).toBe(200);
    const limit = { spec: { connection: { bufferLimit: '64Ki' } } };
    await headgate.kubectl([
      'patch',
      'clienttrafficpolicy',
      'exact-match',
      '--type=merge',
      '-p',
      JSON.stringify(limit),
    ]);
    await until(
      async () => (await chat(url, 'gpt-4o-mini', { padding: 'x'.repeat(1024 * 1024) })).status === 413,
      () => 'the smaller limit does not take effect',
    );
    expect((await chat(url, 'gpt-4o-mini')).status).toBe(200);
  });

  it('step 2: the model in the body chooses the backend, whatever header the client sends', async () => {
    const url = await headgate.gatewayUrl('exact-match');
    expect(await upstreamOf(url, 'gpt-4o-mini')).toBe('openai-backend');
    expect(await upstreamOf(url, 'claude-3-5-sonnet')).toBe('anthropic-backend');
    const spoofed = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-ai-eg-model': 'claude-3-5-sonnet' },
      body: JSON.stringify({ model: 'gpt-4o-mini', messages: [] }),
    });
    expect(spoofed.headers.get('testupstream-id')).toBe('openai-backend');
    const unknown = await chat(url, 'unknown');
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({
      error: { message: expect.stringMatching(/^No matching route found\./) as string, model: 'unknown' },
    });
  });

  it('step 3: weights 80 and 20 split 2,000 requests within 3 points', { timeout: 120_000 }, async () => {
    const url = await headgate.gatewayUrl('weight-split');
    const counts = new Map<string | null, number>();
    const lanes = Array.from({ length: 10 }, async () => {
      for (let i = 0; i < 200; i += 1) {
        const id = await upstreamOf(url, 'gpt-4o');
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
    });
    await Promise.all(lanes);
    const share = (counts.get('openai-backend') ?? 0) / 2000;
    expect(counts.size).toBe(2);
    expect(Math.abs(share - 0.8)).toBeLessThanOrEqual(0.03);
  });

  it(
    'step 3: priority orders backends: the second serves while the first cannot be reached',
    { timeout: 120_000 },
    async () => {
      const url = await headgate.gatewayUrl('priority-failover');
      expect(await upstreamOf(url, 'gpt-4o')).toBe('primary-openai');
      await headgate.kubectl(['scale', 'deployment/primary-openai', '--replicas=0']);
      await until(
        async () => (await upstreamOf(url, 'gpt-4o')) === 'fallback-openai',
        () => 'the fallback does not take over',
      );
      await headgate.kubectl(['scale', 'deployment/primary-openai', '--replicas=1']);
      await until(
        async () => (await upstreamOf(url, 'gpt-4o')) === 'primary-openai',
        () => 'the primary does not come back',
      );
    },
  );

  it('step 4: a rule without matches takes every model, the empty one too', async () => {
    const url = await headgate.gatewayUrl('catch-all');
    for (const model of ['anything', 'some/other:model', '']) {
      expect(await upstreamOf(url, model)).toBe('my-openai-backend');
    }
  });

  it('step 5: timeouts.request ends a request in time', async () => {
    const url = await headgate.gatewayUrl('timeouts');
    const delayed = (model: string): Promise<Response> =>
      fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-response-delay-ms': '3000' },
        body: JSON.stringify({ model, messages: [] }),
      });
    const [patient, impatient] = await Promise.all([delayed('gpt-4o'), delayed('impatient')]);
    expect(patient.status).toBe(200);
    expect(impatient.status).toBe(504);
  });

  it('step 6: the backend is asked for the overriding model name', async () => {
    const url = await headgate.gatewayUrl('model-name-override');
    const response = await chat(url, 'my-assistant');
    expect(response.status).toBe(200);
    expect(response.headers.get('x-model')).toBe('gpt-4o');
  });
});
