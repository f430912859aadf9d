import { expect, test } from 'vitest';
import { requestedModel } from '../../src/local/requestedmodel.ts';

test.each([
  [{ args: ['--port', '8000', '--model', 'a/b'] }, 'a/b'],
  [{ args: ['--model=a/b'] }, 'a/b'],
  [{ args: ['--model-path', 'a/b'] }, 'a/b'],
  [{ command: ['vllm', 'serve'], args: ['a/b', '--port', '8000'] }, 'a/b'],
  [{ command: ['/usr/bin/vllm', 'serve', 'a/b'] }, 'a/b'],
  [{ args: ['serve', 'a/b'] }, undefined],
  [{ args: ['--model'] }, undefined],
  [{}, undefined],
])('%j asks for %s', (container, model) => {
  expect(requestedModel({ name: 'server', ...container })).toBe(model);
});
