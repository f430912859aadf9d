import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startLlamaCpp } from '../../src/llamacpp/server.ts';
import type { RunningProgram } from '../../src/llm/server/http.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { findLlamaCpp, llamaCppSkipMessage } from './llamacppparts.ts';

const log = createLog({ level: 'silent' });
const parts = findLlamaCpp();
const question = [{ role: 'user' as const, content: 'What is the capital of France?' }];

describe('without what a model needs', () => {
  const start = (...flags: string[]): Promise<RunningProgram> =>
    startLlamaCpp(['--model', 'm', '--port', '0', ...flags], { env: {}, log });

  it('says which file is not there', async () => {
    await expect(start('--gguf', '/no/such.gguf')).rejects.toThrow('there is no file /no/such.gguf');
  });

  it('says how to install node-llama-cpp', async () => {
    await expect(start('--gguf', import.meta.filename, '--runtime', '/tmp')).rejects.toThrow(
      'a GGUF file needs node-llama-cpp, which is not installed: run "npm install node-llama-cpp" in /tmp',
    );
  });

  it.skipIf(parts === undefined)('says that a file is no model', async () => {
    const runtime = parts?.runtime ?? '';
    await expect(start('--gguf', import.meta.filename, '--runtime', runtime)).rejects.toThrow('cannot load');
  });
});

