import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { serveRegistry as serveMetrics } from '../../src/admin/registrymetrics.ts';
import { processPath, type ProcessingRequest, type ProcessingResponse } from '../../src/envoy/extproc.ts';
import { filterMetadata, readProcessingRequest } from '../../src/envoy/extprocread.ts';
import { writeProcessingResponse } from '../../src/envoy/extprocwrite.ts';
import { startGrpcServer, type GrpcServer } from '../../src/wire/grpcserver.ts';
import { startEpp, type Epp } from '../../src/extproc/epp.ts';
import {
  backend,
  closedPort,
  endpointAt,
  log,
  startFixture,
  table,
  type TestPool,
  until,
  type Fixture,
  type Upstream,
} from './fixture.ts';

/** What a picker does with each message of a call; undefined: it ends the call. */
type Script = (request: ProcessingRequest) => readonly ProcessingResponse[] | undefined;

let fixture: Fixture;
const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await fixture.close();
  for (const close of closers.splice(0)) await close();
});

interface FakePicker {
  readonly server: GrpcServer;
  readonly heard: ProcessingRequest[];
  /** Calls that the gateway has ended. */
  ended: number;
}

async function startFakePicker(script: Script): Promise<FakePicker> {
  const heard: ProcessingRequest[] = [];
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    methods: {},
    streams: {
      [processPath]: (call) => ({
        message: (message: Buffer) => {
          const request = readProcessingRequest(Buffer.from(message));
          heard.push(request);
          const answers = script(request);
          for (const answer of answers ?? []) call.send(writeProcessingResponse(answer));
          if (answers === undefined) call.end();
        },
        end: () => {
          call.end();
        },
        closed: () => {
          fake.ended += 1;
        },
      }),
    },
  });
  const fake: FakePicker = { server, heard, ended: 0 };
  closers.push(() => server.close(0));
  return fake;
}

const chosen = (destination: string, more: { name: string; value: string }[] = []): ProcessingResponse => ({
  type: 'headers',
  phase: 'request',
  common: { headers: { set: [{ name: 'x-gateway-destination-endpoint', value: destination }, ...more] } },
});

async function echo(): Promise<Upstream> {
  return fixture.upstream((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      response.end(JSON.stringify({ port: request.socket.localPort, headers: request.headers, body }));
    });
  });
}

interface Echoed {
  port: number;
  headers: Record<string, string>;
  body: string;
}

function pool(upstreams: readonly Upstream[], picker: TestPool['picker'], more: Partial<TestPool> = {}): TestPool {
  const endpoints = upstreams.map(({ endpoint }) => endpoint);
  return {
    type: 'pool',
    key: 'ns/p',
    failureMode: 'FailClose',
    protocol: 'http',
    endpoints,
    ...(picker === undefined ? {} : { picker }),
    ...more,
  };
}

const foreign = (
  ports: readonly number[],
  bodyMode: 'duplex' | 'buffered' = 'duplex',
  tls = false,
): TestPool['picker'] => ({ type: 'extProc', tls, bodyMode, endpoints: ports.map((port) => endpointAt(port)) });

const asked = { model: 'm', messages: [{ role: 'user', content: 'x'.repeat(100_000) }] };

