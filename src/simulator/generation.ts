import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Usage } from '../llm/server/answers.ts';
import { sendWhole } from '../llm/server/eventstream.ts';
import { HttpError } from '../llm/server/http.ts';
import type { EngineMetrics, JobTiming } from '../llm/server/metrics.ts';
import { tokenBudget } from '../llm/server/requests.ts';
import { stepsOf, type Answer, type AnswerFormat, type Choice } from './answers/answer.ts';
import { openStream } from './answers/stream.ts';
import { createDelivery } from './delivery.ts';
import type { Engine } from './engine.ts';
import type { Trouble } from './failures.ts';
import type { SimulatorConfig } from './flags.ts';
import { sampleJson } from './jsonsample.ts';
import type { ServedModels } from './models.ts';
import type { Random } from './random.ts';
import type { GenerationRequest } from './requests/requests.ts';
import type { Tool } from './requests/tools.ts';
import { echoText, randomText, tokenize } from './text.ts';

/** In every answer, echo mode's too: no model was asked. */
const fingerprint = 'headgate-simulator';

export interface GenerationContext {
  config: SimulatorConfig;
  models: ServedModels;
  engine: Engine;
  metrics: EngineMetrics;
  random: Random;
}

/** One endpoint that generates: how its ids begin, and the shape of its answers. */
export interface AnswerEndpoint {
  readonly idPrefix: string;
  readonly format: AnswerFormat;
}

/**
 * Answers one request of any API, whole or as a stream. A client that goes away gives its slot back at once.
 *
 * @throws HttpError before anything was sent: 404 unknown model, 400 too long, 429 queue full
 */
export function generate(
  context: GenerationContext,
  request: GenerationRequest,
  endpoint: AnswerEndpoint,
  response: ServerResponse,
  trouble?: Trouble,
): void {
  const { config, engine, metrics } = context;
  if (response.destroyed) return; // The client left while its body was read.
  const model = context.models.resolve(request.model);
  const maxTokens = tokenBudget(request.promptTokens.length, request.maxTokens, config.maxModelLen);
  const answer: Answer = {
    head: {
      id: `${endpoint.idPrefix}${randomUUID().replaceAll('-', '')}`,
      created: Math.floor(Date.now() / 1000),
      model: model.name,
      fingerprint,
    },
    choices: Array.from({ length: request.choices }, () => makeChoice(context, request, maxTokens)),
    topLogprobs: request.topLogprobs,
  };
  const steps = answer.choices.map(stepsOf);
  const promptTokens = request.promptTokens.length;
  const completionTokens = steps.reduce((sum, { length }) => sum + length, 0);
  const delivery = createDelivery(response, trouble);
  const stream = request.stream ? openStream(delivery, endpoint.format, answer, promptTokens) : undefined;
  let given = 0;
  let lastAt = 0;
  const finish = (timing: JobTiming): void => {
    const finishReason = answer.choices[0]?.finishReason === 'length' ? 'length' : 'stop';
    metrics.observePrefix(promptTokens, timing.cachedTokens);
    metrics.observeRequest({ timing, promptTokens, outputTokens: completionTokens, maxTokens, finishReason });
    const usage: Usage = { promptTokens, completionTokens, cachedTokens: timing.cachedTokens };
    if (stream === undefined) sendWhole(delivery, endpoint.format.whole(answer, usage));
    else stream.close(usage, request.includeUsage);
  };
  const job = engine.submit({
    model: model.name,
    lora: model.lora,
    promptTokens: request.promptTokens,
    // Several choices are generated side by side.
    outputTokens: Math.max(...steps.map(({ length }) => length)),
    remotePrefill: request.remotePrefill,
    onTokens(count) {
      const now = performance.now();
      const later = given === 0 ? count - 1 : count;
      if (later > 0) metrics.observeInterToken((now - (given === 0 ? now : lastAt)) / 1000 / later, later);
      lastAt = now;
      for (const [index, all] of steps.entries()) {
        for (const step of all.slice(given, given + count)) stream?.step(index, step);
      }
      stream?.flush();
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

function makeChoice(context: GenerationContext, request: GenerationRequest, maxTokens: number): Choice {
  const { wanted } = request;
  if (wanted.type === 'calls') return makeCalls(wanted.tools, context, maxTokens);
  if (wanted.type === 'json') {
    const tokens = tokenize(JSON.stringify(sampleJson(wanted.schema)));
    return { text: tokens.slice(0, maxTokens), calls: [], finishReason: tokens.length > maxTokens ? 'length' : 'stop' };
  }
  const { ignoreEos, stop } = request;
  const generation = { maxTokens, minTokens: Math.min(request.minTokens, maxTokens), ignoreEos, stop };
  const { config, random } = context;
  const { tokens, finishReason } =
    config.mode === 'echo' ? echoText(request.echo, generation) : randomText(generation, random);
  return { text: tokens, calls: [], finishReason };
}

function makeCalls(tools: readonly Tool[], { random }: GenerationContext, maxTokens: number): Choice {
  let left = maxTokens;
  let cut = false;
  const calls = tools.flatMap(({ name, parameters }) => {
    if (left === 0) return [];
    const all = tokenize(JSON.stringify(sampleJson(parameters) ?? {}));
    const tokens = all.slice(0, left);
    left -= tokens.length;
    cut ||= tokens.length < all.length;
    const id = `call_simulated_${Math.floor(random.next() * 0xffff_ffff).toString(16)}`;
    return [{ id, name, arguments: tokens }];
  });
  return { text: [], calls, finishReason: cut || calls.length < tools.length ? 'length' : 'tool_calls' };
}
