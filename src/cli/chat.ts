import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { AdminFlags } from './admin.ts';
import { streamAnswer, type ChatMessage, type ChatTarget } from './chatanswer.ts';
import { servedModels } from './models.ts';

export interface ChatFlags extends AdminFlags {
  /** Base URL of an OpenAI endpoint, instead of asking a running `headgate up`. */
  url?: string;
  system?: string;
  maxTokens?: number;
}

/** Where a chat happens. */
export interface Terminal {
  readonly input: Readable;
  readonly output: Writable;
  /** Usage and what goes wrong within a conversation. */
  readonly errors: Writable;
  /** A person types: prompts are shown, and keys have their meaning. */
  readonly interactive: boolean;
}

/** Talks to a model: one answer to `prompt`, or a conversation of the lines of the terminal. */
export async function chat(model: string, prompt: string | undefined, flags: ChatFlags): Promise<void> {
  const target = await targetOf(model, flags);
  const { stdin: input, stdout: output, stderr: errors } = process;
  const terminal = { input, output, errors, interactive: input.isTTY && output.isTTY };
  const system: ChatMessage[] = flags.system === undefined ? [] : [{ role: 'system', content: flags.system }];
  const conversation = createConversation(target, system, terminal);
  const interrupted = (): void => {
    process.exitCode = 130;
    conversation.interrupt();
    input.destroy();
  };
  process.on('SIGINT', interrupted);
  try {
    if (prompt === undefined) await converse(conversation, terminal);
    else await conversation.say(prompt);
  } finally {
    process.off('SIGINT', interrupted);
    conversation.printUsage();
  }
}

async function targetOf(model: string, flags: ChatFlags): Promise<ChatTarget> {
  const limit = flags.maxTokens === undefined ? {} : { maxTokens: flags.maxTokens };
  if (flags.url !== undefined) {
    const base = flags.url.replace(/\/+$/, '');
    return { url: base.endsWith('/v1') ? base : `${base}/v1`, model, ...limit };
  }
  const served = await servedModels(flags);
  const offers = served.filter((candidate) => candidate.model === model);
  if (offers.length === 0) {
    const names = [...new Set(served.flatMap(({ model: name }) => (name === undefined ? [] : [name])))];
    throw new Error(
      `model "${model}" is not served; ${names.length === 0 ? 'no model is' : `there are ${names.join(', ')}`}`,
    );
  }
  const offer = offers.find(({ url, endpoints }) => url !== undefined && endpoints > 0) ?? offers[0];
  if (offer?.url === undefined)
    throw new Error(`Gateway ${offer?.gateway ?? ''} of model "${model}" has no address yet`);
  // Any name below a wildcard will do.
  const host = offer.host === undefined ? {} : { host: offer.host.replace('*', 'chat') };
  return { url: offer.url, ...host, model, ...limit };
}

export interface Conversation {
  /** Streams the answer to a user's turn. @throws Error in one line; the turn is then forgotten */
  say(text: string): Promise<void>;
  /** Ends the answer that is being given; false when there is none. */
  interrupt(): boolean;
  printUsage(): void;
}

export function createConversation(
  target: ChatTarget,
  system: readonly ChatMessage[],
  { output, errors, interactive }: Terminal,
): Conversation {
  const history = [...system];
  const used = { answers: 0, prompt: 0, completion: 0, unknown: 0 };
  let answering: AbortController | undefined;
  return {
    async say(text) {
      const turn: ChatMessage = { role: 'user', content: text };
      const aborting = new AbortController();
      answering = aborting;
      let shown = false;
      const show = (piece: string): void => {
        shown = true;
        output.write(interactive ? printable(piece) : piece);
      };
      try {
        const answer = await streamAnswer(target, [...history, turn], show, aborting.signal);
        if (answer.text !== '' || answer.finishReason !== undefined) {
          history.push(turn, { role: 'assistant', content: answer.text });
        }
        used.answers += 1;
        used.prompt += answer.usage?.prompt ?? 0;
        used.completion += answer.usage?.completion ?? 0;
        if (answer.usage === undefined) used.unknown += 1;
        if (shown) output.write('\n');
        if (answer.finishReason === 'length') errors.write('(cut at the limit of tokens)\n');
      } catch (error) {
        if (shown) output.write('\n');
        throw error;
      } finally {
        answering = undefined;
      }
    },
    interrupt() {
      answering?.abort();
      return answering !== undefined;
    },
    printUsage() {
      if (used.answers === 0) return;
      const counts = `${used.prompt} prompt + ${used.completion} completion = ${used.prompt + used.completion} tokens`;
      const unknown = used.unknown === 0 ? '' : `; ${used.unknown} cut short or without usage are not counted`;
      errors.write(`usage: ${counts} in ${used.answers} ${used.answers === 1 ? 'answer' : 'answers'}${unknown}\n`);
    },
  };
}

/** Each line is a turn, until the input ends (Ctrl-D). Ctrl-C ends an answer, or drops the line that is being typed. */
export async function converse(
  conversation: Conversation,
  { input, output, errors, interactive }: Terminal,
): Promise<void> {
  const lines = createInterface({ input, ...(interactive ? { output, terminal: true, prompt: '> ' } : {}) });
  if (interactive) {
    errors.write('Ctrl-C ends an answer, Ctrl-D the chat.\n');
    lines.on('SIGINT', () => {
      if (conversation.interrupt()) return;
      lines.write(null, { ctrl: true, name: 'e' });
      lines.write(null, { ctrl: true, name: 'u' });
    });
    lines.prompt();
  }
  try {
    for await (const line of lines) {
      if (line.trim() !== '') {
        try {
          await conversation.say(line);
        } catch (error) {
          // A person can say it again; a script is to stop.
          if (!interactive) throw error;
          errors.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
        }
      }
      if (interactive) lines.prompt();
    }
  } finally {
    lines.close();
  }
  if (interactive) output.write('\n');
}

/** A model must not move the cursor or change the terminal: control characters other than tab and line feed are shown as such. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
}
