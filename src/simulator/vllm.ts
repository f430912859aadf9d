import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '../telemetry/log.ts';
import { changeRuntimeConfig, showRuntimeConfig, type RuntimeConfig } from './admin.ts';
import { anthropicError, errorBody } from '../llm/server/answers.ts';
import { realClock } from './clock.ts';
import { createEngine } from './engine.ts';
import { fakeLoad } from './fakemetrics.ts';
import { drawFailure, requestedFailure, troubles, type Trouble } from './failures.ts';
import { readSimulatorConfig, type SimulatorConfig } from './flags.ts';
import { generate, type AnswerEndpoint, type GenerationContext } from './generation.ts';
import { reset } from '../llm/server/h2c.ts';
import {
  HttpError,
  listenAddress,
  parseJsonObject,
  readBody,
  routed,
  sendJson,
  sendText,
  startHttpServer,
  type Env,
  type Handler,
  type JsonObject,
  type ProgramOptions,
  type RunningProgram,
} from '../llm/server/http.ts';
import { simulatedHeaders } from './headers.ts';
import { startKvEvents } from './kvevents.ts';
import { createMetrics } from '../llm/server/metrics.ts';
import { createServedModels } from './models.ts';
import { createPrefixCache, type BlockEvents } from './prefixcache.ts';
import { createRandom } from './random.ts';
import { chatFormat } from './answers/chat.ts';
import { completionFormat } from './answers/completion.ts';
import { messagesFormat } from './answers/messages.ts';
import { responsesFormat } from './answers/responses.ts';
import { parseCountedMessages, parseMessagesRequest } from './requests/messages.ts';
import { parseChatRequest, parseCompletionRequest, type GenerationRequest } from './requests/requests.ts';
import { parseResponsesRequest } from './requests/responses.ts';
import { embeddings, rendered, tokenized } from './tokenendpoints.ts';

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
): Promise<Simulator> {
  const { env, log } = options;
  const { config, ignored } = readSimulatorConfig(argv, env);
  for (const flag of ignored) log.info({ flag }, 'flag accepted: it has no effect in a simulation');
  const host = listenAddress(options, config.host);
  if (config.host !== undefined && config.host !== host) {
    log.info({ flag: config.host, host }, 'flag --host overridden by the address that the environment gives');
  }
  const ranks: SimulatorRank[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(ranks.map((rank) => rank.close()));
  };
  try {
    for (let at = 0; at < config.dataParallelSize; at += 1) {
      const port = config.port === 0 ? 0 : config.port + at;
      ranks.push(await startRank({ ...config, port }, config.dataParallelRank + at, host, env, log));
    }
  } catch (error) {
    await close();
    throw error;
  }
  const url = ranks[0]?.url ?? '';
  log.info(
    { url, ranks: ranks.length, models: config.servedNames, mode: config.mode },
    'simulator listening: answers are simulated',
  );
  return { url, ranks, close };
}

export interface Simulator extends RunningProgram {
  /** Data-parallel ranks: one, unless --data-parallel-size says otherwise. */
  ranks: readonly SimulatorRank[];
}

export interface SimulatorRank extends RunningProgram {
  /** Where its KV events can be subscribed to and replayed; undefined: nowhere. */
  kvEventsPort: number | undefined;
  replayPort: number | undefined;
}

async function startRank(
  config: SimulatorConfig,
  rank: number,
  host: string,
  env: Env,
  log: Log,
): Promise<SimulatorRank> {
  const [model] = config.servedNames;
  const { blockSize } = config;
  const kvEvents =
    config.kvEvents && (await startKvEvents({ settings: config.kvEvents, rank, host, model, blockSize, log }));
  const simulator = createSimulator(config, kvEvents?.events);
  let headers: Record<string, string> = {};
  try {
    const server = await startHttpServer({
      host,
      port: config.port,
      handle: async (request, response) => {
        for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
        const requestId = request.headers['x-request-id'];
        if (config.requestIdHeaders && requestId !== undefined) response.setHeader('x-request-id', requestId);
        await simulator.handle(request, response);
      },
      fail: (response, error) => sendJson(response, error.status, errorFor(response.req.url, error)),
      onInternalError: (error) => log.error({ err: error }, 'request failed'),
    });
    headers = simulatedHeaders(env, server.port);
    kvEvents?.open(server.port);
    return {
      url: `http://${host.includes(':') ? `[${host}]` : host}:${String(server.port)}`,
      kvEventsPort: kvEvents?.port,
      replayPort: kvEvents?.replayPort,
      close: async () => {
        simulator.letGo();
        await server.close();
        await kvEvents?.close();
      },
    };
  } catch (error) {
    await kvEvents?.close();
    throw error;
  }
}

interface SimulatedServer {
  handle: Handler;
  /** Ends requests that would never be answered. */
  letGo: () => void;
}

