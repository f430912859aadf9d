import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '../telemetry/log.ts';
import { changeRuntimeConfig, showRuntimeConfig, type RuntimeConfig } from './admin.ts';
import { chatShape, completionShape, errorBody, type AnswerShape } from './answers.ts';
import { realClock } from './clock.ts';
import { createEngine } from './engine.ts';
import { drawFailure, requestedFailure } from './failures.ts';
import { readSimulatorConfig, type SimulatorConfig } from './flags.ts';
import { generate, type GenerationContext } from './generation.ts';
import {
  HttpError,
  listenAddress,
  parseJsonObject,
  podHeaders,
  readBody,
  sendJson,
  sendText,
  startHttpServer,
  type JsonObject,
  type ProgramOptions,
  type RunningProgram,
} from './http.ts';
import { createMetrics } from './metrics.ts';
import { createServedModels } from './models.ts';
import { createPrefixCache } from './prefixcache.ts';
import { createRandom } from './random.ts';
import {
  parseChatRequest,
  parseCompletionRequest,
  parseEmbeddingRequest,
  parseModel,
  type GenerationRequest,
} from './requests.ts';
import { tokenId, tokenize } from './text.ts';

/**
 * A model server that behaves like vLLM and generates nothing: the embedded node runs it for the images of vLLM and of
 * llm-d's simulator, whose flags it takes (epp.md 9). Every answer says that it is simulated: in its text, in
 * `system_fingerprint` and in the header `x-headgate-simulated`.
 *
 * @throws FlagError for a command line that it does not understand
 */
export async function startSimulator(
  argv: readonly string[],
  options: ProgramOptions & { log: Log },
): Promise<RunningProgram> {
  const { env, log } = options;
  const { config, ignored } = readSimulatorConfig(argv, env);
  for (const flag of ignored) log.info({ flag }, 'flag accepted: it has no effect in a simulation');
  if (config.kvCache !== undefined) log.info('prefix cache simulated: its events are not published');
  const host = listenAddress(options, config.host);
  if (config.host !== undefined && config.host !== host) {
    log.info({ flag: config.host, host }, 'flag --host overridden by the address that the environment gives');
  }
  const simulator = createSimulator(config);
  let headers: Record<string, string> = {};
  const server = await startHttpServer({
    host,
    port: config.port,
    handle: async (request, response) => {
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      const requestId = request.headers['x-request-id'];
      if (config.requestIdHeaders && requestId !== undefined) response.setHeader('x-request-id', requestId);
      await simulator.handle(request, response);
    },
    fail: (response, error) => sendJson(response, error.status, errorBody(error.status, error.message)),
    onInternalError: (error) => log.error({ err: error }, 'request failed'),
  });
  headers = podHeaders(env, server.port);
  const url = `http://${host}:${String(server.port)}`;
  log.info({ url, models: config.servedNames, mode: config.mode }, 'simulator listening: answers are simulated');
  return { url, close: () => server.close() };
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

function createSimulator(config: SimulatorConfig): { handle: Handler } {
  const startedAt = realClock.now();
  const random = createRandom(config.seed);
  let runtime: RuntimeConfig = {
    latency: config.latency,
    failureRate: config.failureRate,
    failureTypes: config.failureTypes,
    fakeMetrics: config.fakeMetrics,
  };
  const { kvCache } = config;
  const metrics = createMetrics({
    model: config.servedNames[0],
    maxLoras: config.maxLoras,
    blockSize: config.blockSize,
    blocks: kvCache?.blocks ?? 0,
    unixSeconds: () => Date.now() / 1000,
  });
  const engine = createEngine({
    settings: config,
    latency: () => runtime.latency,
    clock: realClock,
    random,
    cache: kvCache === undefined ? undefined : createPrefixCache(kvCache.blocks, kvCache.blockSize),
    onChange: () => metrics.observeLoras(engine.load()),
  });
  const models = createServedModels(config, Math.floor(Date.now() / 1000));
  const context: GenerationContext = { config, models, engine, metrics, random };

  const readJson = async (request: IncomingMessage): Promise<JsonObject> =>
    parseJsonObject((await readBody(request, config.maxBodyBytes)).toString());
  /** Model endpoints fail when they are asked to, or by the rate. */
  const failIfWanted = (request: IncomingMessage): void => {
    const header = request.headers['x-return-error'];
    const wanted = requestedFailure(Array.isArray(header) ? header[0] : header);
    if (wanted === 'invalid') throw new HttpError(400, 'X-Return-Error: a status from 400 to 599 expected');
    const failure = wanted ?? drawFailure(runtime.failureRate, runtime.failureTypes, random);
    if (failure !== undefined) throw new HttpError(failure.status, failure.message);
  };
  const generation =
    (parse: (body: JsonObject) => GenerationRequest, shape: AnswerShape): Handler =>
    async (request, response) => {
      const body = await readJson(request);
      failIfWanted(request);
      generate(context, parse(body), shape, response);
    };

  const routes: Readonly<Record<string, Handler>> = {
    'POST /v1/chat/completions': generation(parseChatRequest, chatShape),
    'POST /v1/completions': generation(parseCompletionRequest, completionShape),
    'POST /v1/embeddings': async (request, response) => {
      const body = await readJson(request);
      failIfWanted(request);
      sendJson(response, 200, embeddings(context, body));
    },
    'POST /tokenize': async (request, response) => sendJson(response, 200, tokenized(context, await readJson(request))),
    'GET /v1/models': (_, response) => sendJson(response, 200, { object: 'list', data: models.list() }),
    'POST /v1/load_lora_adapter': async (request, response) => {
      const body = await readJson(request);
      const name = loraName(body);
      models.loadLora(name, typeof body['lora_path'] === 'string' ? body['lora_path'] : '');
      sendText(response, 200, `Success: LoRA adapter '${name}' added successfully.`);
    },
    'POST /v1/unload_lora_adapter': async (request, response) => {
      const name = loraName(await readJson(request));
      models.unloadLora(name);
      sendText(response, 200, `Success: LoRA adapter '${name}' removed successfully.`);
    },
    'GET /health': (_, response) => sendText(response, 200, ''),
    'GET /health/ready': (_, response) => {
      const left = config.startupMs - (realClock.now() - startedAt);
      if (left > 0) throw new HttpError(503, `The simulated model is loading: ready in ${String(Math.ceil(left))} ms`);
      sendText(response, 200, '');
    },
    'GET /metrics': (_, response) => {
      const text = metrics.render(engine.load(), runtime.fakeMetrics);
      sendText(response, 200, text, 'text/plain; version=0.0.4; charset=utf-8');
    },
    'GET /admin/config': (_, response) => sendJson(response, 200, showRuntimeConfig(runtime)),
    'POST /admin/config': async (request, response) => {
      runtime = changeRuntimeConfig(runtime, await readJson(request));
      sendJson(response, 200, showRuntimeConfig(runtime));
    },
  };
  const paths = new Set(Object.keys(routes).map((route) => route.slice(route.indexOf(' ') + 1)));

  return {
    async handle(request, response) {
      const path = (request.url ?? '/').replace(/\?.*$/s, '');
      const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '');
      const route = `${method} ${path}`;
      const handler = Object.hasOwn(routes, route) ? routes[route] : undefined;
      if (handler === undefined) {
        throw paths.has(path) ? new HttpError(405, 'Method Not Allowed') : new HttpError(404, `Not Found: ${path}`);
      }
      await handler(request, response);
    },
  };
}

