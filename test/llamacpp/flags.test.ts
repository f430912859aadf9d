import { expect, test } from 'vitest';
import { readConfig } from '../../src/llamacpp/flags.ts';

const gguf = ['--gguf', 'model.gguf'];

test("vLLM's command line, with the model first and flags for hardware that is not there", () => {
  const { config, notes } = readConfig(
    ['org/model', '--served-model-name', 'one', 'two', '--tensor-parallel-size=2', '--max-num-seqs', '256', ...gguf],
    { PORT: '9000' },
  );
  expect(config).toMatchObject({ model: 'org/model', servedNames: ['one', 'two'], port: 9000, maxNumSeqs: 8 });
  expect(notes).toEqual([
    '--tensor-parallel-size has no effect on a GGUF file',
    '--max-num-seqs 256: 8 at most are used',
  ]);
});

test('an AIM image says in its environment which model it is', () => {
  expect(readConfig(gguf, { AIM_MODEL_ID: 'Qwen/Qwen3-32B' }).config.servedNames).toEqual(['Qwen/Qwen3-32B']);
});

test.each([
  [[], 'flag --gguf is required'],
  [gguf, 'flag --model is required'],
  [['--model', 'x', '--lora-modules', 'y', ...gguf], 'unknown flag --lora-modules'],
  [['--model', 'x', '--max-model-len', '0', ...gguf], 'flag --max-model-len: a number from 1 to 16777216 expected'],
])('%j is refused', (argv, message) => {
  expect(() => readConfig(argv, {})).toThrow(message);
});