function createSimulator(config: SimulatorConfig, events: BlockEvents | undefined): SimulatedServer {
  const startedAt = realClock.now();
  const random = createRandom(config.seed);
  let runtime: RuntimeConfig = {
    latency: config.latency,
    failureRate: config.failureRate,
    failureTypes: config.failureTypes,
    fakeMetrics: config.fakeMetrics,
    ready: true,
  };
  let fakeSince = startedAt;
  const hanging = new Set<ServerResponse>();
  let closing = false;
  const { kvCache } = config;
  const metrics = createMetrics({
    model: config.servedNames[0],
    maxLoras: config.maxLoras,
    blockSize: config.blockSize,
    blocks: kvCache?.blocks ?? 0,
    names: config.metricNames,
    unixSeconds: () => Date.now() / 1000,
  });
  const engine = createEngine({
    settings: config,
    latency: () => runtime.latency,
    clock: realClock,
    random,
    cache:
      kvCache &&
      createPrefixCache(kvCache.blocks, kvCache.blockSize, { seed: kvCache.hashSeed, ...(events && { events }) }),
    onChange: () => metrics.observeLoras(engine.load()),
  });
  const models = createServedModels(config, Math.floor(Date.now() / 1000));
  const context: GenerationContext = { config, models, engine, metrics, random };

  const readJson = async (request: IncomingMessage): Promise<JsonObject> =>
    parseJsonObject((await readBody(request, config.maxBodyBytes)).toString());
  /** Model endpoints fail when they are asked to, or by the rate. @throws HttpError for a failure that is a status */
  const troubleOf = (request: IncomingMessage): Trouble | undefined => {
    const header = request.headers['x-return-error'];
    const wanted = requestedFailure(Array.isArray(header) ? header[0] : header);
    if (wanted === 'invalid') {
      throw new HttpError(400, `X-Return-Error: a status from 400 to 599 or one of ${troubles.join(', ')} expected`);
    }
    const failure = wanted ?? drawFailure(runtime.failureRate, runtime.failureTypes, random);
    if (failure === undefined) return undefined;
    if ('trouble' in failure) return failure.trouble;
    throw new HttpError(failure.status, failure.message);
  };
  /** Does what keeps a request from any answer; false when there is nothing of the kind. */
  const isLost = (trouble: Trouble | undefined, request: IncomingMessage, response: ServerResponse): boolean => {
    if (trouble === 'connection_reset') reset(request);
    else if (trouble === 'hang' && closing) response.destroy();
    else if (trouble === 'hang') {
      hanging.add(response);
      response.on('close', () => hanging.delete(response));
    } else return false;
    return true;
  };
  const modelEndpoint =
    (answer: (body: JsonObject, response: ServerResponse, trouble: Trouble | undefined) => void): Handler =>
    async (request, response) => {
      const body = await readJson(request);
      const trouble = troubleOf(request);
      if (!isLost(trouble, request, response)) answer(body, response, trouble);
    };
  const generation = (parse: (body: JsonObject) => GenerationRequest, endpoint: AnswerEndpoint): Handler =>
    modelEndpoint((body, response, trouble) => {
      generate(context, parse(body), endpoint, response, trouble);
    });
  const configure = (changes: JsonObject): void => {
    runtime = changeRuntimeConfig(runtime, changes);
    if (changes['fake-metrics'] !== undefined) fakeSince = realClock.now();
  };

  const routes: Readonly<Record<string, Handler>> = {
    'POST /v1/chat/completions': generation(parseChatRequest, { idPrefix: 'chatcmpl-', format: chatFormat }),
    'POST /v1/completions': generation(parseCompletionRequest, { idPrefix: 'cmpl-', format: completionFormat }),
    'POST /v1/responses': generation(parseResponsesRequest, { idPrefix: 'resp_', format: responsesFormat }),
    'POST /v1/messages': generation(parseMessagesRequest, { idPrefix: 'msg_', format: messagesFormat }),
    'POST /v1/messages/count_tokens': modelEndpoint((body, response) => {
      const { model, promptTokens } = parseCountedMessages(body);
      models.resolve(model);
      sendJson(response, 200, { input_tokens: promptTokens.length });
    }),
    'POST /v1/embeddings': modelEndpoint((body, response) => {
      sendJson(response, 200, embeddings(context, body));
    }),
    'POST /tokenize': async (request, response) => sendJson(response, 200, tokenized(context, await readJson(request))),
    'POST /v1/chat/completions/render': modelEndpoint((body, response) => {
      sendJson(response, 200, rendered(context, body, parseChatRequest(body)));
    }),
    'POST /v1/completions/render': modelEndpoint((body, response) => {
      sendJson(response, 200, [rendered(context, body, parseCompletionRequest(body))]);
    }),
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
      if (!runtime.ready) throw new HttpError(503, 'The simulated model is not ready: POST /admin/config says so');
      if (left > 0) throw new HttpError(503, `The simulated model is loading: ready in ${String(Math.ceil(left))} ms`);
      sendText(response, 200, '');
    },
    'GET /metrics': (_, response) => {
      const refresh = config.fakeMetricsRefreshMs;
      const fakeForMs = Math.floor((realClock.now() - fakeSince) / refresh) * refresh;
      const { fakeMetrics: fake } = runtime;
      const text =
        fake === undefined ? metrics.render(engine.load()) : metrics.renderState(fakeLoad(fake, fakeForMs), fake.loras);
      sendText(response, 200, text, 'text/plain; version=0.0.4; charset=utf-8');
    },
    'GET /admin/config': (_, response) => sendJson(response, 200, showRuntimeConfig(runtime)),
    'POST /admin/config': async (request, response) => {
      configure(await readJson(request));
      sendJson(response, 200, showRuntimeConfig(runtime));
    },
    // The former way to change fake metrics.
    'POST /fake_metrics': async (request, response) => {
      configure({ 'fake-metrics': await readJson(request) });
      sendJson(response, 200, showRuntimeConfig(runtime));
    },
  };

  return {
    handle: routed(routes),
    letGo() {
      closing = true;
      for (const response of hanging) response.destroy();
    },
  };
}

/** In the shape of the API that was asked. */
function errorFor(path: string | undefined, { status, message }: HttpError): object {
  return path?.startsWith('/v1/messages') === true ? anthropicError(status, message) : errorBody(status, message);
}

function loraName(body: JsonObject): string {
  const name = body['lora_name'];
  if (typeof name !== 'string' || name === '') throw new HttpError(400, 'lora_name: the name of an adapter expected');
  return name;
}
