import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { AnswerHead, AnswerShape, Usage } from '../llm/server/answers.ts';
import type { Engine } from './engine.ts';
import type { SimulatorConfig } from './flags.ts';
import { createEventStream, sendWhole } from '../llm/server/eventstream.ts';
import { createDelivery } from './delivery.ts';
import type { Trouble } from './failures.ts';
import { HttpError } from '../llm/server/http.ts';
import { tokenBudget } from '../llm/server/requests.ts';
import type { EngineMetrics, JobTiming } from '../llm/server/metrics.ts';
import type { ServedModels } from './models.ts';
import type { Random } from './random.ts';
import type { GenerationRequest } from './requests.ts';
import { echoText, randomText, type Generated } from './text.ts';

/** In every answer, echo mode's too: no model was asked. */
const fingerprint = 'headgate-simulator';

export interface GenerationContext {
  config: SimulatorConfig;
  models: ServedModels;
  engine: Engine;
  metrics: EngineMetrics;
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
  const maxTokens = tokenBudget(request.promptTokens.length, request.maxTokens, config.maxModelLen);
  const generated = makeText(context, request, maxTokens);
  const head: AnswerHead = {
    id: `${shape.idPrefix}${randomUUID().replaceAll('-', '')}`,
    created: Math.floor(Date.now() / 1000),
    model: model.name,
    fingerprint,
  };
  const promptTokens = request.promptTokens.length;
  const completionTokens = generated.tokens.length;
  const delivery = createDelivery(response, trouble);
  const stream = request.stream ? createEventStream(delivery, head, shape) : undefined;
  let given = 0;
  let lastAt = 0;
  const finish = (timing: JobTiming): void => {
    const { finishReason } = generated;
    metrics.observePrefix(promptTokens, timing.cachedTokens);
    metrics.observeRequest({ timing, promptTokens, outputTokens: completionTokens, maxTokens, finishReason });
    const usage: Usage = { promptTokens, completionTokens, cachedTokens: timing.cachedTokens };
    if (stream === undefined) {
      sendWhole(delivery, shape.whole(head, generated.tokens.join(''), finishReason, usage));
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

function makeText({ config, random }: GenerationContext, request: GenerationRequest, maxTokens: number): Generated {
  const { ignoreEos, stop } = request;
  const generation = { maxTokens, minTokens: Math.min(request.minTokens, maxTokens), ignoreEos, stop };
  return config.mode === 'echo' ? echoText(request.echo, generation) : randomText(generation, random);
}
