import { connect as connectHttp2 } from 'node:http2';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseFakeMetrics, fakeValue, type FakeValue } from '../../src/simulator/fakemetrics.ts';
import { startSimulator } from '../../src/simulator/vllm.ts';
import { createLog } from '../../src/telemetry/log.ts';

const log = createLog({ level: 'silent' });
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function simulator(...flags: string[]) {
  const program = await startSimulator(['--model', 'base', '--port', '0', '--seed', '1', ...flags], { env: {}, log });
  closers.push(() => program.close());
  const ask = (trouble: string, body: object = {}, signal?: AbortSignal) =>
    fetch(`${program.url}/v1/completions`, {
      method: 'POST',
      headers: { 'x-return-error': trouble },
      body: JSON.stringify({ model: 'base', prompt: 'one two', max_tokens: 40, ignore_eos: true, ...body }),
      ...(signal && { signal }),
    });
  return { ...program, ask };
}

describe('failures below HTTP (epp.md 9.2, 4)', () => {
  it('connection_reset: no answer, the connection is gone', async () => {
    const { ask } = await simulator();
    await expect(ask('connection_reset')).rejects.toThrow('fetch failed');
  });

  it('hang: no first byte, until the client or the server goes', async () => {
    const program = await simulator();
    const { ask, url } = program;
    const given = new AbortController();
    const waiting = ask('hang', {}, given.signal);
    // It goes on answering others.
    expect((await fetch(`${url}/health`)).status).toBe(200);
    given.abort();
    await expect(waiting).rejects.toThrow(/abort/);
    const cut = ask('hang');
    cut.catch(() => undefined);
    await vi.waitUntil(async () => (await fetch(`${url}/health`)).ok);
    await program.close();
    await expect(cut).rejects.toThrow('fetch failed');
  });

  it.each([true, false])('stream_cut: an answer breaks in the middle (stream %s)', async (stream) => {
    const { ask } = await simulator('--inter-token-latency', '1ms');
    const answer = await ask('stream_cut', { stream });
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow('terminated');
  });

  it('slow_drain: the whole answer, a few bytes at a time', async () => {
    const { ask } = await simulator();
    const answer = await ask('slow_drain', { max_tokens: 4, stream: true });
    let pieces = 0;
    let text = '';
    for await (const piece of answer.body ?? []) {
      pieces += 1;
      text += Buffer.from(piece as Uint8Array).toString();
    }
    expect(text).toMatch(/data: \[DONE\]\n\n$/);
    expect(pieces).toBeGreaterThan(5);
  });

  it('happen by rate where they are named, and only there', async () => {
    const { url } = await simulator('--failure-injection-rate', '100', '--failure-types', 'connection_reset');
    const post = () => fetch(`${url}/v1/completions`, { method: 'POST', body: '{"model":"base","prompt":"x"}' });
    await expect(post()).rejects.toThrow('fetch failed');
    await fetch(`${url}/admin/config`, { method: 'POST', body: '{"failure-types":[]}' });
    for (let at = 0; at < 20; at += 1) expect((await post()).status).toBeGreaterThanOrEqual(400);
  });

  it('readiness can be taken away at run time', async () => {
    const { url } = await simulator();
    const ready = async (): Promise<number> => (await fetch(`${url}/health/ready`)).status;
    const set = (value: boolean) =>
      fetch(`${url}/admin/config`, { method: 'POST', body: JSON.stringify({ ready: value }) });
    expect(await ready()).toBe(200);
    await set(false);
    expect(await ready()).toBe(503);
    await set(true);
    expect(await ready()).toBe(200);
  });
});

