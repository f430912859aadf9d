import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { AnswerHead, AnswerShape, Usage } from './answers.ts';
import type { Engine, JobTiming } from './engine.ts';
import type { SimulatorConfig } from './flags.ts';
import { HttpError, sendJson } from './http.ts';
import type { SimulatorMetrics } from './metrics.ts';
import type { ServedModels } from './models.ts';
import type { Random } from './random.ts';
import type { GenerationRequest } from './requests.ts';
import { echoText, randomText, type Generated } from './text.ts';

export interface GenerationContext {
  config: SimulatorConfig;
  models: ServedModels;
  engine: Engine;
  metrics: SimulatorMetrics;
  random: Random;
}

/** A client that does not read its stream is cut off when this much is waiting for it. */
const maxUnreadBytes = 8 * 1024 * 1024;

/**
 * Answers one chat or text completion, whole or as a stream. A client that goes away gives its slot back at once.
 *
 * @throws HttpError before anything was sent: 404 unknown model, 400 too long, 429 queue full
 */
export function generate(
  context: GenerationContext,
  request: GenerationRequest,
  shape: AnswerShape,
  response: ServerResponse,
): void {
  const { config, engine, metrics } = context;
  if (response.destroyed) return; // The client left while its body was read.
  const model = context.models.resolve(request.model);
  const maxTokens = tokenBudget(request, config.maxModelLen);
  const generated = makeText(context, request, maxTokens);
  const head: AnswerHead = {
    id: `${shape.idPrefix}${randomUUID().replaceAll('-', '')}`,
    created: Math.floor(Date.now() / 1000),
    model: model.name,
  };
  const promptTokens = request.promptTokens.length;
  const completionTokens = generated.tokens.length;
  const stream = request.stream ? createStream(response, head, shape) : undefined;
  let given = 0;
  let lastAt = 0;
  const finish = (timing: JobTiming): void => {
    const { finishReason } = generated;
    metrics.observePrefix(promptTokens, timing.cachedTokens);
    metrics.observeRequest({ timing, promptTokens, outputTokens: completionTokens, maxTokens, finishReason });
    const usage: Usage = { promptTokens, completionTokens, cachedTokens: timing.cachedTokens };
    if (stream === undefined)
      sendJson(response, 200, shape.whole(head, generated.tokens.join(''), finishReason, usage));
    else stream.close(finishReason, request.includeUsage ? usage : undefined);
  };
  const job = engine.submit({
    model: model.name,
    lora: model.lora,
    promptTokens: request.promptTokens,
    outputTokens: completionTokens,
    remotePrefill: request.remotePrefill,
    onTokens(count) {
      const now = performance.now();
      const later = given === 0 ? count - 1 : count;
      if (later > 0) metrics.observeInterToken((now - (given === 0 ? now : lastAt)) / 1000 / later, later);
      lastAt = now;
      stream?.write(generated.tokens.slice(given, given + count));
      given += count;
    },
    onDone: finish,
  });
  if (job === undefined) {
    throw new HttpError(
      429,
      `The waiting queue is full (--max-waiting-queue-length ${String(config.maxWaitingQueueLength)})`,
    );
  }
  // 'close' comes after every answer too; then there is nothing left to cancel.
  response.on('close', () => job.cancel());
}

/** How many tokens may be generated. @throws HttpError 400 when prompt and tokens asked for exceed the model's length */
function tokenBudget(request: GenerationRequest, maxModelLen: number): number {
  const prompt = request.promptTokens.length;
  const asked = request.maxTokens;
  if (asked === 0) throw new HttpError(400, 'max_tokens must be at least 1, got 0.');
  if (prompt + (asked ?? 1) > maxModelLen) {
    const parts = `${String(prompt)} in the messages, ${String(asked ?? 1)} in the completion`;
    throw new HttpError(
      400,
      `This model's maximum context length is ${String(maxModelLen)} tokens. However, you requested ` +
        `${String(prompt + (asked ?? 1))} tokens (${parts}). Please reduce the length of the messages or completion.`,
    );
  }
  return asked ?? maxModelLen - prompt;
}

function makeText({ config, random }: GenerationContext, request: GenerationRequest, maxTokens: number): Generated {
  const { ignoreEos, stop } = request;
  const generation = { maxTokens, minTokens: Math.min(request.minTokens, maxTokens), ignoreEos, stop };
  return config.mode === 'echo' ? echoText(request.echo, generation) : randomText(generation, random);
}

/** Server-sent events; the head goes out with the first token, so that a client can tell waiting from answering. */
function createStream(response: ServerResponse, head: AnswerHead, shape: AnswerShape) {
  const send = (...events: unknown[]): void => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    const text = events.filter((event) => event !== undefined).map((event) => `data: ${JSON.stringify(event)}\n\n`);
    response.write(text.join(''));
    if (response.writableLength > maxUnreadBytes) response.destroy();
  };
  let opened = false;
  const opening = (): unknown[] => {
    if (opened) return [];
    opened = true;
    return [shape.opening(head)];
  };
  return {
    write(tokens: readonly string[]): void {
      send(...opening(), ...tokens.map((token) => shape.chunk(head, token)));
    },
    close(finishReason: string, usage: Usage | undefined): void {
      send(...opening(), shape.closing(head, finishReason), usage === undefined ? undefined : shape.usage(head, usage));
      response.end('data: [DONE]\n\n');
    },
  };
}
