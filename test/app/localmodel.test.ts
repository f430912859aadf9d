import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { catalogOf, findModel } from '../../src/app/localmodel.ts';

let home = '';
const at = (...parts: string[]): string => path.join(home, ...parts);

beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'headgate-localmodel-'));
  const files: Record<string, string> = {
    'tiny.gguf': 'GGUF model',
    'text.gguf': 'no model',
    'short.gguf': 'GG',
    'two/a.gguf': 'GGUF',
    'two/b.gguf': 'GGUF',
    'none/readme': '',
    'node_modules/plain-model/package.json': '{}',
    'node_modules/plain-model/models/Plain.GGUF': 'GGUF',
    'node_modules/@owner/model/package.json': '{"exports":{}}',
    'node_modules/@owner/model/scoped.gguf': 'GGUF',
    'node_modules/@owner/model/node_modules/other/other.gguf': 'GGUF',
    'node_modules/library/index.js': '',
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(at(name)), { recursive: true });
    await writeFile(at(name), text);
  }
});
afterAll(() => rm(home, { recursive: true, force: true }));

it.each([
  ['tiny.gguf', 'tiny', 'tiny.gguf'],
  ['./tiny.gguf', 'tiny', 'tiny.gguf'],
  ['plain-model', 'Plain', 'node_modules/plain-model/models/Plain.GGUF'],
  ['@owner/model', 'scoped', 'node_modules/@owner/model/scoped.gguf'],
  ['node_modules/plain-model', 'Plain', 'node_modules/plain-model/models/Plain.GGUF'],
])('%s is a real model', async (given, name, file) => {
  expect(await findModel(given, home)).toEqual({ name, gguf: at(file) });
});

it('OWNER/MODEL is simulated', async () => {
  const model = await findModel('Qwen/Qwen3-0.6B', home);
  expect(model).toEqual({ name: 'Qwen/Qwen3-0.6B' });
  expect((await catalogOf(model, undefined)).program).toBe('simulator');
});

it.each([
  ['nosuch', /"nosuch" is no model: give a GGUF file, .* npm package .* OWNER\/MODEL/],
  ['', /holds several models/],
  ['nosuch.gguf', /there is no file .*nosuch\.gguf$/],
  ['owner/nosuch.gguf', /there is no file/],
  ['text.gguf', /text\.gguf is no GGUF file/],
  ['short.gguf', /short\.gguf is no GGUF file/],
  ['two', /two holds several models, name one of them: .*a\.gguf, .*b\.gguf/],
  ['none', /none holds no \.gguf file/],
  ['library', /the package library holds no \.gguf file/],
  ['a/b/c', /is no model/],
])('%s is none, and the error says why', async (given, message) => {
  await expect(findModel(given, home)).rejects.toThrow(message);
});

it('says what to install for a file that nothing can run', async () => {
  await expect(catalogOf({ name: 'tiny', gguf: at('tiny.gguf') }, at('none'))).rejects.toThrow(
    `run "npm install node-llama-cpp" in ${at('none')}`,
  );
});
