import { access } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * node-llama-cpp, which is installed only when asked for: it is no dependency of Headgate. Here is what is used of it, as its
 * documentation has it, and how it is found.
 */

export type Token = number;

export interface Runtime {
  getLlama(options: {
    gpu: 'auto' | false;
    build: 'never';
    progressLogs: false;
    logLevel: 'warn';
    logger: (level: string, message: string) => void;
  }): Promise<Llama>;
  readonly TokenBias: new (tokenizer: unknown) => TokenBias;
}

export interface TokenBias {
  set(token: Token, bias: 'never'): this;
}

export interface Llama {
  readonly gpu: string | false;
  loadModel(options: { modelPath: string }): Promise<LlamaModel>;
  dispose(): Promise<void>;
}

export interface LlamaModel {
  readonly trainContextSize: number;
  readonly tokenizer: unknown;
  readonly tokens: {
    readonly bos: Token | null;
    readonly eos: Token | null;
    readonly eot: Token | null;
    readonly bosString: string | null;
    readonly eosString: string | null;
    readonly shouldPrependBosToken: boolean;
  };
  readonly fileInfo: { readonly metadata: { readonly tokenizer?: { readonly chat_template?: string } } };
  tokenize(text: string, specialTokens: boolean): Token[];
  detokenize(tokens: readonly Token[], specialTokens: boolean, lastTokens: readonly Token[]): string;
  isEogToken(token: Token): boolean;
  createContext(options: {
    contextSize: number;
    sequences: number;
    threads: number;
    flashAttention: 'auto';
  }): Promise<LlamaContext>;
}

export interface LlamaContext {
  getSequence(): LlamaSequence;
}

/** One of the texts that a context works at side by side. */
export interface LlamaSequence {
  readonly nextTokenIndex: number;
  readonly contextTokens: readonly Token[];
  clearHistory(): Promise<void>;
  adaptStateToTokens(tokens: readonly Token[], allowShift: false): Promise<void>;
  evaluateWithoutGeneratingNewTokens(tokens: readonly Token[]): Promise<void>;
  evaluate(tokens: readonly Token[], options: EvaluateOptions): AsyncGenerator<Token, void, void>;
}

export interface EvaluateOptions {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly seed: number;
  readonly repeatPenalty?: {
    readonly punishTokens: () => Token[];
    readonly penalty: number;
    readonly frequencyPenalty: number;
    readonly presencePenalty: number;
  };
  readonly tokenBias?: () => TokenBias | undefined;
  readonly yieldEogToken: true;
}

export interface Message {
  readonly role: string;
  readonly content: string;
}

/** A model's chat template. */
export type RenderChat = (values: {
  messages: readonly Message[];
  add_generation_prompt: boolean;
  bos_token: string;
  eos_token: string;
}) => string;

/** The templates' language, which node-llama-cpp brings along. */
interface Jinja {
  readonly Template: new (text: string) => { render: RenderChat };
}

export interface LoadedRuntime {
  readonly runtime: Runtime;
  readonly compileTemplate: (text: string) => RenderChat;
}

/** Where to look: the directory that the catalog names, else beside Headgate, else where it was started. */
function placesFor(directory: string | undefined): string[] {
  if (directory !== undefined) return [path.resolve(directory)];
  return [path.dirname(fileURLToPath(import.meta.url)), process.cwd()];
}

/**
 * The file of node-llama-cpp that serves a model.
 *
 * @throws Error that says what to do, when it or the model's file is not there
 */
export async function requireParts({ gguf, runtime }: { gguf: string; runtime?: string | undefined }): Promise<string> {
  await access(gguf).catch(() => {
    throw new Error(`there is no file ${path.resolve(gguf)}: correct the gguf of the catalog's entry`);
  });
  const file = locate(placesFor(runtime));
  if (file !== undefined) return file;
  const at = runtime === undefined ? 'the directory where headgate is started' : path.resolve(runtime);
  const otherwise = ', or name the directory that has it in the catalog (program: { gguf, runtime })';
  throw new Error(
    `a GGUF file needs node-llama-cpp, which is not installed: run "npm install node-llama-cpp" in ${at}` +
      (runtime === undefined ? otherwise : ''),
  );
}

/** @param file as `requireParts` finds it */
export async function loadRuntime(file: string): Promise<LoadedRuntime> {
  const loaded: unknown = await import(pathToFileURL(file).href);
  if (!isRuntime(loaded)) {
    throw new Error(`${file} is not node-llama-cpp 3 as it is known here: use version 3.22 or later`);
  }
  const jinja: unknown = createRequire(file)('@huggingface/jinja');
  if (!isJinja(jinja)) throw new Error(`${file} lacks @huggingface/jinja: install node-llama-cpp anew`);
  return {
    runtime: loaded,
    compileTemplate: (text) => {
      const template = new jinja.Template(text);
      return (values) => template.render(values);
    },
  };
}

function locate(places: readonly string[]): string | undefined {
  for (const place of places) {
    try {
      return createRequire(path.join(place, 'package.json')).resolve('node-llama-cpp');
    } catch {
      // Perhaps in the next place.
    }
  }
  return undefined;
}

function isRuntime(value: unknown): value is Runtime {
  return hasFunction(value, 'getLlama') && hasFunction(value, 'TokenBias');
}

function isJinja(value: unknown): value is Jinja {
  return hasFunction(value, 'Template');
}

function hasFunction(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, name) === 'function';
}