describe('a picker that is somebody else’s', () => {
  it('chooses in duplex mode, changes headers and the body, and hears who answered', async () => {
    fixture = await startFixture();
    const upstreams = [await echo(), await echo()];
    const wanted = upstreams[1]?.endpoint.key ?? '';
    const picker = await startFakePicker((request) => {
      if (request.phase === 'response') return [{ type: 'headers', phase: 'response' }];
      if (request.type === 'headers') return [];
      if (request.type !== 'body' || !request.endOfStream) return [];
      const chunk = (text: string, endOfStream: boolean): ProcessingResponse => ({
        type: 'body',
        phase: 'request',
        common: { body: { type: 'chunk', body: Buffer.from(text), endOfStream } },
      });
      const more = [
        { name: 'x-added', value: 'yes' },
        { name: 'host', value: 'elsewhere' },
        { name: 'content-length', value: '9' },
      ];
      return [chosen(wanted, more), chunk('{"model":', false), chunk('"other"}', true)];
    });
    fixture.plane.apply(table([{ model: 'm', backends: [backend(pool(upstreams, foreign([picker.server.port])))] }]));
    const answer = await fixture.chat(asked, { 'x-client': 'c' });
    expect(answer.statusCode).toBe(200);
    const { headers, body } = (await answer.body.json()) as Echoed;
    expect(body).toBe('{"model":"other"}');
    expect(headers).toMatchObject({
      'x-added': 'yes',
      'x-gateway-destination-endpoint': wanted,
      host: `127.0.0.1:${fixture.port}`,
    });
    await until(() => picker.ended === 1, 'the call has ended');
    const [first, ...rest] = picker.heard;
    expect(first?.protocolConfig).toEqual({ requestBodyMode: 'FULL_DUPLEX_STREAMED', responseBodyMode: 'NONE' });
    const sent = first?.type === 'headers' ? new Map(first.headers.entries()) : new Map<string, string>();
    expect([sent.get(':path'), sent.get(':method'), sent.get('x-client')]).toEqual([
      '/v1/chat/completions',
      'POST',
      'c',
    ]);
    const bodies = rest.flatMap((request) => (request.type === 'body' ? [request.body] : []));
    expect(Buffer.concat(bodies).toString()).toBe(JSON.stringify(asked));
    expect(bodies.every(({ length }) => length <= 64 * 1024)).toBe(true);
    const last = picker.heard.at(-1);
    expect(filterMetadata(last?.metadataContext, 'envoy.lb')).toEqual({
      'x-gateway-destination-endpoint-served': wanted,
    });
  });

  it('is given the whole body in buffered mode, and its choice comes as metadata with the body', async () => {
    fixture = await startFixture();
    const upstreams = [await echo(), await echo()];
    const wanted = upstreams[0]?.endpoint.key ?? '';
    const picker = await startFakePicker((request) => {
      if (request.type === 'headers') return [{ type: 'headers', phase: request.phase }];
      const dynamicMetadata = { 'envoy.lb': { 'x-gateway-destination-endpoint': wanted } };
      return [{ type: 'body', phase: 'request', common: {}, dynamicMetadata }];
    });
    const target = pool(upstreams, foreign([picker.server.port], 'buffered'));
    fixture.plane.apply(table([{ model: 'm', backends: [backend(target)] }]));
    const answer = (await (await fixture.chat(asked)).body.json()) as Echoed;
    expect(answer.body).toBe(JSON.stringify(asked));
    expect(answer.headers['x-gateway-destination-endpoint']).toBe(wanted);
    expect(picker.heard.filter(({ type }) => type === 'body')).toHaveLength(1);
  });

  it('names fallbacks, which are tried in turn; what is no endpoint of the pool is not', async () => {
    fixture = await startFixture();
    const up = await echo();
    const dead = endpointAt(await closedPort());
    const picker = await startFakePicker((request) =>
      request.phase === 'request' ? [chosen(`127.0.0.1:1,${dead.key}, ${up.endpoint.key}`)] : [],
    );
    const target = pool([up], foreign([picker.server.port]), { endpoints: [dead, up.endpoint] });
    fixture.plane.apply(table([{ backends: [backend(target)] }]));
    const answer = await fixture.call('/anything');
    expect(answer.statusCode).toBe(200);
    expect(((await answer.body.json()) as Echoed).headers['x-gateway-destination-endpoint']).toBe(up.endpoint.key);
  });

  it('refuses with an answer of its own', async () => {
    fixture = await startFixture();
    const picker = await startFakePicker(() => [
      {
        type: 'immediate',
        response: {
          status: 429,
          headers: { set: [{ name: 'x-llm-d-request-dropped-reason', value: 'rejected-saturated' }] },
          body: 'too busy',
        },
      },
    ]);
    fixture.plane.apply(
      table([{ model: 'm', backends: [backend(pool([await echo()], foreign([picker.server.port])))] }]),
    );
    const answer = await fixture.chat(asked);
    expect([answer.statusCode, answer.headers['x-llm-d-request-dropped-reason'], await answer.body.text()]).toEqual([
      429,
      'rejected-saturated',
      'too busy',
    ]);
  });

  const broken: [string, Script, RegExp][] = [
    ['ends without a choice', () => undefined, /chose nothing/],
    ['chooses an endpoint elsewhere', () => [chosen('10.9.9.9:80')], /not of the pool/],
    ['does not answer', () => [], /did not choose within 200 ms/],
  ];
  it.each(broken)('that %s: the failureMode decides', async (_, script, text) => {
    fixture = await startFixture({ foreignPickerTimeoutMs: 200 });
    const up = await echo();
    const picker = await startFakePicker(script);
    for (const failureMode of ['FailClose', 'FailOpen'] as const) {
      const target = pool([up], foreign([picker.server.port]), { failureMode });
      fixture.plane.apply(table([{ backends: [backend(target)] }]));
      const answer = await fixture.call('/x');
      const body = await answer.body.text();
      expect(answer.statusCode).toBe(failureMode === 'FailOpen' ? 200 : 503);
      if (failureMode === 'FailClose') expect(body).toMatch(text);
    }
  });

  const immediate = (status: number, name = 'x-a', value = 'b'): Script => {
    const headers = { set: [{ name, value }] };
    return () => [{ type: 'immediate', response: { status, headers, body: 'refused' } }];
  };
  const many = Array.from({ length: 20_000 }, (_, at) => ({ name: `x-${at}`, value: 'v' }));
  const flood: ProcessingResponse = {
    type: 'body',
    phase: 'response',
    common: { body: { type: 'chunk', body: Buffer.alloc(512 * 1024), endOfStream: false } },
  };
  const ofThePool = (changes: { name: string; value: string }[]): Script => {
    return () => [chosen('127.0.0.1:1', changes)];
  };
  const hostile: [string, Script, RegExp, limited?: true][] = [
    ['answers with status 99', immediate(99), /answers with status 99; 200 to 599 expected/],
    ['answers with status 101', immediate(101), /answers with status 101/],
    ['answers with status 1000', immediate(1000), /answers with status 1000/],
    ['answers with CR LF in a header', immediate(429, 'x-a', 'b\r\nset-cookie: c'), /sets header "x-a" to a value/],
    ['answers with characters that are no bytes', immediate(429, 'x-a', '\u4f60'), /sets header "x-a" to a value/],
    ['answers with a header that has no name', immediate(429, ''), /name is no HTTP token: ""/],
    ['sets a header of the request to CR LF', ofThePool([{ name: 'x-a', value: '\r\n' }]), /sets header "x-a"/],
    ['sets a header with a space in its name', ofThePool([{ name: 'x a', value: '' }]), /no HTTP token: "x a"/],
    ['sets 20,000 headers', ofThePool(many), /changes more than 200 headers/, true],
    ['sets a header of 100 kB', ofThePool([{ name: 'x-a', value: 'v'.repeat(1e5) }]), /more than 65536 bytes/, true],
    ['sends without an end', () => Array.from({ length: 8 }, () => flood), /sent more than \d+ bytes/, true],
  ];
  it.each(hostile)('that %s is refused at once: the failureMode decides', async (_, script, text, limited) => {
    fixture = await startFixture();
    const up = await echo();
    const picker = await startFakePicker(script);
    for (const failureMode of ['FailClose', 'FailOpen'] as const) {
      const target = pool([up], foreign([picker.server.port]), { failureMode });
      fixture.plane.apply(table([{ backends: [backend(target)] }]));
      const answer = await fixture.call('/x');
      const body = await answer.body.text();
      expect(answer.statusCode).toBe(failureMode === 'FailOpen' ? 200 : 503);
      if (failureMode === 'FailClose') expect(body).toMatch(text);
    }
    const hits = limited === true ? 2 : 0;
    expect(await fixture.plane.metrics()).toContain(`headgate_limits_hit_total{limit="picker_answer"} ${hits}`);
  });

  it('has replicas: one that is unreachable is passed over, and none is the failureMode’s case', async () => {
    fixture = await startFixture();
    const up = await echo();
    const picker = await startFakePicker((request) => (request.phase === 'request' ? [chosen(up.endpoint.key)] : []));
    const dead = await closedPort();
    fixture.plane.apply(table([{ backends: [backend(pool([up], foreign([dead, picker.server.port])))] }]));
    for (let round = 0; round < 4; round += 1) expect((await fixture.call('/x')).statusCode).toBe(200);
    fixture.plane.apply(table([{ backends: [backend(pool([up], foreign([dead])))] }]));
    const answer = await fixture.call('/x');
    expect(answer.statusCode).toBe(503);
    expect(await answer.body.text()).toContain(
      'InferencePool ns/p is without a choice: its endpoint picker did not choose',
    );
  });

  it('is let go when the client goes away first', async () => {
    fixture = await startFixture();
    const picker = await startFakePicker(() => []);
    fixture.plane.apply(table([{ backends: [backend(pool([await echo()], foreign([picker.server.port])))] }]));
    const socket = fixture.socket();
    socket.write('GET /x HTTP/1.1\r\nhost: h\r\n\r\n');
    await until(() => picker.heard.length === 1, 'the picker is asked');
    socket.destroy();
    await until(() => picker.ended === 1, 'the call has ended');
    await until(() => fixture.plane.stats().inFlight === 0, 'the request is over');
  });

  it('can be our own program, over TLS with the certificate that it signs itself', async () => {
    fixture = await startFixture();
    const upstreams = [await echo(), await echo()];
    const file = await poolFile(upstreams);
    const ports = ['--grpc-port', '0', '--grpc-health-port', '0', '--metrics-port', '0', '--drain-timeout', '100ms'];
    const config = `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [{ type: random-picker }]
schedulingProfiles: [{ name: default, plugins: [{ pluginRef: random-picker }] }]`;
    const epp: Epp = await startEpp(['--pool-name', 'p', '--endpoints-file', file, '--config-text', config, ...ports], {
      serveMetrics,
      env: {},
      log,
    });
    closers.push(() => epp.close());
    for (const bodyMode of ['duplex', 'buffered'] as const) {
      const target = pool(upstreams, foreign([epp.ports.grpc], bodyMode, true));
      fixture.plane.apply(table([{ model: 'm', backends: [backend(target)] }]));
      const seen = new Set<number>();
      for (let round = 0; round < 40; round += 1) {
        const answer = await fixture.chat(asked);
        expect(answer.statusCode).toBe(200);
        const { port, body } = (await answer.body.json()) as Echoed;
        expect(body).toBe(JSON.stringify(asked));
        seen.add(port);
      }
      expect(seen.size).toBe(2);
    }
  });
});

