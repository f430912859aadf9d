import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { AnswerHead, AnswerShape, Usage } from './answers.ts';
import type { Engine, JobTiming } from './engine.ts';
import type { SimulatorConfig } from './flags.ts';
import { createDelivery, type Delivery } from './delivery.ts';
import type { Trouble } from './failures.ts';
import { HttpError } from './http.ts';
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
  trouble?: Trouble,
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
  const delivery = createDelivery(response, trouble);
  const stream = request.stream ? createStream(delivery, head, shape) : undefined;
  let given = 0;
  let lastAt = 0;
  const finish = (timing: JobTiming): void => {
    const { finishReason } = generated;
    metrics.observePrefix(promptTokens, timing.cachedTokens);
    metrics.observeRequest({ timing, promptTokens, outputTokens: completionTokens, maxTokens, finishReason });
    const usage: Usage = { promptTokens, completionTokens, cachedTokens: timing.cachedTokens };
    if (stream === undefined) {
      const text = JSON.stringify(shape.whole(head, generated.tokens.join(''), finishReason, usage));
      delivery.head({ 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
      delivery.end(text);
    } else stream.close(finishReason, request.includeUsage ? usage : undefined);
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
function createStream(delivery: Delivery, head: AnswerHead, shape: AnswerShape) {
  let opened = false;
  const send = (...events: unknown[]): string => {
    const all = opened ? events : [shape.opening(head), ...events];
    if (!opened) delivery.head({ 'content-type': 'text/event-stream; charset=utf-8' });
    opened = true;
    return all.flatMap((event) => (event === undefined ? [] : `data: ${JSON.stringify(event)}\n\n`)).join('');
  };
  return {
    write(tokens: readonly string[]): void {
      delivery.write(send(...tokens.map((token) => shape.chunk(head, token))));
    },
    close(finishReason: string, usage: Usage | undefined): void {
      const last = usage === undefined ? undefined : shape.usage(head, usage);
      delivery.end(`${send(shape.closing(head, finishReason), last)}data: [DONE]\n\n`);
    },
  };
}
