import { afterEach, describe, expect, it, vi } from 'vitest';
import { startGrpcServer } from '../../src/wire/grpcserver.ts';
import { otlpTracePath } from '../../src/telemetry/otlp.ts';
import { FieldReader } from '../../src/wire/protobuf.ts';
import { parseTraceparent, samplerOf } from '../../src/telemetry/tracing.ts';
import { setHeadersOf } from './proxy.ts';
import { startPicker } from './running.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface CollectedSpan {
  name: string;
  trace: string;
  id: string;
  parent: string;
  error: boolean;
  attributes: string;
}

/** A collector as OpenTelemetry's: keeps the spans it is sent. */
async function startCollector() {
  const spans: CollectedSpan[] = [];
  let services = '';
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    methods: {
      [otlpTracePath]: (message) => {
        for (const resourceSpans of parts(Buffer.from(message), 1)) {
          services += parts(resourceSpans, 1).toString();
          for (const scope of parts(resourceSpans, 2)) spans.push(...parts(scope, 2).map(readSpan));
        }
        return new Uint8Array();
      },
    },
  });
  closers.push(() => server.close(0));
  return { url: `http://127.0.0.1:${String(server.port)}`, spans, services: () => services };
}

/** The length-delimited fields of a number. */
function parts(message: Buffer, number: number): Buffer[] {
  const reader = new FieldReader(message);
  const found: Buffer[] = [];
  while (reader.next()) if (reader.number === number && reader.delimited) found.push(reader.bytes);
  return found;
}

function readSpan(span: Buffer): CollectedSpan {
  const hex = (number: number): string => parts(span, number)[0]?.toString('hex') ?? '';
  return {
    name: parts(span, 5)[0]?.toString() ?? '',
    trace: hex(1),
    id: hex(2),
    parent: hex(4),
    error: parts(span, 15).length > 0,
    attributes: Buffer.concat(parts(span, 9)).toString('latin1'),
  };
}

const head = { ':method': 'POST', ':path': '/v1/completions' };
const traceId = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${traceId}-b7ad6b7169203331-01`;

describe('tracing on (epp.md 7.2, 12.1)', () => {
  async function traced(env: Record<string, string> = {}) {
    const collector = await startCollector();
    const picker = await startPicker([{ waiting: 0, kv: 0 }], {
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '10', ...env },
    });
    closers.push(picker.close);
    return { collector, picker };
  }

  it('spans gateway.request and gateway.request_orchestration, in the trace of the client', async () => {
    const { collector, picker } = await traced({ OTEL_SERVICE_NAME: 'my-picker' });
    const exchange = picker.proxy.exchange();
    exchange.headers('request', { ...head, traceparent });
    exchange.body('request', '{"model":"m","prompt":"x"}', true);
    const sent = setHeadersOf(await exchange.next())['traceparent'];
    await exchange.next();
    exchange.headers('response', { ':status': '200' }, { endOfStream: true });
    await exchange.next();
    await exchange.finish();
    await vi.waitUntil(() => collector.spans.some(({ name }) => name === 'gateway.request'), { timeout: 30_000 });
    const byName = new Map(collector.spans.map((span) => [span.name, span]));
    const request = byName.get('gateway.request');
    expect([...byName.keys()].toSorted()).toEqual([
      'gateway.request',
      'gateway.request_orchestration',
      'llm_d.epp.request_body',
      'llm_d.epp.response',
    ]);
    expect(request).toMatchObject({ trace: traceId, parent: 'b7ad6b7169203331', error: false });
    expect(byName.get('gateway.request_orchestration')).toMatchObject({ trace: traceId, parent: request?.id });
    expect(byName.get('gateway.request_orchestration')?.attributes).toContain(picker.servers[0]?.key);
    expect(sent).toBe(`00-${traceId}-${request?.id ?? ''}-01`);
    expect(collector.services()).toContain('my-picker');
  });

  it('a refused request is an error', async () => {
    const { collector, picker } = await traced({ OTEL_TRACES_SAMPLER: 'always_on' });
    const exchange = picker.proxy.exchange();
    exchange.headers('request', head);
    exchange.body('request', 'no json', true);
    await exchange.next();
    await exchange.finish();
    await vi.waitUntil(() => collector.spans.some(({ name }) => name === 'gateway.request'), { timeout: 30_000 });
    expect(collector.spans.find(({ name }) => name === 'gateway.request')).toMatchObject({ error: true, parent: '' });
  });

  it('a client that does not want its trace sampled is obeyed', async () => {
    const { collector, picker } = await traced({ OTEL_TRACES_SAMPLER: 'parentbased_always_on' });
    for (const parent of [traceparent.replace(/01$/, '00'), traceparent]) {
      const exchange = picker.proxy.exchange();
      exchange.headers(
        'request',
        { ':method': 'GET', ':path': '/v1/models', traceparent: parent },
        { endOfStream: true },
      );
      expect(setHeadersOf(await exchange.next())['traceparent']).toMatch(
        new RegExp(`^00-${traceId}-\\w{16}-${parent.slice(-2)}$`),
      );
      await exchange.finish();
    }
    await vi.waitUntil(() => collector.spans.some(({ name }) => name === 'gateway.request'), { timeout: 30_000 });
    expect(collector.spans.filter(({ name }) => name === 'gateway.request')).toHaveLength(1);
  });

  it('a header that is passed on as it is where nothing is traced', async () => {
    const picker = await startPicker([{ waiting: 0, kv: 0 }]);
    closers.push(picker.close);
    const exchange = picker.proxy.exchange();
    exchange.headers('request', { ...head, traceparent });
    exchange.body('request', '{"model":"m","prompt":"x"}', true);
    expect(setHeadersOf(await exchange.next())['traceparent']).toBeUndefined();
    await exchange.finish();
  });

  it.each([
    [{ OTEL_TRACES_EXPORTER: 'zipkin' }, /OTEL_TRACES_EXPORTER: otlp, console or none expected, got zipkin/],
    [{ OTEL_TRACES_SAMPLER: 'sometimes' }, /OTEL_TRACES_SAMPLER.*got sometimes/],
    [{ OTEL_TRACES_SAMPLER_ARG: '7' }, /OTEL_TRACES_SAMPLER_ARG.*got .* 7/],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }, /OTEL_EXPORTER_OTLP_PROTOCOL: grpc or http\/protobuf/],
  ])('%j is refused', async (env, message) => {
    await expect(traced(env)).rejects.toThrow(message);
  });
});

it('samplers take the share of traces that they are told to', () => {
  const ids = Array.from(
    { length: 4000 },
    (_, at) => `${'0'.repeat(16)}${((at * 0x9e3779b9) >>> 0).toString(16).padStart(8, '0')}00000000`,
  );
  const share = ids.filter((id) => samplerOf('traceidratio', 0.25)?.(id, undefined)).length / ids.length;
  expect(share).toBeGreaterThan(0.2);
  expect(share).toBeLessThan(0.3);
  expect(samplerOf('traceidratio', 1)?.('f'.repeat(32), undefined)).toBe(true);
});

it.each(['', 'x', traceparent.toUpperCase(), `ff${traceparent.slice(2)}`, `00-${'0'.repeat(32)}-b7ad6b7169203331-01`])(
  'traceparent %j is none',
  (text) => {
    expect(parseTraceparent(text)).toBeUndefined();
  },
);