function loraName(body: JsonObject): string {
  const name = body['lora_name'];
  if (typeof name !== 'string' || name === '') throw new HttpError(400, 'lora_name: the name of an adapter expected');
  return name;
}

/** Bounds the size of one answer. */
const maxEmbeddedNumbers = 2_000_000;

/** Vectors of length 1 that depend on nothing but the text. */
function embeddings({ config, models }: GenerationContext, body: JsonObject) {
  const request = parseEmbeddingRequest(body);
  const { name } = models.resolve(request.model);
  const dimensions = request.dimensions ?? config.embeddingDimensions;
  if (request.inputs.length * dimensions > maxEmbeddedNumbers) {
    throw new HttpError(400, `input: more than ${String(maxEmbeddedNumbers)} numbers in the answer; send fewer inputs`);
  }
  if (request.inputs.some((tokens) => tokens.length > config.maxModelLen)) {
    throw new HttpError(400, `input: longer than the model's ${String(config.maxModelLen)} tokens`);
  }
  const promptTokens = request.inputs.reduce((sum, tokens) => sum + tokens.length, 0);
  const data = request.inputs.map((tokens, index) => {
    const random = createRandom(tokens.reduce((hash, token) => (Math.imul(hash, 31) + tokenId(token)) | 0, 7));
    const raw = Array.from({ length: dimensions }, () => random.normal(0, 1));
    const length = Math.hypot(...raw);
    const vector = Float32Array.from(raw, (value) => value / length);
    const embedding =
      request.encoding === 'base64' ? Buffer.from(vector.buffer).toString('base64') : Array.from(vector);
    return { object: 'embedding', index, embedding };
  });
  return { object: 'list', model: name, data, usage: { prompt_tokens: promptTokens, total_tokens: promptTokens } };
}

/** vLLM's /tokenize, for a prompt or for messages. */
function tokenized({ config, models }: GenerationContext, body: JsonObject) {
  models.resolve(parseModel(body));
  const prompt = body['prompt'];
  const tokens = typeof prompt === 'string' ? tokenize(prompt) : parseChatRequest(body).promptTokens;
  return { count: tokens.length, max_model_len: config.maxModelLen, tokens: tokens.map(tokenId) };
}