describe('a pool without a picker', () => {
  const none = { type: 'none', cause: 'NotReady', reason: 'Service epp has no ready endpoint' } as const;

  it('answers 503 with FailClose, and any endpoint answers with FailOpen', async () => {
    fixture = await startFixture();
    const upstreams = [await echo(), await echo()];
    fixture.plane.apply(table([{ backends: [backend(pool(upstreams, none))] }]));
    const answer = await fixture.call('/x');
    expect([answer.statusCode, await answer.body.text()]).toEqual([
      503,
      'InferencePool ns/p has no endpoint picker: Service epp has no ready endpoint',
    ]);
    fixture.plane.apply(table([{ backends: [backend(pool(upstreams, none, { failureMode: 'FailOpen' }))] }]));
    const seen = new Set<number>();
    for (let round = 0; round < 40; round += 1) {
      seen.add(((await (await fixture.call('/x')).body.json()) as Echoed).port);
    }
    expect(seen.size).toBe(2);
  });
});

async function poolFile(upstreams: readonly Upstream[]): Promise<string> {
  const directory = await mkdtemp(`${tmpdir()}/headgate-foreign-`);
  closers.push(() => rm(directory, { recursive: true }));
  const lines = upstreams.map(
    ({ endpoint }, at) => `- {address: ${endpoint.address}, port: ${endpoint.port}, name: p${at}}`,
  );
  await writeFile(`${directory}/pool.yaml`, `endpoints:\n${lines.join('\n')}\n`);
  return `${directory}/pool.yaml`;
}