describe.skipIf(parts === undefined)(
  `a real model (${parts === undefined ? llamaCppSkipMessage : 'SmolLM2 135M'})`,
  () => {
    let server: RunningProgram;
    let sdk: OpenAI;

    beforeAll(async () => {
      const { gguf, runtime } = parts ?? { gguf: '', runtime: '' };
      const flags = ['--gguf', gguf, '--runtime', runtime, '--device', 'cpu', '--threads', '1'];
      const limits = ['--max-num-seqs', '1', '--max-waiting-queue-length', '1', '--max-model-len', '512'];
      server = await startLlamaCpp(['--model', 'smol', '--port', '0', ...flags, ...limits], { env: {}, log });
      sdk = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
    });
    afterAll(async () => {
      await server.close();
    });

    const post = (path: string, body: unknown, signal?: AbortSignal): Promise<Response> =>
      fetch(server.url + path, {
        method: 'POST',
        body: JSON.stringify(body),
        ...(signal === undefined ? {} : { signal }),
      });
    const tokens = async (body: object): Promise<number[]> =>
      ((await (await post('/tokenize', { model: 'smol', ...body })).json()) as { tokens: number[] }).tokens;
    const metric = async (name: string): Promise<number> => {
      const text = await (await fetch(`${server.url}/metrics`)).text();
      return Number(new RegExp(`^${name}\\{.*\\} (\\S+)$`, 'm').exec(text)?.[1]);
    };

    it('counts the tokens of its chat template and of its answer, up to the limit', async () => {
      const answer = await sdk.chat.completions.create({
        model: 'smol',
        messages: question,
        temperature: 0,
        max_tokens: 6,
      });
      expect(answer.choices[0]?.finish_reason).toBe('length');
      expect(answer.usage?.completion_tokens).toBe(6);
      expect(answer.usage?.prompt_tokens).toBe((await tokens({ messages: question })).length);
      expect(await tokens({ prompt: answer.choices[0]?.message.content ?? '' })).toHaveLength(6);
    });

    it('counts the token that ends an answer, as vLLM does', async () => {
      const prompt = '<|im_start|>user\nHi. What is the capital of France?<|im_end|>\n<|im_start|>assistant\n';
      const answer = await sdk.completions.create({ model: 'smol', prompt, temperature: 0, max_tokens: 40 });
      const [choice] = answer.choices;
      expect(choice?.finish_reason).toBe('stop');
      expect(choice?.text).toContain('Paris');
      expect(answer.usage?.completion_tokens).toBe((await tokens({ prompt: choice?.text ?? '' })).length + 1);
    });

    it('ends before a stop sequence, and goes on to the limit where it must not end', async () => {
      const story = { model: 'smol', prompt: 'Count: one, two, three, four,', temperature: 0, max_tokens: 12 };
      const whole = (await sdk.completions.create(story)).choices[0]?.text ?? '';
      const word = whole.trim().split(' ')[1] ?? '';
      const stopped = await sdk.completions.create({ ...story, stop: [` ${word}`] });
      expect(stopped.choices[0]).toMatchObject({
        finish_reason: 'stop',
        text: whole.slice(0, whole.indexOf(` ${word}`)),
      });
      const endless = await post('/v1/completions', {
        ...story,
        prompt: '<|im_start|>user\nSay yes.<|im_end|>\n<|im_start|>assistant\nYes.',
        ignore_eos: true,
        max_tokens: 30,
      });
      expect(await endless.json()).toMatchObject({
        choices: [{ finish_reason: 'length' }],
        usage: { completion_tokens: 30 },
      });
    });

    it('draws the same with the same seed', async () => {
      const draw = async (seed: number): Promise<string | undefined> => {
        const body = { model: 'smol', prompt: 'My favourite colour', temperature: 1.5, seed, max_tokens: 12 };
        return (await sdk.completions.create(body)).choices[0]?.text;
      };
      const [one, again, other] = [await draw(1), await draw(1), await draw(2)];
      expect(again).toBe(one);
      expect(other).not.toBe(one);
    });

    it('knows the beginning of a prompt that it has read before', async () => {
      const prompt = 'The quick brown fox jumps over the lazy dog. '.repeat(8);
      const first = await sdk.completions.create({ model: 'smol', prompt, max_tokens: 1 });
      const second = await sdk.completions.create({ model: 'smol', prompt, max_tokens: 1 });
      const promptTokens = first.usage?.prompt_tokens ?? 0;
      expect(promptTokens).toBe((await tokens({ prompt })).length);
      expect(second.usage?.prompt_tokens_details?.cached_tokens).toBe(promptTokens - 1);
      expect(await metric('vllm:prefix_cache_hits_total')).toBeGreaterThanOrEqual(promptTokens - 1);
    });

    it('works at one request, lets one wait, refuses the next, and gives places of clients back that leave', async () => {
      const long = { model: 'smol', prompt: 'Once', max_tokens: 400, ignore_eos: true, stream: true };
      const leaving = [new AbortController(), new AbortController()];
      const first = await post('/v1/completions', long, leaving[0]?.signal);
      const second = post('/v1/completions', long, leaving[1]?.signal).catch(() => undefined);
      await vi.waitFor(async () => expect(await metric('vllm:num_requests_waiting')).toBe(1), { timeout: 30_000 });
      expect(await metric('vllm:num_requests_running')).toBe(1);
      expect(await metric('vllm:kv_cache_usage_perc')).toBeGreaterThan(0);
      const third = await post('/v1/completions', long);
      expect(third.status).toBe(429);
      expect(await third.json()).toMatchObject({ error: { type: 'RateLimitError' } });
      leaving[1]?.abort();
      await second;
      await vi.waitFor(async () => expect(await metric('vllm:num_requests_waiting')).toBe(0), { timeout: 30_000 });
      leaving[0]?.abort();
      await first.text().catch(() => '');
      await vi.waitFor(async () => expect(await metric('vllm:num_requests_running')).toBe(0), { timeout: 30_000 });
      expect(await metric('vllm:kv_cache_usage_perc')).toBe(0);
    });

    it.each([
      ['/v1/chat/completions', { messages: question, model: 'other' }, 404, 'The model `other` does not exist.'],
      ['/v1/chat/completions', { messages: question, tools: [{ type: 'function' }] }, 400, 'tools: tool calls are not'],
      [
        '/v1/chat/completions',
        { messages: question, temperature: 3 },
        400,
        'temperature: a number from 0 to 2 expected',
      ],
      ['/v1/chat/completions', { messages: question, max_tokens: 9999 }, 400, 'maximum context length is 512 tokens'],
      [
        '/v1/chat/completions',
        { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
        400,
        'only parts of',
      ],
      ['/v1/completions', { prompt: [1, 2] }, 400, 'prompt: exactly one text'],
      ['/v1/completions', { prompt: '' }, 400, 'prompt: there is nothing to go on from'],
      ['/v1/completions', { prompt: 'a', logit_bias: { 1: 1 } }, 400, 'logit_bias: not supported'],
    ])('POST %s %j is refused', async (path, body, status, message) => {
      const response = await post(path, { model: 'smol', ...body });
      expect(response.status).toBe(status);
      expect(((await response.json()) as { error: { message: string } }).error.message).toContain(message);
    });
  },
);
