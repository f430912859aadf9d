/** Parsers of gRPC model servers, and what plugins report when a request is over, over real gRPC (epp.md 5.7, 5.9). */
import { afterEach, describe, expect, it } from 'vitest';
import { frame } from '../../src/wire/grpc.ts';
import { BackwardWriter, readFields, writeFields } from '../../src/wire/protobuf.ts';
import type { ProcessingResponse } from '../../src/envoy/extproc.ts';
import { setHeadersOf, type Exchange, type Proxy } from './proxy.ts';
import { startPicker, type RunningPicker } from './running.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const configOf = (...plugins: string[]): string => `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
${plugins.map((plugin) => `- ${plugin}`).join('\n')}
`;
const withParser = (parser: string): string =>
  `${configOf('{type: prefix-cache-scorer}', `{type: ${parser}}`)}parser: {pluginRef: ${parser}}\n`;

async function start(config: string, count = 2, objects = ''): Promise<RunningPicker> {
  const picker = await startPicker(Array(count).fill({ waiting: 0, kv: 0 }), { config, objects });
  closers.push(picker.close);
  return picker;
}

const rewrite = `---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModelRewrite
metadata: {name: a-to-b}
spec: {poolRef: {name: pool}, rules: [{matches: [{model: {value: a}}], targets: [{modelRewrite: b}]}]}
`;

function ask(proxy: Proxy, path: string, body: Buffer): Exchange {
  const exchange = proxy.exchange();
  exchange.headers('request', { ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
  exchange.body('request', body, true);
  return exchange;
}

const destinationOf = (reply: ProcessingResponse): string | undefined =>
  setHeadersOf(reply)['x-gateway-destination-endpoint'];
const bytesOf = (reply: ProcessingResponse): Buffer => {
  const body = reply.type === 'body' ? reply.common?.body : undefined;
  return body === undefined || body.type === 'clear' ? Buffer.alloc(0) : body.body;
};

/** Varints one after the other. */
function packed(numbers: readonly number[]): Uint8Array {
  return Buffer.concat(
    numbers
      .toReversed()
      .map((number) => {
        const writer = new BackwardWriter();
        writer.integer(1, number);
        return writer.take().subarray(1);
      })
      .toReversed(),
  );
}
const generate = (tokens: readonly number[]): Buffer =>
  frame(
    writeFields([
      { number: 1, value: Buffer.from('id') },
      { number: 2, value: writeFields([{ number: 2, value: packed(tokens) }]) },
      { number: 5, value: 1 },
    ]),
  );
const generateText = (text: string): Buffer => frame(writeFields([{ number: 3, value: Buffer.from(text) }]));
const chatCompletions = (json: object): Buffer =>
  frame(
    writeFields([
      { number: 1, value: Buffer.from('endpoints/1') },
      {
        number: 2,
        value: writeFields([
          { number: 1, value: Buffer.from('application/json') },
          { number: 2, value: Buffer.from(JSON.stringify(json)) },
        ]),
      },
    ]),
  );

const generatePath = '/vllm.grpc.engine.VllmEngine/Generate';
const chatPath = '/google.cloud.aiplatform.v1beta1.PredictionService/ChatCompletions';
const tokens = Array.from({ length: 400 }, (_, at) => at * 37);
const text = 'a long prompt '.repeat(40);

describe('prompts of gRPC requests', () => {
  it.each([
    ['vllmgrpc-parser', 'token ids', generatePath, generate(tokens)],
    ['vllmgrpc-parser', 'a text', generatePath, generateText(text)],
    ['vllmgrpc-parser', 'an embedding', '/vllm.grpc.engine.VllmEngine/Embed', generate(tokens)],
    [
      'vertexai-parser',
      'messages',
      chatPath,
      chatCompletions({ model: 'm', messages: [{ role: 'user', content: text }] }),
    ],
    ['vertexai-parser', 'raw input', '/x.PredictionService/StreamRawPredict', chatCompletions({ input: text })],
  ])('%s: %s stick to the endpoint that had them', async (parser, _, path, body) => {
    const picker = await start(withParser(parser), 4);
    const picks = new Set<string | undefined>();
    for (let at = 0; at < 8; at += 1) {
      const exchange = ask(picker.proxy, path, body);
      picks.add(destinationOf(await exchange.next()));
      expect(bytesOf(await exchange.next()).equals(body)).toBe(true);
      await exchange.finish();
    }
    expect(picks.size).toBe(1);
    expect(picker.servers.map(({ key }) => key)).toContain([...picks][0]);
  });

  it('vertexai-parser: a rewrite changes the model in the JSON within', async () => {
    const picker = await start(withParser('vertexai-parser'), 1, rewrite);
    const exchange = ask(
      picker.proxy,
      chatPath,
      chatCompletions({ model: 'a', messages: [{ role: 'user', content: 'x' }] }),
    );
    const reply = await exchange.next();
    const body = bytesOf(await exchange.next());
    await exchange.finish();
    expect(setHeadersOf(reply)['content-length']).toBe(String(body.length));
    expect(body.readUInt32BE(1)).toBe(body.length - 5);
    const [endpoint, httpBody] = readFields(body.subarray(5));
    expect(Buffer.from(endpoint?.value as Uint8Array).toString()).toBe('endpoints/1');
    const data = readFields(httpBody?.value as Uint8Array).find(({ number }) => number === 2);
    expect(JSON.parse(Buffer.from(data?.value as Uint8Array).toString())).toMatchObject({ model: 'b' });
  });

  it.each([
    ['vllmgrpc-parser', generatePath, Buffer.from('no frame'), /one whole message/],
    ['vllmgrpc-parser', generatePath, Buffer.from([1, 0, 0, 0, 0]), /compressed/],
    ['vllmgrpc-parser', generatePath, frame(writeFields([])), /neither token ids nor a text/],
    ['vllmgrpc-parser', generatePath, frame(Buffer.from([0x12, 0x7f])), /cannot be read/],
    ['vertexai-parser', chatPath, frame(writeFields([])), /no http_body/],
    ['vertexai-parser', chatPath, chatCompletions([]), /./],
  ])('%s refuses what it cannot read', async (parser, path, body, message) => {
    const picker = await start(withParser(parser), 1);
    const exchange = ask(picker.proxy, path, body);
    const reply = await exchange.next();
    expect(reply).toMatchObject({ type: 'immediate', response: { status: 400 } });
    expect(reply.type === 'immediate' && reply.response.body).toMatch(message);
    await exchange.finish();
  });

  it('methods that are not known pass unseen', async () => {
    const picker = await start(withParser('vllmgrpc-parser'), 1);
    const exchange = ask(picker.proxy, '/vllm.grpc.engine.VllmEngine/HealthCheck', Buffer.from([9, 9]));
    expect(destinationOf(await exchange.next())).toBe(picker.servers[0]?.key);
    await exchange.finish();
  });
});

describe('usage of gRPC answers', () => {
  const chunk = (at: number, value: number): { number: number; value: number } => ({ number: at, value });
  it.each([
    [
      'vllmgrpc-parser',
      generatePath,
      generate([1]),
      frame(writeFields([{ number: 2, value: writeFields([chunk(3, 7), chunk(4, 10)]) }])),
    ],
    [
      'vertexai-parser',
      chatPath,
      chatCompletions({ messages: [] }),
      frame(writeFields([{ number: 2, value: Buffer.from('{"usage":{"prompt_tokens":7,"completion_tokens":10}}') }])),
    ],
  ])('%s: is counted, and trailers end the answer', async (parser, path, body, answer) => {
    const picker = await start(withParser(parser), 1);
    const exchange = ask(picker.proxy, path, body);
    await exchange.next();
    await exchange.next();
    exchange.headers('response', { ':status': '200', 'content-type': 'application/grpc' });
    await exchange.next();
    // Cut anywhere.
    for (const piece of [answer.subarray(0, 3), answer.subarray(3)]) {
      exchange.body('response', piece, false);
      expect(bytesOf(await exchange.next()).equals(piece)).toBe(true);
    }
    exchange.trailers('response');
    expect(await exchange.next()).toMatchObject({ type: 'trailers' });
    await exchange.finish();
    const labels = 'model_name="",target_model_name=""';
    expect(await picker.metric(`inference_objective_input_tokens_sum{${labels}}`)).toBe(7);
    expect(await picker.metric(`inference_objective_output_tokens_sum{${labels}}`)).toBe(10);
  });
});

describe('request-attribute-reporter', () => {
  const reporter = (condition = ''): string =>
    configOf(
      '{type: queue-scorer}',
      `{type: request-attribute-reporter, parameters: {attributes: [{key: {name: cost}, expression: "usage.prompt_tokens + usage.completion_tokens"${condition}}]}}`,
    );

  async function answered(
    config: string,
    answer: string,
    contentType: string,
    mode: 'FULL_DUPLEX_STREAMED' | 'BUFFERED',
  ) {
    const picker = await start(config, 1);
    const exchange = picker.proxy.exchange({ responseBodyMode: mode });
    exchange.headers('request', { ':method': 'POST', ':path': '/v1/completions' });
    exchange.body('request', '{"model":"m","prompt":"x"}', true);
    await exchange.next();
    await exchange.next();
    exchange.headers('response', { ':status': '200', 'content-type': contentType });
    await exchange.next();
    exchange.body('response', answer, true);
    const replies = [await exchange.next()];
    const { left } = await exchange.finish();
    return [...replies, ...left];
  }
  const json = '{"usage":{"prompt_tokens":7,"completion_tokens":10}}';
  const cost = { 'envoy.lb': { cost: 17 } };

  it.each([
    ['application/json', json],
    ['text/event-stream', `data: ${json}\n\ndata: [DONE]\n\n`],
  ])('tells the proxy with the end of the answer (%s)', async (contentType, answer) => {
    const replies = await answered(reporter(), answer, contentType, 'FULL_DUPLEX_STREAMED');
    expect(replies.map((reply) => bytesOf(reply).toString()).join('')).toBe(answer);
    expect(replies.at(-1)).toMatchObject({ dynamicMetadata: cost, common: { body: { endOfStream: true } } });
    expect(replies.slice(0, -1).every((reply) => reply.dynamicMetadata === undefined)).toBe(true);
  });

  it('tells it with the one answer that a buffered body gets', async () => {
    expect(await answered(reporter(), json, 'application/json', 'BUFFERED')).toMatchObject([{ dynamicMetadata: cost }]);
  });

  it.each([
    [
      'its condition does not hold',
      reporter(', condition: "has(usage.prompt_tokens) && usage.prompt_tokens > 100.0"'),
      json,
    ],
    ['the answer has no usage', reporter(), '{}'],
  ])('says nothing where %s', async (_, config, answer) => {
    const [reply] = await answered(config, answer, 'application/json', 'FULL_DUPLEX_STREAMED');
    expect(reply?.dynamicMetadata).toBeUndefined();
  });
});
