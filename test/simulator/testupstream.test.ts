import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { startTestUpstream } from '../../src/simulator/testupstream.ts';
import { createLog } from '../../src/telemetry/log.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function upstream(env: Record<string, string> = {}) {
  const program = await startTestUpstream([], {
    env: { LISTENER_PORT: '0', TESTUPSTREAM_ID: 'primary', STREAMING_INTERVAL: '20ms', HOSTNAME: 'pod-1', ...env },
    log: createLog({ level: 'silent' }),
  });
  closers.push(() => program.close());
  const { url } = program;
  const post = (headers: Record<string, string> = {}, body = '{"model":"some-model"}', path = '/v1/chat/completions') =>
    fetch(url + path, { method: 'POST', body, headers });
  return { url, post, sdk: new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 }) };
}

const b64 = (text: string): string => Buffer.from(text).toString('base64');
const hello = [{ role: 'user' as const, content: 'hi' }];

describe('the test upstream without instructions', () => {
  it('satisfies the OpenAI SDK, normal and streamed, and says that it is simulated', async () => {
    const { sdk } = await upstream();
    const { data, response } = await sdk.chat.completions.create({ model: 'm', messages: hello }).withResponse();
    expect(data.model).toBe('m');
    expect(data.choices[0]?.message.content).toContain('simulated');
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'testupstream-id': 'primary',
      'x-inference-pod': 'pod-1',
      'x-model': 'm',
      'x-headgate-simulated': 'true',
    });
    let text = '';
    let usage = 0;
    const streamed = { model: 'm', messages: hello, stream: true, stream_options: { include_usage: true } } as const;
    for await (const chunk of await sdk.chat.completions.create(streamed)) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage?.completion_tokens ?? 0;
    }
    expect(text).toBe(data.choices[0]?.message.content);
    expect(usage).toBe(data.usage?.completion_tokens);
    expect((await sdk.completions.create({ model: 'm', prompt: 'x' })).choices[0]?.text).toContain('simulated');
    expect((await sdk.embeddings.create({ model: 'm', input: ['a', 'b'] })).data[1]?.embedding).toEqual([
      0.25, -0.5, 0.75, -1,
    ]);
    expect((await sdk.models.list()).data).toHaveLength(1);
  });

  it('is healthy, and has no answer for paths it does not know', async () => {
    const { url, post } = await upstream();
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect((await post({}, '{}', '/v1/other')).status).toBe(400);
  });

  it('wants a content-length, unless the request came through a picker', async () => {
    const { url } = await upstream();
    const send = (headers: Record<string, string>) => {
      const body = new Blob(['{"model":"m"}']).stream();
      return fetch(`${url}/v1/completions`, { method: 'POST', body, headers, duplex: 'half' });
    };
    expect((await send({})).status).toBe(400);
    expect((await send({ 'x-gateway-destination-endpoint': '1.2.3.4:8080' })).status).toBe(200);
  });
});

describe('the test upstream with instructions', () => {
  it('answers the body, status and headers it is given', async () => {
    const { post } = await upstream();
    const answer = await post({
      'x-response-body': b64('{"hello":"world"}'),
      'x-response-status': '503',
      'x-response-headers': b64('x-one:1,content-type:text/plain'),
    });
    expect([answer.status, await answer.text()]).toEqual([503, '{"hello":"world"}']);
    expect([answer.headers.get('x-one'), answer.headers.get('content-type')]).toEqual(['1', 'text/plain']);
  });

  it.each([
    ['x-expected-path', b64('/v1/chat/completions'), b64('/other')],
    ['x-expected-raw-query', '', 'a=b'],
    ['x-expected-headers', b64('x-probe:yes'), b64('x-probe:no')],
    ['x-non-expected-request-headers', b64('x-absent'), b64('x-probe')],
    ['x-expected-request-body', b64('{ "model": "some-model" }'), b64('{"model":"other"}')],
    ['x-expected-testupstream-id', 'primary', 'secondary'],
    ['x-expected-host', undefined, 'elsewhere'],
  ])('checks %s', async (header, right, wrong) => {
    const { url, post } = await upstream();
    const good = await post({ 'x-probe': 'yes', [header]: right ?? new URL(url).host });
    expect(good.status).toBe(200);
    const bad = await post({ 'x-probe': 'yes', [header]: wrong });
    expect([bad.status, bad.headers.get('x-testupstream-error')]).toEqual([400, 'true']);
  });

  it.each(['x-response-body', 'x-expected-path'])('refuses %s that is not base64', async (header) => {
    expect((await (await upstream()).post({ [header]: '%%%' })).status).toBe(400);
  });

  it('sends events one by one, from lines and from blocks', async () => {
    const { post } = await upstream();
    const lines = await post({ 'x-response-type': 'sse', 'x-response-body': b64('{"a":1}\n{"a":2}\n[DONE]') });
    expect(lines.headers.get('content-type')).toBe('text/event-stream');
    const started = performance.now();
    expect(await lines.text()).toBe('data: {"a":1}\n\ndata: {"a":2}\n\ndata: [DONE]\n\n');
    expect(performance.now() - started).toBeGreaterThan(30); // Two more intervals of 20 ms after the first event.
    const blocks = await post({
      'x-response-type': 'sse',
      'x-response-body': b64('event: x\ndata: 1\n\nevent: y\ndata: 2\n'),
    });
    expect(await blocks.text()).toBe('event: x\ndata: 1\n\nevent: y\ndata: 2\n\n\n');
  });

  it('compresses, whole and as a stream', async () => {
    const { post } = await upstream();
    const zipped = await post({ 'x-response-type': 'sse-gzip', 'x-response-body': b64('1\n2') });
    expect([zipped.headers.get('content-encoding'), await zipped.text()]).toEqual(['gzip', 'data: 1\n\ndata: 2\n\n']);
    const whole = await post({ 'x-response-type': 'gzip', 'x-response-body': b64('{}') });
    expect([whole.headers.get('content-encoding'), await whole.text()]).toEqual(['gzip', '{}']);
  });

  it('frames AWS events by their keys and ends with a frame of junk', async () => {
    const { post } = await upstream({ STREAMING_INTERVAL: '0s' });
    const body = ['{"role":"assistant"}', '{"delta":{"text":"x"},"contentBlockIndex":0}', '{"stopReason":"end_turn"}'];
    const answer = await post({ 'x-response-type': 'aws-event-stream', 'x-response-body': b64(body.join('\n')) });
    const bytes = Buffer.from(await answer.arrayBuffer());
    const frames: string[] = [];
    for (let at = 0; at < bytes.length; at += bytes.readUInt32BE(at)) {
      frames.push(bytes.subarray(at, at + bytes.readUInt32BE(at)).toString('latin1'));
    }
    expect(frames).toHaveLength(4);
    for (const [i, type] of ['messageStart', 'contentBlockDelta', 'messageStop'].entries()) {
      expect(frames[i]).toContain(`:event-type\x07\x00${String.fromCharCode(type.length)}${type}${body[i] ?? ''}`);
    }
    expect(frames[3]).not.toContain(':event-type');
  });

  it('makes large answers and late ones', async () => {
    const { post } = await upstream();
    const medium = await (await post({ 'x-fake-response': 'medium' })).text();
    expect(medium.length).toBeGreaterThan(10_000 * 15);
    expect((await post({ 'x-fake-response': 'huge' })).status).toBe(400);
    const started = performance.now();
    await post({ 'x-response-delay-ms': '60' });
    expect(performance.now() - started).toBeGreaterThan(55);
  });
});
