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

export async function startTestApi(options: Partial<ApiServerOptions> = {}): Promise<TestApi> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'headgate-api-')));
  const server = await startApiServer({ dataDir, kinds: allKinds, log: createLog({ level: 'silent' }), ...options });
  const agent = new Agent({ connect: { ca: server.caCertificate } });
  const send = (method: string, path: string, { body, contentType, headers }: CallOptions = {}, signal?: AbortSignal) =>
    request(`${server.url}${path}`, {
      dispatcher: agent,
      method: method as 'GET',
      headers: {
        authorization: `Bearer ${server.token}`,
        ...(body !== undefined && { 'content-type': contentType ?? 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
      ...(signal && { signal }),
    });
  return {
    server,
    dataDir,
    async call(method, path, callOptions) {
      const response = await send(method, path, callOptions);
      const text = await response.body.text();
      const isJson = String(response.headers['content-type']).startsWith('application/json');
      return {
        status: response.statusCode,
        headers: response.headers,
        body: isJson ? (JSON.parse(text) as JsonAnswer) : { text },
      };
    },
    async *watch(path, signal) {
      const response = await send('GET', path, {}, signal);
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
