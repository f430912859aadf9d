import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { chatShape, completionShape, errorBody, type AnswerHead, type AnswerShape } from '../llm/server/answers.ts';
import { createEventStream, responseSink, sendWhole } from '../llm/server/eventstream.ts';
import {
  HttpError,
  listenAddress,
  parseJsonObject,
  podHeaders,
  readBody,
  routed,
  sendJson,
  sendText,
  startHttpServer,
  type Handler,
  type JsonObject,
  type ProgramOptions,
  type RunningProgram,
} from '../llm/server/http.ts';
import { createMetrics, type EngineLoad, type EngineMetrics } from '../llm/server/metrics.ts';
import { parseModel, refusal, tokenBudget, type GenerationOptions } from '../llm/server/requests.ts';
import type { Log } from '../telemetry/log.ts';
import { readConfig, type LlamaCppConfig } from './flags.ts';
import { bestSequence, generateOn } from './generate.ts';
import { loadModel, type LoadedModel } from './model.ts';
import { parseRequest, promptOf, type PromptEndpoint } from './requests.ts';
import type { LlamaSequence, Token } from './runtime.ts';
import { parseSampling, type Sampling } from './sampling.ts';
import { createSlots, type Slots } from './slots.ts';

/**
 * Serves a GGUF file with llama.cpp, as vLLM serves a model: the same OpenAI endpoints, the same names of metrics. The embedded
 * node runs it for images that the catalog maps to a `gguf`. It listens once the model is loaded.
 *
 * @throws Error that says what to do: flags, runtime or file
 */
export async function startLlamaCpp(
  argv: readonly string[],
  options: ProgramOptions & { log: Log },
): Promise<RunningProgram> {
  const { env, log } = options;
  const { config, notes } = readConfig(argv, env);
  for (const note of notes) log.info(note);
  const host = listenAddress(options, config.host);
  const model = await loadModel(config, log);
  try {
    const service = createService(config, model, log);
    let headers: Record<string, string> = {};
    const server = await startHttpServer({
      host,
      port: config.port,
      handle: async (request, response) => {
        for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
        await service(request, response);
      },
      fail: (response, error) => sendJson(response, error.status, errorBody(error.status, error.message)),
      onInternalError: (error) => log.error({ err: error }, 'request failed'),
    });
    headers = podHeaders(env, server.port);
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${String(server.port)}`;
    const { maxModelLen, sequences } = model;
    log.info(
      { url, gguf: config.gguf, models: config.servedNames, maxModelLen, sequences: sequences.length },
      'serving',
    );
    return {
      url,
      close: async () => {
        await server.close();
        await model.dispose();
      },
    };
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

/** What all requests share. */
interface Service {
  readonly config: LlamaCppConfig;
  readonly model: LoadedModel;
  readonly slots: Slots<LlamaSequence>;
  readonly metrics: EngineMetrics;
}

const fingerprint = 'headgate-llamacpp';
/** vLLM's: prompts are compared in blocks of so many tokens by those who pick endpoints. */
const blockSize = 16;

function createService(config: LlamaCppConfig, model: LoadedModel, log: Log): Handler {
  const slots = createSlots(model.sequences, config.maxWaiting, (error) => {
    log.error({ err: error }, 'generation failed');
  });
  const capacity = model.maxModelLen * model.sequences.length;
  const metrics = createMetrics({
    model: config.servedNames[0],
    maxLoras: 0,
    blockSize,
    blocks: Math.floor(capacity / blockSize),
    names: ['vllm'],
    unixSeconds: () => Date.now() / 1000,
  });
  const service: Service = { config, model, slots, metrics };
  const load = (): EngineLoad => ({
    running: slots.running,
    waiting: slots.waiting,
    runningLoras: [],
    waitingLoras: [],
    kvCacheUsage: slots.busy().reduce((sum, { nextTokenIndex }) => sum + nextTokenIndex, 0) / capacity,
  });
  const created = Math.floor(Date.now() / 1000);
  const readJson = async (request: IncomingMessage): Promise<JsonObject> =>
    parseJsonObject((await readBody(request, config.maxBodyBytes)).toString());
  const generation =
    (endpoint: PromptEndpoint, shape: AnswerShape): Handler =>
    async (request, response) => {
      const body = await readJson(request);
      checkModel(config, parseModel(body));
      const asked = parseRequest(endpoint, body);
      complete(
        service,
        { asked, sampling: parseSampling(body), prompt: promptOf(endpoint, body, model) },
        shape,
        response,
      );
    };

  return routed({
    'POST /v1/chat/completions': generation('chat', chatShape),
    'POST /v1/completions': generation('completion', completionShape),
    'POST /tokenize': async (request, response) => {
      const body = await readJson(request);
      if (body['model'] !== undefined) checkModel(config, parseModel(body));
      const tokens = promptOf(body['messages'] === undefined ? 'completion' : 'chat', body, model);
      sendJson(response, 200, { count: tokens.length, max_model_len: model.maxModelLen, tokens });
    },
    'GET /v1/models': (_, response) => {
      const entry = { object: 'model', created, owned_by: fingerprint, root: config.model, parent: null };
      const data = config.servedNames.map((id) => ({ ...entry, id, max_model_len: model.maxModelLen }));
      sendJson(response, 200, { object: 'list', data });
    },
    'GET /health': (_, response) => sendText(response, 200, ''),
    'GET /metrics': (_, response) => {
      sendText(response, 200, metrics.render(load()), 'text/plain; version=0.0.4; charset=utf-8');
    },
  });
}

function checkModel({ servedNames }: LlamaCppConfig, name: string): void {
  if (!servedNames.includes(name)) throw new HttpError(404, `The model \`${name}\` does not exist.`);
}