describe('HTTP/2 in the clear', () => {
  it('is spoken on the same port, streams included', async () => {
    const { url } = await simulator();
    const session = connectHttp2(url);
    closers.push(() => session.close());
    const ask = (stream: boolean): Promise<{ status: number; text: string }> =>
      new Promise((resolve, reject) => {
        const request = session.request({ ':method': 'POST', ':path': '/v1/completions' });
        let [status, text] = [0, ''];
        request.on('response', (headers) => (status = Number(headers[':status'])));
        request.on('data', (chunk: Buffer) => (text += chunk.toString()));
        request.on('end', () => resolve({ status, text }));
        request.on('error', reject);
        request.end(JSON.stringify({ model: 'base', prompt: 'x', max_tokens: 3, stream }));
      });
    expect(await ask(false)).toMatchObject({
      status: 200,
      text: expect.stringContaining('"text_completion"') as string,
    });
    expect((await ask(true)).text).toMatch(/data: \[DONE\]\n\n$/);
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });
});

describe('data-parallel ranks', () => {
  it('are servers of their own on ports that follow one another', async () => {
    let port = 0;
    // Neighbouring ports may be taken: another pair is tried.
    const program = await vi.waitFor(
      async () => {
        port = 20_000 + Math.floor(Math.random() * 20_000);
        return startSimulator(['--model', 'base', '--port', String(port), '--data-parallel-size', '3'], {
          env: {},
          log,
        });
      },
      { timeout: 30_000 },
    );
    closers.push(() => program.close());
    expect(program.ranks.map(({ url }) => Number(new URL(url).port))).toEqual([port, port + 1, port + 2]);
    for (const [rank, { url }] of program.ranks.entries()) {
      const answer = await fetch(`${url}/v1/models`);
      expect(answer.headers.get('x-inference-port')).toBe(String(port + rank));
    }
  });
});

describe('metrics by other names (epp.md 6.6)', () => {
  const fake = ['--fake-metrics', '{"running-requests":3,"waiting-requests":2,"kv-cache-usage":0.5}'];
  it.each([
    ['vllm', ['vllm:kv_cache_usage_perc{model_name="base"} 0.5'], 'gpu_cache'],
    ['vllm-v0', ['vllm:gpu_cache_usage_perc{model_name="base"} 0.5'], 'kv_cache_usage'],
    ['sglang', ['sglang:num_running_reqs{', 'sglang:num_queue_reqs{', 'sglang:token_usage{', 'page_size="16"'], 'vllm'],
    ['trtllm', ['trtllm_num_requests_running{', 'trtllm_kv_cache_utilization{'], 'vllm'],
    ['triton', ['{request_type="waiting",model_name="base"} 2', '{kv_cache_block_type="fraction",model_name='], 'vllm'],
  ])('%s', async (names, wanted, unwanted) => {
    const { url } = await simulator('--metric-names', names, ...fake);
    const page = await (await fetch(`${url}/metrics`)).text();
    const samples = page.replaceAll(/^#.*\n/gm, '');
    for (const text of wanted) expect(page).toContain(text);
    expect(samples).not.toContain(unwanted);
  });

  it('fake values change with time as their functions say', () => {
    const value = (text: string): FakeValue => parseFakeMetrics({ 'waiting-requests': text }).waitingRequests;
    const at = (text: string) => [0, 250, 500, 750, 1250].map((ms) => fakeValue(value(text), ms));
    expect(at('ramp:0:8:1s')).toEqual([0, 2, 4, 6, 8]);
    expect(at('rampreset:0:8:1s')).toEqual([0, 2, 4, 6, 2]);
    expect(at('squarewave:1:3:1s')).toEqual([1, 1, 3, 3, 1]);
    expect(at('oscillate:0:8:1s').map(Math.round)).toEqual([0, 4, 8, 4, 4]);
  });

  it('and are shown as they were given', async () => {
    const { url } = await simulator('--fake-metrics', '{"waiting-requests":"ramp:5:5:1s"}');
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('vllm:num_requests_waiting{model_name="base"} 5');
    const changed = await fetch(`${url}/fake_metrics`, { method: 'POST', body: '{"running-requests":4}' });
    expect(await changed.json()).toMatchObject({
      'fake-metrics': { 'waiting-requests': 'ramp:5:5:1s', 'running-requests': 4 },
    });
  });
});
