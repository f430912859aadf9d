import { tokenId } from '../text.ts';

/** Log probabilities that are made up from nothing but the token, in the shapes of OpenAI's answers. */

const alternatives = [
  'the',
  'a',
  'and',
  'of',
  'to',
  'in',
  'is',
  'it',
  'for',
  'on',
  'with',
  'as',
  'at',
  'by',
  'an',
  'or',
  'be',
  'that',
  'this',
  'from',
];
/** What a client may ask for (OpenAI: top_logprobs). */
export const maxTopLogprobs = alternatives.length;

const logprobOf = (token: string): number => -((tokenId(token) % 1000) + 1) / 1000;

const entry = (token: string, logprob: number) => ({ token, logprob, bytes: [...Buffer.from(token)] });

const topOf = (token: string, count: number) =>
  [token, ...alternatives.filter((word) => word !== token)]
    .slice(0, count)
    .map((word, rank) => entry(word, logprobOf(token) - rank));

/** `choices[].logprobs` of chat completions. */
export function chatLogprobs(tokens: readonly string[], top: number | undefined) {
  if (top === undefined) return null;
  return {
    content: tokens.map((token) => ({ ...entry(token, logprobOf(token)), top_logprobs: topOf(token, top) })),
    refusal: null,
  };
}

/** `choices[].logprobs` of text completions; `offset` is where the first token begins in the text. */
export function completionLogprobs(tokens: readonly string[], top: number | undefined, offset = 0) {
  if (top === undefined) return null;
  let at = offset;
  const offsets = tokens.map((token) => {
    at += token.length;
    return at - token.length;
  });
  return {
    tokens,
    token_logprobs: tokens.map(logprobOf),
    top_logprobs: tokens.map((token) =>
      Object.fromEntries(topOf(token, top).map(({ token: word, logprob }) => [word, logprob])),
    ),
    text_offset: offsets,
  };
}
