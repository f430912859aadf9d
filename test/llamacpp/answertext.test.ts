import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createAnswerText } from '../../src/llamacpp/answertext.ts';

/** A tokenizer of bytes: characters of several bytes take several tokens. */
const detokenize = (bytes: readonly number[]): string => Buffer.from(bytes).toString();

function run(text: string, stop: readonly string[]): { pieces: string[]; stopped: boolean } {
  const answer = createAnswerText<number>(detokenize, stop);
  const pieces: string[] = [];
  for (const byte of Buffer.from(text)) {
    pieces.push(answer.push(byte));
    if (answer.stopped) break;
  }
  pieces.push(answer.end());
  return { pieces: pieces.filter((piece) => piece !== ''), stopped: answer.stopped };
}

test('characters of several tokens are shown whole', () => {
  expect(run('a€🦙', []).pieces).toEqual(['a', '€', '🦙']);
});

test('text that might begin a stop sequence is held back, and shown when it does not', () => {
  expect(run('one\n\nUse', ['\n\nUser:']).pieces.join('')).toBe('one\n\nUse');
  expect(run('one\n\nUser: two', ['\n\nUser:'])).toEqual({ pieces: ['o', 'n', 'e'], stopped: true });
});

test('bytes that are no text are shown as such, not kept forever', () => {
  const answer = createAnswerText<number>(detokenize, []);
  const shown = Array.from({ length: 40 }, () => answer.push(0xff)).join('') + answer.end();
  expect(shown).toBe('\ufffd'.repeat(40));
});

test('whatever the text and the stop sequences: all that is before the first of them is shown, and nothing else', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '🦙'), maxLength: 30 });
  const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'é'), minLength: 1, maxLength: 4 }), {
    maxLength: 3,
  });
  fc.assert(
    fc.property(letters, stops, (text, stop) => {
      const { pieces, stopped } = run(text, stop);
      const shown = pieces.join('');
      const rest = text.slice(shown.length);
      expect(text.startsWith(shown)).toBe(true);
      expect(stop.some((sequence) => shown.includes(sequence))).toBe(false);
      expect(stopped).toBe(stop.some((sequence) => text.includes(sequence)));
      expect(stopped ? stop.some((sequence) => rest.startsWith(sequence)) : rest === '').toBe(true);
    }),
  );
});
