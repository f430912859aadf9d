import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TrailEntry } from '../../src/app/decisiontrail.ts';
import type { RequestExplanation } from '../../src/app/explain.ts';
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

  beforeAll(async () => {
    headgate = await startHeadgate(['-f', quickstart]);
    admin = (await readFile(path.join(headgate.dataDir, 'admin-url'), 'utf8')).trim();
    gateway = /^Gateway \S+\s+(http\S+)/m.exec(headgate.output())?.[1] ?? '';
  });

  afterAll(async () => {
    await headgate.kill();
    await headgate.discard();
  });

  const cli = (...args: string[]): Promise<Outcome> => run(process.execPath, [bin, 'explain', ...args], {});
  const explain = async (model: string, prompt: string): Promise<RequestExplanation> => {
    const where = ['--data-dir', headgate.dataDir];
    const { code, stdout, stderr } = await cli(...where, '--model', model, '--prompt', prompt, '-o', 'json');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    return JSON.parse(stdout) as RequestExplanation;
  };
  const pickOf = ({ listeners }: RequestExplanation): PickExplanation => {
    const pick = listeners.flatMap(({ backends }) => backends).find((backend) => backend.pick !== undefined)?.pick;
    if (pick === undefined) throw new Error('no pool in the explanation');
    return pick;
  };
  const decisions = async (): Promise<TrailEntry[]> => {
    const response = await fetch(`${admin}/debug/decisions`);
    expect(response.status).toBe(200);
    return ((await response.json()) as { decisions: TrailEntry[] }).decisions;
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
    const { stdout, code } = await cli('--admin', admin, '--model', llama, '--prompt', 'Hello!');
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
    const unknown = await explain('no-such-model', 'Hi');
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
    expect((await asked('pod/x')).stderr).toContain('expected service/NAME');
    expect((await asked()).stderr).toContain('say what to explain');
  });

  it('refuses what is no question, pages in browsers, and names that were made to resolve to it', async () => {
    const query = `${admin}/debug/explain?model=${encodeURIComponent(llama)}&prompt=Hi`;
    expect((await fetch(query)).status).toBe(200);
    expect((await fetch(`${admin}/debug/explain?prompt=Hi`)).status).toBe(400);
    expect((await fetch(`${admin}/debug/explain`, { method: 'POST', body: '{"model":' })).status).toBe(400);
    expect((await fetch(`${admin}/debug/explain`, { method: 'PUT', body: '' })).status).toBe(405);
    expect((await fetch(`${admin}/debug/nothing`)).status).toBe(404);
    expect((await fetch(query, { headers: { origin: 'http://evil.example' } })).status).toBe(403);
    const rebound = await new Promise((resolve, reject) => {
      httpRequest(query, { headers: { host: 'evil.example' } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(rebound).toBe(403);
  });

  it('says when nothing runs there', async () => {
    expect(await headgate.stop()).toBe(0);
    const args = ['--model', 'm', '--prompt', 'p'];
    const stopped = await cli(...args, '--data-dir', headgate.dataDir);
    expect(stopped).toMatchObject({ code: 1, stdout: '' });
    expect(stopped.stderr).toMatch(/^error: no `headgate up` runs with the data directory .*--admin\n$/);
    const unreachable = await cli(...args, '--admin', admin);
    expect(unreachable).toMatchObject({ code: 1, stdout: '' });
    expect(unreachable.stderr).toMatch(/^error: cannot ask http:\/\/127\.\S+: .*ECONNREFUSED/);
  });
});
