import { randomInt } from 'node:crypto';
import type { GenerationOptions } from '../llm/server/requests.ts';
import { createAnswerText } from './answertext.ts';
import type { LoadedModel } from './model.ts';
import type { EvaluateOptions, LlamaSequence, Token } from './runtime.ts';
import type { Sampling } from './sampling.ts';

export interface Generation {
  readonly prompt: readonly Token[];
  readonly maxTokens: number;
  readonly options: Pick<GenerationOptions, 'minTokens' | 'ignoreEos' | 'stop'>;
  readonly sampling: Sampling;
  readonly prefixCaching: boolean;
  readonly signal: AbortSignal;
  /** The prompt has been read: how much of it was known. */
  readonly onPrompt: (cachedTokens: number) => void;
  /** One more token; its text may come with a later one. */
  readonly onToken: (text: string) => void;
}

export interface Generated {
  /** What was held back. */
  readonly text: string;
  /** As vLLM counts: with the token that ended the answer. */
  readonly completionTokens: number;
  readonly finishReason: 'stop' | 'length' | 'abort';
}

/** So much of a prompt is read at once: in between, a client that has gone is noticed. */
const promptPiece = 256;

/** Reads the prompt, of which the sequence may know the beginning, and generates until an end that is asked for. */
export async function generateOn(
  sequence: LlamaSequence,
  model: LoadedModel,
  generation: Generation,
): Promise<Generated> {
  const { prompt, signal, prefixCaching } = generation;
  // The last token is always read again: the first one of the answer comes of it.
  if (prefixCaching) await sequence.adaptStateToTokens(prompt.slice(0, -1), false);
  else await sequence.clearHistory();
  const cachedTokens = sequence.nextTokenIndex;
  for (let at = cachedTokens; at < prompt.length - 1; at += promptPiece) {
    if (signal.aborted) return { text: '', completionTokens: 0, finishReason: 'abort' };
    await sequence.evaluateWithoutGeneratingNewTokens(prompt.slice(at, Math.min(at + promptPiece, prompt.length - 1)));
  }
  generation.onPrompt(cachedTokens);
  return answer(sequence, model, generation);
}

async function answer(
  sequence: LlamaSequence,
  model: LoadedModel,
  { prompt, maxTokens, options, sampling, signal, onToken }: Generation,
): Promise<Generated> {
  const generated: Token[] = [];
  const text = createAnswerText<Token>(model.detokenize, options.stop);
  const done = (finishReason: Generated['finishReason']): Generated => ({
    text: text.end(),
    completionTokens: generated.length,
    finishReason,
  });
  const mayEnd = (): boolean => !options.ignoreEos && generated.length >= options.minTokens;
  const settings = evaluateOptions(sampling, generated, () => (mayEnd() ? undefined : model.noEnd));
  for await (const token of sequence.evaluate(prompt.slice(-1), settings)) {
    generated.push(token);
    if (signal.aborted) return done('abort');
    if (model.isEnd(token)) {
      if (mayEnd()) return done('stop');
    } else {
      onToken(text.push(token));
      if (text.stopped) return done('stop');
    }
    if (generated.length >= maxTokens) return done('length');
  }
  return done('stop');
}

function evaluateOptions(
  sampling: Sampling,
  generated: readonly Token[],
  bias: () => LoadedModel['noEnd'] | undefined,
): EvaluateOptions {
  const { temperature, topP, topK, minP, seed } = sampling;
  const { repetitionPenalty: penalty, frequencyPenalty, presencePenalty } = sampling;
  const penalised = penalty !== 1 || frequencyPenalty !== 0 || presencePenalty !== 0;
  return {
    temperature,
    topP,
    topK,
    minP,
    // Without one, the runtime would take the time in seconds: the same for all requests of a second.
    seed: seed ?? randomInt(2 ** 32),
    ...(penalised
      ? { repeatPenalty: { punishTokens: () => [...generated], penalty, frequencyPenalty, presencePenalty } }
      : {}),
    ...(bias() === undefined ? {} : { tokenBias: bias }),
    yieldEogToken: true,
  };
}

/** The free sequence that knows most of the prompt; where none knows any, one that knows nothing yet, so that others keep what they know. */
export function bestSequence(free: readonly LlamaSequence[], prompt: readonly Token[]): LlamaSequence | undefined {
  const known = (sequence: LlamaSequence): number => {
    const { contextTokens } = sequence;
    const differs = prompt.findIndex((token, at) => token !== contextTokens[at]);
    return differs < 0 ? prompt.length : differs;
  };
  const ranked = free.map((sequence) => ({ sequence, known: known(sequence), size: sequence.nextTokenIndex }));
  return ranked.toSorted((a, b) => b.known - a.known || a.size - b.size)[0]?.sequence;
}
