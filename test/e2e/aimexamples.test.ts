import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { bin, startHeadgate, until, type Headgate } from './headgate.ts';
import { run } from './kubectl.ts';

const example = (name: string): string => fileURLToPath(new URL(`../../examples/aim/${name}`, import.meta.url));

/** As docs/aim-services.md starts them: Ready means that all AIMServices are Running. */
describe('the examples of AIMServices', () => {
  let headgate: Headgate | undefined;
  afterEach(async () => {
    await headgate?.kill();
    await headgate?.discard();
  });

  it.each([
    ['qwen-chat.yaml', '/ml-team/qwen-chat', 'Qwen/Qwen3-32B'],
    ['llama-chat-silogen.yaml', '/ml-team/chat/llama-chat', 'meta-llama/Llama-3.1-8B-Instruct'],
  ])('%s is Ready and answers at %s', async (file, path, model) => {
    headgate = await startHeadgate(['-f', example(file)]);
    const gateway = /^Gateway \S+\s+(?<url>http\S+)/m.exec(headgate.output())?.groups?.['url'] ?? '';
    let last = '';
    await until(
      async () => {
        const response = await fetch(`${gateway}${path}/v1/chat/completions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hi. Say this is a test' }] }),
        });
        last = `${String(response.status)} ${await response.text()}`;
        return response.status === 200;
      },
      () => `no answer at ${gateway}${path}: ${last}`,
      60_000,
    );
    expect(last).toMatch(/simulated/i);

    const name = path.slice(path.lastIndexOf('/') + 1);
    const explain = ['explain', `service/${name}`, '-n', 'ml-team', '--data-dir', headgate.dataDir];
    const { code, stdout, stderr } = await run(process.execPath, [bin, ...explain]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toContain('Running');
    expect(stdout).toContain(path);
    expect(stdout).toMatch(/^template +\S*AIM\S*Template \S+ +Ready/m);
  });
});
