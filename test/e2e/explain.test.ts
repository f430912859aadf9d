import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RequestExplanation } from '../../src/admin/explanations.ts';
import type { DecisionList, RequestEvent } from '../../src/admin/resources.ts';
import { findApi } from '../../src/kube/apiaccess.ts';
import { AIMModel } from '../../src/kinds/aim/aimmodel.ts';
import { AIMService } from '../../src/kinds/aim/aimservice.ts';
import { AIMServiceTemplate } from '../../src/kinds/aim/aimservicetemplate.ts';
import type { PickExplanation } from '../../src/picker/trace.ts';
import { bin, startHeadgate, until, type Headgate } from './headgate.ts';
import { run, type Outcome } from './kubectl.ts';

const quickstart = fileURLToPath(new URL('../../examples/quickstart.yaml', import.meta.url));
const llama = 'meta-llama/Llama-3.1-8B-Instruct';
const secret = 'hush-hush';
/** Long enough for several blocks of the prefix cache. */
const long = `Tell me about ${secret}. `.repeat(60);

describe('headgate explain', () => {
  let headgate: Headgate;
  let admin = '';
  let gateway = '';
  let token = '';

  beforeAll(async () => {
    headgate = await startHeadgate(['-f', quickstart]);
    admin = (await readFile(path.join(headgate.dataDir, 'admin-url'), 'utf8')).trim();
    gateway = /^Gateway \S+\s+(http\S+)/m.exec(headgate.output())?.[1] ?? '';
    token = (await readFile(path.join(headgate.dataDir, 'admin-token'), 'utf8')).trim();
  });

  afterAll(async () => {
    await headgate.kill();
    await headgate.discard();
  });

  const cli = (...args: string[]): Promise<Outcome> => run(process.execPath, [bin, 'explain', ...args], {});
  const explain = async (model: string, prompt: string, exits = 0): Promise<RequestExplanation> => {
    const where = ['--data-dir', headgate.dataDir];
    const { code, stdout, stderr } = await cli(...where, '--model', model, '--prompt', prompt, '-o', 'json');
    expect(exits === 0 ? stderr : '').toBe('');
    expect(code).toBe(exits);
    return JSON.parse(stdout) as RequestExplanation;
  };
  const pickOf = ({ listeners }: RequestExplanation): PickExplanation => {
    const pick = listeners.flatMap(({ backends }) => backends).find((backend) => backend.pick !== undefined)?.pick;
    if (pick === undefined) throw new Error('no pool in the explanation');
    return pick;
  };
  type Asked = Omit<RequestInit, 'headers'> & { headers?: Record<string, string> };
  const ask = (resource: string, init: Asked = {}): Promise<Response> =>
    fetch(`${admin}/admin/v1/${resource}`, {
      ...init,
      headers: { authorization: `Bearer ${token}`, ...init.headers },
    });
  const decisions = async (): Promise<DecisionList['items']> => {
    const response = await ask('decisions');
    expect(response.status).toBe(200);
    return ((await response.json()) as DecisionList).items;
  };
  const send = async (content: string): Promise<void> => {
    const response = await fetch(`${gateway}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
      body: JSON.stringify({ model: llama, messages: [{ role: 'user', content }], max_tokens: 1 }),
    });
    expect(response.status).toBe(200);
    await response.text();
  };

  it('names the route and gives every endpoint a score by plugin that adds up to its total', async () => {
    const explanation = await explain(llama, 'Hello!');
    expect(explanation).toMatchObject({ model: llama, path: '/v1/chat/completions' });
    expect(explanation.listeners).toHaveLength(1);
    const [listener] = explanation.listeners;
    expect(listener).toMatchObject({
      gateway: 'default/inference-pool-with-aigwroute',
      rule: expect.stringMatching(/^httproute\/default\/inference-pool-with-aigwroute\/rule\/\d$/) as string,
    });
    expect(listener?.tried.at(-1)).toMatchObject({ rule: listener?.rule, outcome: 'matched' });
    expect(listener?.backends).toMatchObject([{ target: `InferencePool default/vllm-llama3-8b-instruct`, share: 1 }]);

    const { endpoints, profiles, picked, obstacle } = pickOf(explanation);
    expect(obstacle).toBeUndefined();
    expect(endpoints).toHaveLength(3);
    expect(profiles).toHaveLength(1);
    const [profile] = profiles;
    expect(profile?.candidates).toHaveLength(3);
    expect(profile?.scorers.map(({ type, weight }) => [type, weight])).toEqual([
      // As its ConfigMap says, which gives them no weights.
      ['queue-scorer', 1],
      ['kv-cache-utilization-scorer', 1],
      ['prefix-cache-scorer', 1],
    ]);
    for (const [at, total] of (profile?.totals ?? []).entries()) {
      const sum = profile?.scorers.reduce((so, { weight, scores }) => so + weight * (scores[at] ?? NaN), 0);
      expect(total).toBeCloseTo(sum ?? NaN, 9);
    }
    const best = Math.max(...(profile?.totals ?? []));
    expect(profile?.totals[profile.candidates.indexOf(picked[0] ?? '')]).toBe(best);
  });

  it('shows the endpoint that has the prompt in its cache, and changes nothing itself', async () => {
    const trail = await decisions();
    const before = pickOf(await explain(llama, long));
    const prefix = ({ profiles }: PickExplanation): readonly number[] =>
      profiles[0]?.scorers.find(({ type }) => type === 'prefix-cache-scorer')?.scores ?? [];
    expect(prefix(before)).toEqual([0, 0, 0]);
    expect(prefix(pickOf(await explain(llama, long)))).toEqual([0, 0, 0]);
    expect(await decisions()).toEqual(trail);

    await send(long);
    const [decision] = await decisions();
    const served = decision?.endpoints[0];
    expect(decision).toMatchObject({ pool: 'default/vllm-llama3-8b-instruct', model: llama, targetModel: llama });
    const after = pickOf(await explain(llama, long));
    expect(prefix(after)).toEqual(after.profiles[0]?.candidates.map((key) => (key === served ? 1 : 0)));
    await until(
      async () => pickOf(await explain(llama, long)).picked[0] === served,
      () => `${served ?? ''} was never picked once its metrics had settled`,
    );
  });

  it('keeps the last 100 decisions, without what was asked or by whom', async () => {
    for (let sent = 0; sent < 120; sent += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, at) => send(`${secret} ${sent + at}`)));
    }
    const kept = await decisions();
    expect(kept).toHaveLength(100);
    expect(JSON.stringify(kept)).not.toContain(secret);
    const times = kept.map(({ time }) => time);
    expect(times).toEqual(times.toSorted().toReversed());
  });

  it('prints tables for people', async () => {
    const { stdout, code } = await cli(
      '--admin',
      admin,
      '--data-dir',
      headgate.dataDir,
      '--model',
      llama,
      '--prompt',
      'Hello!',
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^POST \/v1\/chat\/completions for model meta-llama/);
    expect(stdout).toMatch(/^Route httproute\/default\/inference-pool-with-aigwroute\/rule\/\d: .*model/m);
    expect(stdout).toMatch(/^ENDPOINT +POD +WAITING +RUNNING +KV-CACHE/m);
    expect(stdout).toMatch(/^127\.\S+ +vllm-llama3-8b-instruct-\S+ +\d+ +\d+ +\d/m);
    expect(stdout).toMatch(/^ENDPOINT +QUEUE-SCORER +KV-CACHE-UTILIZATION-SCORER +PREFIX-CACHE-SCORER +TOTAL +PICK$/m);
    expect(stdout).toMatch(/^127\.\S+ +\d\.\d{3} × 1 = \d\.\d{3} .* picked$/m);
  });

  it('explains backends without a pool, and models that nobody serves', async () => {
    const plain = await explain('some-cool-self-hosted-model', 'Hi');
    expect(plain.listeners[0]?.backends).toMatchObject([
      { endpoints: [{ key: expect.stringMatching(/^127\./) as string }], share: 1 },
    ]);
    const unknown = await explain('no-such-model', 'Hi', 1);
    expect(unknown.listeners[0]?.backends.flatMap(({ pick }) => pick ?? [])).toEqual([]);
    expect(unknown.listeners[0]?.tried.length).toBeGreaterThan(2);
    expect(unknown.listeners[0]?.answer).toMatch(/^404 No matching route found/);
    expect(plain.listeners[0]?.answer).toBeUndefined();
  });

  it('says what an AIMService is made of, and why its templates are not used', async () => {
    const api = await findApi({ KUBECONFIG: headgate.kubeconfig });
    if (api === undefined) throw new Error('a kubeconfig that is named is used');
    const { client } = api;
    try {
      await client.create(AIMModel, {
        apiVersion: 'aim.eai.amd.com/v1alpha1',
        kind: 'AIMModel',
        metadata: { namespace: 'default', name: 'explained' },
        spec: {
          image: 'registry.test/explained:1',
          discovery: { extractMetadata: false, createServiceTemplates: false },
        },
      });
      await client.create(AIMServiceTemplate, {
        apiVersion: 'aim.eai.amd.com/v1alpha1',
        kind: 'AIMServiceTemplate',
        metadata: { namespace: 'default', name: 'slow' },
        spec: {
          modelName: 'explained',
          type: 'unoptimized',
          modelSources: [{ modelId: 'org/explained', sourceUri: 'hf://org/explained' }],
        },
      });
      await client.create(AIMService, {
        apiVersion: 'aim.eai.amd.com/v1alpha1',
        kind: 'AIMService',
        metadata: { namespace: 'default', name: 'chat' },
        spec: { model: { name: 'explained' } },
      });
    } finally {
      await client.close();
    }
    const asked = (...args: string[]) => cli(...args, '--data-dir', headgate.dataDir);
    await until(
      async () => (await asked('service/chat')).stdout.includes('UnoptimizedTemplateFiltered'),
      () => headgate.output(),
    );
    const { stdout } = await asked('service/chat');
    expect(stdout).toMatch(/^aim\.eai\.amd\.com\/AIMService default\/chat is Pending: /);
    expect(stdout).toMatch(/^model +AIMModel explained +Ready/m);
    expect(stdout).toMatch(
      /^slow +Namespace +UnoptimizedTemplateFiltered +its profile is unoptimized: set template\.allowUnoptimized/m,
    );
    expect(await asked('service/nobody', '-n', 'other')).toMatchObject({ code: 1, stdout: '' });
    expect((await asked('chat')).stderr).toContain('expected RESOURCE/NAME');
    expect((await asked('things/x')).stderr).toContain('no resource is called "things"');
    expect((await asked()).stderr).toContain('say what to explain');
  });

  it('explains any object by its status, as YAML, too', async () => {
    const asked = (...args: string[]) => cli(...args, '--data-dir', headgate.dataDir);
    const { stdout, code } = await asked('gateway/inference-pool-with-aigwroute');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^gateway\.networking\.k8s\.io\/Gateway default\/inference-pool-with-aigwroute is Ready/);
    expect(stdout).toMatch(/^Programmed +- +True/m);
    expect(stdout).toMatch(/^Accepted +listeners\[http\] +True/m);
    const yaml = await asked('deploy/vllm-llama3-8b-instruct', '-o', 'yaml');
    expect(yaml.stdout).toMatch(/^apiVersion: admin\.headgate\.dev\/v1\nkind: ObjectExplanation\n/);
    expect(yaml.stdout).toMatch(/name: Available\n +object: .*\n +state: "True"/);
  });

  it('explains a request as it would be sent, and exits with 1 when nothing would answer', async () => {
    const asked = (...args: string[]) =>
      run(process.execPath, [bin, 'explain', ...args, '--data-dir', headgate.dataDir]);
    const body = JSON.stringify({ model: llama, messages: [] });
    const file = path.join(headgate.dataDir, 'body.json');
    await writeFile(file, body);
    const served = await asked('--url', `${gateway}/v1/chat/completions?x=1`, '-d', file, '-H', 'x-team: a');
    expect(served).toMatchObject({ code: 0, stderr: '' });
    expect(served.stdout).toMatch(/^POST \/v1\/chat\/completions for model meta-llama/);
    expect((await asked('--url', '/v1/models')).stdout).toContain('200, the models there are');
    expect(await asked('--url', 'http://127.0.0.9:1/v1/models')).toMatchObject({ code: 1 });
    expect(await asked('--url', '/v1/chat/completions', '-X', 'POST')).toMatchObject({ code: 1 });
    expect(await asked('--model', 'no-such-model', '--prompt', 'Hi')).toMatchObject({ code: 1 });
    expect((await asked('--url', 'v1/models')).stderr).toContain('is no URL');
  });

  it('streams requests as they end, without what was asked or by whom', async () => {
    const stopping = new AbortController();
    const response = await ask('requests', { signal: stopping.signal });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    await send(`${secret} streamed`);
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString();
      if (text.includes('\n\n')) break;
    }
    stopping.abort();
    const [, data = ''] = /^event: request\ndata: (.*)\n\n/.exec(text) ?? [];
    expect(JSON.parse(data) as RequestEvent).toMatchObject({
      gateway: 'default/inference-pool-with-aigwroute',
      method: 'POST',
      path: '/v1/chat/completions',
      model: llama,
      status: 200,
      attempts: 1,
    });
    expect(text).not.toContain(secret);
  });

  it('opens to the token of the data directory and to those whom the API lets in, and to no web page', async () => {
    const mode = (await stat(path.join(headgate.dataDir, 'admin-token'))).mode & 0o777;
    expect(mode).toBe(0o600);
    expect((await ask('models')).status).toBe(200);
    expect((await fetch(`${admin}/admin/v1/models`)).status).toBe(401);
    expect((await fetch(`${admin}/metrics`)).status).toBe(200);
    expect((await fetch(`${admin}/readyz`)).status).toBe(200);
    const bearer = (text: string): Asked => ({ headers: { authorization: `Bearer ${text}` } });
    const administrator = /token: (\S+)/.exec(await readFile(headgate.kubeconfig, 'utf8'))?.[1] ?? '';
    expect((await ask('models', bearer(administrator))).status).toBe(200);
    expect((await ask('models', bearer('guessed'))).status).toBe(401);
    const someone = await headgate.kubectl(['create', 'token', 'default']);
    expect((await ask('models', bearer(someone.trim()))).status).toBe(403);
    await headgate.kubectl(['create', 'clusterrole', 'reader', '--verb=get', '--non-resource-url=/admin/v1/models']);
    await headgate.kubectl([
      'create',
      'clusterrolebinding',
      'r',
      '--clusterrole=reader',
      '--serviceaccount=default:default',
    ]);
    expect((await ask('models', bearer(someone.trim()))).status).toBe(200);
    expect((await ask('decisions', bearer(someone.trim()))).status).toBe(403);
    expect((await ask('models', { headers: { origin: 'http://evil.example' } })).status).toBe(403);
    expect((await ask('explain', { method: 'POST', body: '{"model":' })).status).toBe(400);
    expect((await ask('explain', { method: 'PUT', body: '' })).status).toBe(405);
    expect((await ask('nothing')).status).toBe(404);
  });

  it('says when nothing runs there', async () => {
    expect(await headgate.stop()).toBe(0);
    const args = ['--model', 'm', '--prompt', 'p'];
    const stopped = await cli(...args, '--data-dir', headgate.dataDir);
    expect(stopped).toMatchObject({ code: 1, stdout: '' });
    expect(stopped.stderr).toMatch(/^error: no `headgate up` runs with the data directory .*--admin\n$/);
    const unreachable = await cli(...args, '--admin', admin, '--data-dir', headgate.dataDir);
    expect(unreachable).toMatchObject({ code: 1, stdout: '' });
    expect(unreachable.stderr).toMatch(/^error: cannot ask http:\/\/127\.\S+: .*ECONNREFUSED/);
  });
});
