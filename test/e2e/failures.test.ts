import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasKubectl, skipMessage } from './kubectl.ts';
import { chat, startHeadgate, until, type Headgate } from './headgate.ts';

const quickstart = fileURLToPath(new URL('../../examples/quickstart.yaml', import.meta.url));
const backend = (name: string, address: string, port: number): string => `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: { name: ${name} }
spec: { endpoints: [ { ip: { address: ${address}, port: ${port} } } ] }
---
apiVersion: aigateway.envoyproxy.io/v1alpha1
kind: AIServiceBackend
metadata: { name: ${name} }
spec:
  schema: { name: OpenAI }
  backendRef: { name: ${name}, kind: Backend, group: gateway.envoyproxy.io }
---
`;
const rule = (model: string, name: string, timeout: string): string => `
    - matches: [ { headers: [ { type: Exact, name: x-ai-eg-model, value: ${model} } ] } ]
      timeouts: { request: ${timeout} }
      backendRefs: [ { name: ${name} } ]`;

describe.skipIf(!hasKubectl)(`bad days (${hasKubectl ? 'with kubectl' : skipMessage})`, () => {
  let headgate: Headgate;
  let url = '';
  const model = 'some-cool-self-hosted-model';

  beforeAll(async () => {
    headgate = await startHeadgate(['-f', quickstart]);
    const gateway = (await headgate.kubectl(['get', 'gateway', '-o', 'jsonpath={.items[0].metadata.name}'])).trim();
    url = await headgate.gatewayUrl(gateway);
    const route = `apiVersion: aigateway.envoyproxy.io/v1alpha1
kind: AIGatewayRoute
metadata: { name: bad-days }
spec:
  parentRefs: [ { name: ${gateway}, kind: Gateway, group: gateway.networking.k8s.io } ]
  rules:${rule('unreachable', 'unreachable', '5s')}${rule('slow', 'envoy-ai-gateway-basic-testupstream', '1s')}`;
    await headgate.kubectl(['apply', '-f', '-'], backend('unreachable', '127.0.0.1', 9) + route);
    await until(
      async () => (await (await fetch(`${url}/v1/models`)).text()).includes('"unreachable"'),
      () => `the new route is not served:\n${headgate.output()}`,
    );
  }, 180_000);

  afterAll(async () => {
    expect(headgate.process.exitCode).toBeNull();
    expect(await headgate.stop()).toBe(0);
  });

  const post = (body: string): Promise<Response> =>
    fetch(`${url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });

  it('malformed JSON is 400 with the shape and text of the AI gateway', async () => {
    const response = await post('{"model": "x", ');
    expect(response.status).toBe(400);
    const text = await response.text();
    expect(text).toMatch(
      /^\{"type":"error","error":\{"type":"BadRequest","code":"400","message":"malformed request: failed to parse JSON for \/v1\/chat\/completions: /,
    );
  });

  it('a missing body is 400', async () => {
    const response = await post('');
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('malformed request: failed to parse JSON for /v1/chat/completions');
  });

  it('a path that is no model endpoint is 404 and says so', async () => {
    const response = await fetch(`${url}/unknown`, { method: 'POST', body: '{}' });
    expect(response.status).toBe(404);
    expect(await response.text()).toBe('unsupported path: /unknown');
  });

  it('a body of 60 MiB is 413', async () => {
    const status = await new Promise<number>((resolve, reject) => {
      const upload = request(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
      });
      let answered = false;
      upload.on('response', (response) => {
        answered = true;
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      // After the answer the gateway may close while we still send.
      upload.on('error', (error) => {
        if (!answered) reject(error);
      });
      const chunk = Buffer.alloc(1024 * 1024, 'a');
      upload.write(`{"model":"${model}","messages":[{"role":"user","content":"`);
      let sent = 0;
      const send = (): void => {
        while (sent < 60 && !answered) {
          sent += 1;
          if (!upload.write(chunk)) {
            upload.once('drain', send);
            return;
          }
        }
        if (!answered) upload.end('"}]}');
      };
      send();
    });
    expect(status).toBe(413);
  });

  it('an unreachable backend is 503, quickly', async () => {
    const response = await chat(url, 'unreachable');
    expect(response.status).toBe(503);
    await response.arrayBuffer();
  });

  it('a backend that hangs is 504 after the route’s timeout', async () => {
    const started = performance.now();
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-response-delay-ms': '20000' },
      body: JSON.stringify({ model: 'slow', messages: [] }),
    });
    expect(response.status).toBe(504);
    await response.arrayBuffer();
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('a client that goes away leaves the gateway serving others', async () => {
    const leaving = Array.from({ length: 20 }, async () => {
      const abort = new AbortController();
      const pending = fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-response-delay-ms': '5000' },
        body: JSON.stringify({ model, messages: [] }),
        signal: abort.signal,
      });
      setTimeout(() => {
        abort.abort();
      }, 50);
      await expect(pending).rejects.toThrow();
    });
    await Promise.all(leaving);
    expect((await chat(url, model)).status).toBe(200);
  });

  it('editing the route under load changes routing within a second and fails no request', async () => {
    await headgate.kubectl(['apply', '-f', '-'], splitRoute('first'));
    await until(
      async () => (await ask()) === 'first',
      () => 'the route to the first backend is not served',
    );
    const seen: { at: number; id: string | null; status: number }[] = [];
    // 200 requests a second by the clock: a timer that fires late catches up.
    const started = performance.now();
    let sent = 0;
    const pace = setInterval(() => {
      for (const due = (performance.now() - started) / 5; sent < due; sent += 1) void ask(seen);
    }, 5);
    const seconds = (n: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, n * 1000));
    try {
      await seconds(2);
      await headgate.kubectl(['apply', '-f', '-'], splitRoute('second'));
      const edited = performance.now();
      await seconds(2);
      clearInterval(pace);
      await until(
        () => seen.length === sent,
        () => `${sent - seen.length} requests are not answered`,
      );
      expect(sent).toBeGreaterThan(750);
      expect(seen.filter(({ status }) => status !== 200)).toEqual([]);
      expect(seen.filter(({ at, id }) => at > edited + 1000 && id !== 'second')).toEqual([]);
      expect(seen.some(({ id }) => id === 'first')).toBe(true);
    } finally {
      clearInterval(pace);
    }
  });

  const ask = async (log: { at: number; id: string | null; status: number }[] = []): Promise<string | null> => {
    const at = performance.now();
    const response = await chat(url, 'edited');
    await response.arrayBuffer();
    const id = response.headers.get('x-route-id');
    log.push({ at, id, status: response.status });
    return id;
  };

  /** The backend is the same; which route definition sent the request shows in a header that the test upstream echoes back. */
  const splitRoute = (id: string): string => {
    const gateway = /Gateway default\/(\S+)/.exec(headgate.output())?.[1] ?? '';
    const headers = Buffer.from(`x-route-id:${id}`).toString('base64');
    return `apiVersion: aigateway.envoyproxy.io/v1alpha1
kind: AIGatewayRoute
metadata: { name: edited }
spec:
  parentRefs: [ { name: ${gateway}, kind: Gateway, group: gateway.networking.k8s.io } ]
  rules:
    - matches: [ { headers: [ { type: Exact, name: x-ai-eg-model, value: edited } ] } ]
      backendRefs:
        - name: envoy-ai-gateway-basic-testupstream
          headerMutation: { set: [ { name: x-response-headers, value: ${headers} } ] }
`;
  };
});
