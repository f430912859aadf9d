import type { Turn } from '../llm/server/requests.ts';
import type { Log } from '../telemetry/log.ts';
import type { LlamaCppConfig } from './flags.ts';
import {
  loadRuntime,
  requireParts,
  type LlamaModel,
  type LlamaSequence,
  type RenderChat,
  type Token,
  type TokenBias,
} from './runtime.ts';

/** A GGUF file in memory, ready to generate. */
export interface LoadedModel {
  /** Tokens of a prompt and its answer together. */
  readonly maxModelLen: number;
  /** As many as may run side by side. */
  readonly sequences: readonly LlamaSequence[];
  /** Keeps an answer from ending. */
  readonly noEnd: TokenBias;
  readonly tokenize: (text: string) => Token[];
  /** The conversation as the model was trained to read it; undefined: its file has no chat template. @throws for turns it does not take */
  readonly tokenizeChat: ((turns: readonly Turn[]) => Token[]) | undefined;
  readonly detokenize: (tokens: readonly Token[], before: readonly Token[]) => string;
  readonly isEnd: (token: Token) => boolean;
  dispose(): Promise<void>;
}

/** A model may have room for far more, which takes memory for each sequence: more has to be asked for. */
const defaultMaxModelLen = 4096;

/** @throws Error that says what to do: no runtime, no file, no model file, too long */
export async function loadModel(config: LlamaCppConfig, log: Log): Promise<LoadedModel> {
  const { runtime, compileTemplate } = await loadRuntime(await requireParts(config));
  const llama = await runtime.getLlama({
    gpu: config.device === 'cpu' ? false : 'auto',
    build: 'never',
    progressLogs: false,
    logLevel: 'warn',
    logger: (level, message) => log.warn({ level, message: message.trim() }, 'llama.cpp'),
  });
  try {
    const model = await llama.loadModel({ modelPath: config.gguf }).catch((error: unknown) => {
      throw new Error(`cannot load ${config.gguf}: ${error instanceof Error ? error.message : String(error)}`);
    });
    const maxModelLen = lengthOf(config, model);
    const context = await model.createContext({
      contextSize: maxModelLen,
      sequences: config.maxNumSeqs,
      flashAttention: 'auto',
      threads: config.threads,
    });
    const noEnd = new runtime.TokenBias(model.tokenizer);
    for (const token of [model.tokens.eos, model.tokens.eot]) if (token !== null) noEnd.set(token, 'never');
    const template = model.fileInfo.metadata.tokenizer?.chat_template;
    return {
      maxModelLen,
      sequences: Array.from({ length: config.maxNumSeqs }, () => context.getSequence()),
      noEnd,
      tokenize: (text) => withBos(model, model.tokenize(text, true)),
      tokenizeChat: template === undefined ? undefined : chatTokenizer(model, compileTemplate(template)),
      detokenize: (tokens, before) => model.detokenize(tokens, false, before),
      isEnd: (token) => model.isEogToken(token),
      dispose: () => llama.dispose(),
    };
  } catch (error) {
    await llama.dispose();
    throw error;
  }
}

function lengthOf({ maxModelLen, gguf }: LlamaCppConfig, { trainContextSize }: LlamaModel): number {
  if (maxModelLen === undefined) return Math.min(defaultMaxModelLen, trainContextSize);
  if (maxModelLen <= trainContextSize) return maxModelLen;
  throw new Error(
    `--max-model-len ${String(maxModelLen)} is more than the ${String(trainContextSize)} tokens that ${gguf} was trained on`,
  );
}

/** Templates write the first token themselves; a plain prompt gets it where the model wants one. */
function withBos({ tokens: { bos, shouldPrependBosToken } }: LlamaModel, tokens: Token[]): Token[] {
  return shouldPrependBosToken && bos !== null && tokens[0] !== bos ? [bos, ...tokens] : tokens;
}

function chatTokenizer(model: LlamaModel, render: RenderChat): (turns: readonly Turn[]) => Token[] {
  const { bosString, eosString } = model.tokens;
  return (turns) =>
    model.tokenize(
      render({
        messages: turns.map(({ role, text }) => ({ role, content: text })),
        add_generation_prompt: true,
        bos_token: bosString ?? '',
        eos_token: eosString ?? '',
      }),
      true,
    );
}
