import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, test } from 'vitest';
import { findLlamaCpp, llamaCppSkipMessage } from '../llamacpp/llamacppparts.ts';
import { bin, chat, startHeadgate } from './headgate.ts';
import { run } from './kubectl.ts';

/** Commands that serve a model without a line of YAML: `headgate run` and `headgate up --openai`. */

const parts = findLlamaCpp();
const cli = (...words: string[]) => run(process.execPath, [bin, ...words], { timeoutMs: 110_000 });

describe('headgate run', () => {
  it.skipIf(parts === undefined)(`answers with a real model (${parts?.gguf ?? llamaCppSkipMessage})`, async () => {
    const { code, stdout, stderr } = await cli('run', parts?.gguf ?? '', '-p', 'Say hello.', '--max-tokens', '8');
    expect(code, stderr).toBe(0);
    expect(stdout.trim()).not.toBe('');
    expect(stdout).not.toContain('simulated');
    expect(stderr).toMatch(/usage: \d+ prompt \+ \d+ completion = \d+ tokens in 1 answer/);
  });

  it('simulates a model that is only a name, and says so', async () => {
    const { code, stdout, stderr } = await cli('run', 'Qwen/Qwen3-0.6B', '-p', 'Hello');
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('[simulated by headgate]');
    expect(stderr).toContain('The answer is simulated');
  });

  it('refuses what is no model in one line', async () => {
    const { code, stdout, stderr } = await cli('run', 'nosuch');
    expect([code, stdout, stderr.trim().split('\n').length]).toEqual([1, '', 1]);
    expect(stderr).toMatch(/^error: "nosuch" is no model: give a GGUF file/);
  });
});

test('headgate up --openai serves what a server lists, and prints the YAML', async () => {
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
    request.resume();
    response.setHeader('content-type', 'application/json');
    response.end(
      request.method === 'GET'
        ? '{"object":"list","data":[{"id":"llama3:8b"},{"id":"owner/qwen"}]}'
        : '{"choices":[{"message":{"role":"assistant","content":"from the server"}}]}',
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const headgate = await startHeadgate(['--openai', origin]);
  try {
    expect(headgate.output()).toContain('which offers llama3:8b, owner/qwen');
    expect(headgate.output()).toContain('kind: AIGatewayRoute');
    const url = /(http:\/\/\S+)\/v1\/chat\/completions/.exec(headgate.output())?.[1] ?? '';
    for (const model of ['llama3:8b', 'owner/qwen']) {
      const response = await chat(url, model);
      expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('from the server')]);
    }
    expect((await chat(url, 'llama3')).status).toBe(404);
    expect(asked).toEqual(['GET /v1/models', 'POST /v1/chat/completions', 'POST /v1/chat/completions']);
  } finally {
    await headgate.stop();
    server.close();
  }
});
