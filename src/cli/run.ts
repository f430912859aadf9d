import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { manifestsOf } from '../app/gatewaydeclaration.ts';
import { catalogOf, findModel, runDeclaration, type RunnableModel } from '../app/localmodel.ts';
import type { Up } from '../app/up.ts';
import { createConversation } from './chat.ts';
import { serve, type UpFlags } from './up.ts';

export interface RunFlags {
  prompt?: string;
  maxTokens?: number;
  runtime?: string;
  dataDir?: string;
  logLevel: UpFlags['logLevel'];
}

/** Serves one model: until a signal, or until the prompt is answered. @param upFlags those of `headgate up` when none is given */
export async function run(given: string, flags: RunFlags, upFlags: UpFlags, version: string): Promise<void> {
  const model = await findModel(given);
  const catalog = [await catalogOf(model, flags.runtime)];
  const declared = { manifests: manifestsOf(`headgate run ${given}`, runDeclaration(model)), catalog };
  const temporary = flags.dataDir === undefined ? await mkdtemp(path.join(tmpdir(), 'headgate-run-')) : undefined;
  const { prompt } = flags;
  try {
    await serve({ ...upFlags, logLevel: flags.logLevel, dataDir: flags.dataDir ?? temporary ?? '' }, version, {
      declared,
      // The answer is all that standard output has.
      ...(prompt === undefined
        ? {}
        : { screen: process.stderr, task: (running, stopping) => answer(model, prompt, flags, running, stopping) }),
    });
  } finally {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }
}

async function answer(
  { name, gguf }: RunnableModel,
  prompt: string,
  { maxTokens }: RunFlags,
  running: Up,
  stopping: AbortSignal,
): Promise<void> {
  const url = running.models().find(({ model }) => model === name)?.url;
  if (url === undefined) throw new Error(`${name} is not served: its Gateway has no address`);
  if (gguf === undefined) process.stderr.write('The answer is simulated: no model of this name is here.\n');
  const target = { url, model: name, ...(maxTokens === undefined ? {} : { maxTokens }) };
  const { stdin: input, stdout: output, stderr: errors } = process;
  const conversation = createConversation(target, [], { input, output, errors, interactive: output.isTTY });
  stopping.addEventListener('abort', () => conversation.interrupt());
  await conversation.say(prompt);
  conversation.printUsage();
}
