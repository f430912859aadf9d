import type { Random } from './random.ts';

/** The simulated model's tokenizer and its texts. */

/** What every made-up answer begins with; one token, so that even an answer of one token says what it is. */
export const simulatedPrefix = '[simulated by headgate] ';

/**
 * Words, punctuation marks and whatever else, each with the white space behind it; long words are cut. Joined, the tokens are
 * the text again.
 */
export function tokenize(text: string): string[] {
  return text.match(/\w{1,12}\s*|[^\w\s]\s*|\s+/gu) ?? [];
}

/** A stable number for a token, for endpoints that show token ids. */
export function tokenId(token: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < token.length; at++) hash = Math.imul(hash ^ token.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % 128_000;
}

const sentences: readonly [string, ...string[]] = [
  'Water finds its level. ',
  'The gate opens when the field is dry. ',
  'One channel feeds many fields, and each gets its share. ',
  'A queue is a promise with a length. ',
  'Today it is partially cloudy with a chance of tokens. ',
  'This text was put together from ready-made sentences. ',
  'No model was loaded and no accelerator was warmed for it. ',
  'The quick brown fox reads the manual before the incident. ',
  'Measure first, then cut the ditch. ',
];

export interface Generation {
  /** Upper bound on tokens. */
  maxTokens: number;
  /** Lower bound on tokens. */
  minTokens: number;
  /** Go on to `maxTokens` exactly. */
  ignoreEos: boolean;
  /** The text ends before the first of these. */
  stop: readonly string[];
}

export interface Generated {
  tokens: string[];
  finishReason: 'stop' | 'length';
}

/** A made-up answer. Its length varies around 40 tokens within the bounds asked for. */
export function randomText(generation: Generation, random: Random): Generated {
  const natural = Math.max(generation.minTokens, Math.round(random.normal(40, 12)), 8);
  const wanted = generation.ignoreEos ? generation.maxTokens : natural;
  const tokens = [simulatedPrefix];
  while (tokens.length < Math.min(wanted, generation.maxTokens)) tokens.push(...tokenize(random.pick(sentences)));
  if (generation.ignoreEos) tokens.length = Math.min(tokens.length, generation.maxTokens);
  return bounded(tokens, generation);
}

/** The prompt as the answer. With `ignoreEos` it is repeated up to the limit. */
export function echoText(prompt: string, generation: Generation): Generated {
  const once = tokenize(prompt);
  const tokens = [...once];
  while (generation.ignoreEos && once.length > 0 && tokens.length < generation.maxTokens) tokens.push(...once);
  return bounded(tokens, generation);
}

function bounded(tokens: string[], { maxTokens, stop, ignoreEos }: Generation): Generated {
  const stopped = cutAtStop(tokens, stop);
  if (stopped.length > maxTokens) return { tokens: stopped.slice(0, maxTokens), finishReason: 'length' };
  const exhausted = ignoreEos && stopped.length === tokens.length;
  return { tokens: stopped, finishReason: exhausted ? 'length' : 'stop' };
}

function cutAtStop(tokens: string[], stop: readonly string[]): string[] {
  const text = tokens.join('');
  const ends = stop.map((sequence) => text.indexOf(sequence)).filter((at) => at >= 0);
  return ends.length === 0 ? tokens : tokenizeGenerated(text.slice(0, Math.min(...ends)));
}

function tokenizeGenerated(text: string): string[] {
  if (!text.startsWith(simulatedPrefix)) return tokenize(text);
  return [simulatedPrefix, ...tokenize(text.slice(simulatedPrefix.length))];
}
