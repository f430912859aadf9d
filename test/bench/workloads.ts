/** The requests of the routing benchmark: when they arrive, what they ask, as real request bodies and as the simulator's tokens. */
import { createRandom, type Random } from '../../src/simulator/random.ts';

export interface Arrival {
  readonly atMs: number;
  /** The base model, or an adapter of it. */
  readonly model: string;
  readonly lora: string | undefined;
  readonly tokens: readonly string[];
  readonly outputTokens: number;
  /** The request's body. */
  readonly body: Buffer;
}

export interface Workload {
  readonly name: string;
  /** Requests per second and endpoint. */
  readonly rates: readonly number[];
  arrivals(rate: number, requests: number, seed: number): Iterable<Arrival>;
}

export const baseModel = 'meta-llama/Llama-3.1-8B-Instruct';

const letters = Array.from('abcdefghijklmnopqrstuvwxyz');
const vocabulary = letters.flatMap((a) => letters.flatMap((b) => letters.map((c) => a + b + c)));

/** Four bytes a token: three letters and a space. */
function words(count: number, random: Random): string[] {
  return Array.from({ length: count }, () => vocabulary[Math.floor(random.next() * vocabulary.length)] ?? '');
}

/** `system` and `user` are words of the vocabulary, which JSON does not escape. */
function bodyOf(model: string, system: string, user: readonly string[], outputTokens: number): Buffer {
  const first = system === '' ? '' : `{"role":"system","content":"${system}"},`;
  return Buffer.from(
    `{"model":"${model}","messages":[${first}{"role":"user","content":"${user.join(' ')}"}],"stream":true,"max_tokens":${outputTokens},"ignore_eos":true}`,
  );
}

/** Poisson arrivals: independent users. */
function* times(perSecond: number, requests: number, random: Random): Generator<number> {
  let atMs = 0;
  for (let at = 0; at < requests; at += 1) {
    atMs += (-Math.log(1 - random.next()) / perSecond) * 1_000;
    yield atMs;
  }
}

/** epp.md 11: groups of 5 users share a 6,000-token prefix; each asks 1,200 tokens. */
export function sharedPrefixOf(groupCount: number, outputTokens: number): Workload {
  return {
    name: 'shared prefix',
    rates: [2, 4, 5],
    *arrivals(rate, requests, seed) {
      const random = createRandom(seed);
      const groups = Array.from({ length: groupCount }, () => words(6_000, random));
      const users = groups.flatMap((group) => {
        const text = group.join(' ');
        return Array.from({ length: 5 }, () => ({ group, text }));
      });
      for (const atMs of times(rate, requests, random)) {
        const { group, text } = users[Math.floor(random.next() * users.length)] ?? { group: [], text: '' };
        const question = words(1_200, random);
        const body = bodyOf(baseModel, text, question, outputTokens);
        yield { atMs, model: baseModel, lora: undefined, tokens: group.concat(question), outputTokens, body };
      }
    },
  };
}

export const sharedPrefix = sharedPrefixOf(150, 100);

/** The same, scaled down to end sooner: 40 groups, and a cache of each server that is as much smaller (128,000 tokens). */
export const scaledGroups = 40;
export const scaledCacheBlocks = 8_000;

/** Nothing in common: 200 to 3,000 tokens in, 20 to 300 out, or a fraction of these. */
export function unrelatedOf(fewerOutputTokens: number): Workload {
  return {
    name: 'unrelated prompts',
    rates: [2, 3, 4],
    *arrivals(rate, requests, seed) {
      const random = createRandom(seed);
      for (const atMs of times(rate, requests, random)) {
        const tokens = words(200 + Math.floor(random.next() * 2_800), random);
        const outputTokens = Math.ceil((20 + Math.floor(random.next() * 280)) / fewerOutputTokens);
        const body = bodyOf(baseModel, '', tokens, outputTokens);
        yield { atMs, model: baseModel, lora: undefined, tokens, outputTokens, body };
      }
    },
  };
}

export const unrelated = unrelatedOf(1);

/** 24 adapters whose popularity falls with their rank (Zipf, exponent 1); a server can run 4 at a time. */
export const skewedLora: Workload = {
  name: 'skewed LoRA',
  rates: [3, 5],
  *arrivals(rate, requests, seed) {
    const random = createRandom(seed);
    const shares = Array.from({ length: 24 }, (_, rank) => 1 / (rank + 1));
    const total = shares.reduce((sum, share) => sum + share, 0);
    for (const atMs of times(rate, requests, random)) {
      let point = random.next() * total;
      const rank = shares.findIndex((share) => (point -= share) < 0);
      const model = `adapter-${rank}`;
      const question = words(200 + Math.floor(random.next() * 1_000), random);
      const outputTokens = 50 + Math.floor(random.next() * 100);
      yield {
        atMs,
        model,
        lora: model,
        tokens: question,
        outputTokens,
        body: bodyOf(model, '', question, outputTokens),
      };
    }
  },
};
