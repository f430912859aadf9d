import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { startApiServer, type ApiServer, type ApiServerOptions } from '../../src/apiserver/server.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import { createLog } from '../../src/telemetry/log.ts';

/** An embedded API of its own for one test file, in a directory that goes with it. */
export interface TestApi {
  server: ApiServer;
  dataDir: string;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** Events of a watch as they come. */
  watch(path: string, signal: AbortSignal): AsyncGenerator<WatchEvent>;
  /** Ends the server and leaves its directory, for another start. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

export interface CallOptions {
  body?: unknown;
  contentType?: string;
  headers?: Record<string, string>;
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  // Tests read whatever the API answers: a wrong shape makes the expectation fail.
  body: JsonAnswer;
}

export interface JsonAnswer {
  [field: string]: unknown;
  message?: string;
  reason?: string;
  metadata?: Record<string, unknown>;
  spec?: Record<string, unknown>;
  status?: unknown;
  items?: JsonAnswer[];
}

export interface WatchEvent {
  type: string;
  object: JsonAnswer;
}

/** Anything that can be asked over HTTP, embedded or real. */
export interface ApiCaller {
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  close(): Promise<void>;
}

/** Asks an API that runs already, as its administrator. */
export function connectTo(target: { url: string; caCertificate: string; token: string }): ApiCaller {
  const agent = new Agent({ connect: { ca: target.caCertificate } });
  return {
    call: async (method, path, options) => answerOf(await sendTo(target, agent, method, path, options)),
    close: () => agent.destroy(),
  };
}

function sendTo(
  target: { url: string; token: string },
  agent: Agent,
  method: string,
  path: string,
  { body, contentType, headers }: CallOptions = {},
  signal?: AbortSignal,
) {
  return request(`${target.url}${path}`, {
    dispatcher: agent,
    method: method as 'GET',
    headers: {
      authorization: `Bearer ${target.token}`,
      ...(body !== undefined && { 'content-type': contentType ?? 'application/json' }),
      ...headers,
    },
    body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal && { signal }),
  });
}

async function answerOf(response: Awaited<ReturnType<typeof request>>): Promise<Answer> {
  const text = await response.body.text();
  const isJson = String(response.headers['content-type']).startsWith('application/json');
  return {
    status: response.statusCode,
    headers: response.headers,
    body: isJson ? (JSON.parse(text) as JsonAnswer) : { text },
  };
}

export async function startTestApi(options: Partial<ApiServerOptions> = {}): Promise<TestApi> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'headgate-api-')));
  const server = await startApiServer({ dataDir, kinds: allKinds, log: createLog({ level: 'silent' }), ...options });
  const agent = new Agent({ connect: { ca: server.caCertificate } });
  return {
    server,
    dataDir,
    call: async (method, path, callOptions) => answerOf(await sendTo(server, agent, method, path, callOptions)),
    async *watch(path, signal) {
      const response = await sendTo(server, agent, 'GET', path, {}, signal);
      let rest = '';
      try {
        for await (const chunk of response.body as AsyncIterable<Buffer>) {
          const lines = (rest + chunk.toString()).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) yield JSON.parse(line) as WatchEvent;
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
    async stop() {
      await agent.destroy();
      await server.close();
    },
    async close() {
      await agent.destroy();
      await server.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