interface CompletionRequest {
  readonly asked: GenerationOptions;
  readonly sampling: Sampling;
  readonly prompt: readonly Token[];
}

/**
 * Answers one chat or text completion, whole or as a stream. A client that goes away gives its place back.
 *
 * @throws HttpError before anything was sent: 400 too long, 429 queue full
 */
function complete(service: Service, request: CompletionRequest, shape: AnswerShape, response: ServerResponse): void {
  const { config, model, slots, metrics } = service;
  const { asked, sampling, prompt } = request;
  if (response.destroyed) return; // The client left while its body was read.
  if (prompt.length === 0) throw refusal('prompt', 'there is nothing to go on from');
  const maxTokens = tokenBudget(prompt.length, asked.maxTokens, model.maxModelLen);
  const head: AnswerHead = {
    id: `${shape.idPrefix}${randomUUID().replaceAll('-', '')}`,
    created: Math.floor(Date.now() / 1000),
    model: config.servedNames[0],
    fingerprint,
  };
  const gone = new AbortController();
  response.on('close', () => {
    gone.abort();
  });
  const queuedAt = performance.now();
  const run = async (sequence: LlamaSequence): Promise<void> => {
    const startedAt = performance.now();
    const sink = responseSink(response);
    const stream = asked.stream ? createEventStream(sink, head, shape) : undefined;
    let text = '';
    let cachedTokens = 0;
    let firstTokenAt = 0;
    let lastAt = 0;
    const show = (piece: string): void => {
      text += piece;
      if (piece !== '') stream?.write([piece]);
    };
    const generated = await generateOn(sequence, model, {
      prompt,
      maxTokens,
      options: asked,
      sampling,
      prefixCaching: config.prefixCaching,
      signal: gone.signal,
      onPrompt: (cached) => {
        cachedTokens = cached;
      },
      onToken: (piece) => {
        const now = performance.now();
        if (firstTokenAt === 0) firstTokenAt = now;
        else metrics.observeInterToken((now - lastAt) / 1000, 1);
        lastAt = now;
        show(piece);
      },
    });
    const { completionTokens, finishReason } = generated;
    if (finishReason === 'abort') return;
    show(generated.text);
    const doneAt = performance.now();
    const timing = { queuedAt, startedAt, firstTokenAt: firstTokenAt || doneAt, doneAt, cachedTokens };
    const promptTokens = prompt.length;
    metrics.observePrefix(promptTokens, cachedTokens);
    metrics.observeRequest({ timing, promptTokens, outputTokens: completionTokens, maxTokens, finishReason });
    const usage = { promptTokens, completionTokens, cachedTokens };
    if (stream === undefined) sendWhole(sink, shape.whole(head, text, finishReason, usage));
    else stream.close(finishReason, asked.includeUsage ? usage : undefined);
  };
  const accepted = slots.submit({
    signal: gone.signal,
    choose: (free) => bestSequence(free, prompt),
    run: async (sequence) => {
      try {
        await run(sequence);
      } catch (error) {
        fail(response);
        throw error;
      }
    },
  });
  if (!accepted) {
    throw new HttpError(429, `The waiting queue is full (--max-waiting-queue-length ${String(config.maxWaiting)})`);
  }
}

/** What happens to the client when the engine breaks down, which the log has. */
function fail(response: ServerResponse): void {
  if (response.headersSent || response.destroyed) response.destroy();
  else sendJson(response, 500, errorBody(500, 'internal error'));
}
