import { availableParallelism } from 'node:os';
import { booleanFlag, FlagError, integerFlag, listFlag, oneOfFlag, parseFlags, stringFlag } from '../flags/goflags.ts';
import { nonEmpty, type Env } from '../llm/server/http.ts';
import { dropWithoutEffect, namedModel } from '../llm/server/vllmflags.ts';

/** The command line: that of vLLM as far as it means something here, with what names the file behind the model. */

export const llamaFlags = {
  // Ours; the catalog gives them.
  gguf: stringFlag(''),
  runtime: stringFlag(''),
  // vLLM's.
  host: stringFlag(''),
  port: integerFlag(8000, { min: 0, max: 65_535 }),
  model: stringFlag(''),
  'served-model-name': listFlag(
    (text) => text,
    (text) => text.split(/\s+/).filter((word) => word !== ''),
  ),
  'max-model-len': integerFlag(0, { min: 1, max: 16_777_216 }),
  'max-num-seqs': integerFlag(2, { min: 1, max: 100_000 }),
  'no-enable-prefix-caching': booleanFlag(false),
  'max-request-body-size-mb': integerFlag(4, { min: 1, max: 512 }),
  'max-waiting-queue-length': integerFlag(100, { min: 0, max: 100_000 }),
  device: oneOfFlag(['auto', 'cpu'], 'auto'),
  threads: integerFlag(1, { min: 1, max: 1024 }),
} as const;

export interface LlamaCppConfig {
  readonly gguf: string;
  /** The directory that has node-llama-cpp. */
  readonly runtime: string | undefined;
  readonly host: string | undefined;
  readonly port: number;
  readonly model: string;
  /** Names that requests may use; the first is the one that answers carry. */
  readonly servedNames: readonly [string, ...string[]];
  /** Tokens of a prompt and its answer; undefined: as many as the model was trained on, within bounds. */
  readonly maxModelLen: number | undefined;
  /** Requests that are worked at side by side. */
  readonly maxNumSeqs: number;
  readonly prefixCaching: boolean;
  readonly maxBodyBytes: number;
  readonly maxWaiting: number;
  readonly device: 'auto' | 'cpu';
  readonly threads: number;
}

/**
 * Threads wait for each other by spinning: one more than there are cores to run them makes a token take seconds. One core is left
 * to the gateway and to those who ask.
 */
const defaultThreads = (): number => Math.max(1, availableParallelism() - 1);

/** Each takes memory of its own for as many tokens as the model has room for. */
const mostSequences = 8;

/**
 * @throws FlagError naming the flag, for unknown and missing ones
 */
export function readConfig(argv: readonly string[], env: Env): { config: LlamaCppConfig; notes: readonly string[] } {
  const { kept, ignored } = dropWithoutEffect(namedModel(argv));
  const { values, given } = parseFlags(kept, llamaFlags);
  if (values.gguf === '') throw new FlagError('flag --gguf is required: the GGUF file of the model');
  const model = nonEmpty(values.model) ?? nonEmpty(env['AIM_MODEL_ID']);
  if (model === undefined) throw new FlagError('flag --model is required: the name under which requests ask for it');
  const [first = model, ...others] = values['served-model-name'];
  const asked = values['max-num-seqs'];
  const notes = ignored.map((flag) => `${flag} has no effect on a GGUF file`);
  if (asked > mostSequences) notes.push(`--max-num-seqs ${String(asked)}: ${String(mostSequences)} at most are used`);
  const config: LlamaCppConfig = {
    gguf: values.gguf,
    runtime: nonEmpty(values.runtime),
    host: nonEmpty(values.host),
    port: given.has('port') ? values.port : Number(nonEmpty(env['PORT']) ?? values.port),
    model,
    servedNames: [first, ...others],
    maxModelLen: given.has('max-model-len') ? values['max-model-len'] : undefined,
    maxNumSeqs: Math.min(asked, mostSequences),
    prefixCaching: !values['no-enable-prefix-caching'],
    maxBodyBytes: values['max-request-body-size-mb'] * 1024 * 1024,
    maxWaiting: values['max-waiting-queue-length'],
    device: values.device,
    threads: given.has('threads') ? values.threads : defaultThreads(),
  };
  return { config, notes };
}
