import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bodyModes,
  type CommonResponse,
  type HeaderMutation,
  type ProcessingRequest,
  type ProcessingResponse,
} from '../../src/envoy/extproc.ts';
import { filterMetadata, readProcessingRequest, readProcessingResponse } from '../../src/envoy/extprocread.ts';
import { writeFilterMetadata, writeProcessingRequest, writeProcessingResponse } from '../../src/envoy/extprocwrite.ts';
import { createFrameReader } from '../../src/wire/grpc.ts';
import { headerView } from '../../src/envoy/headermap.ts';
import { ProtobufError, writeFields } from '../../src/wire/protobuf.ts';

/** The one message that these framed parts are. */
function unframe(parts: readonly Buffer[]): Buffer {
  const messages = parts.flatMap((part, at) => (at === 0 ? [] : [part]));
  const reader = createFrameReader(64 * 1024 * 1024);
  const [message, more] = reader.push(Buffer.concat([...parts.slice(0, 1), ...messages]));
  if (message === undefined || more !== undefined || reader.pendingBytes() !== 0) throw new Error('not one message');
  return message;
}

const bytes = (text: string): Buffer => Buffer.from(text);
const field = <V extends number | Uint8Array>(number: number, value: V) => ({ number, value });

describe('ext_proc messages by their field numbers', () => {
  it('reads the headers of a request: raw_value first, then value', () => {
    const header = (key: string, ...values: { number: number; value: Uint8Array }[]) =>
      field(1, writeFields([field(1, bytes(key)), ...values]));
    const map = writeFields([
      header(':path', field(3, bytes('/v1/completions'))),
      header('x-old', field(2, bytes('from value'))),
      header('x-both', field(2, bytes('value')), field(3, bytes('raw'))),
      header('x-both', field(3, bytes('second'))),
    ]);
    const request = readProcessingRequest(
      Buffer.from(writeFields([field(2, writeFields([field(1, map), field(3, 1)]))])),
    );
    expect(request).toMatchObject({ type: 'headers', phase: 'request', endOfStream: true });
    if (request.type !== 'headers') throw new Error('headers expected');
    expect(request.headers.get(':path')).toBe('/v1/completions');
    expect(request.headers.get('x-old')).toBe('from value');
    expect(request.headers.get('x-both')).toBe('raw');
    expect(request.headers.get('x-bot')).toBeUndefined();
    expect([...request.headers.entries()]).toHaveLength(4);
  });

  it.each([
    [3, 'response', 'headers'],
    [4, 'request', 'body'],
    [5, 'response', 'body'],
    [6, 'request', 'trailers'],
    [7, 'response', 'trailers'],
  ])('reads field %i as %s %s', (number, phase, type) => {
    const content = type === 'body' ? writeFields([field(1, bytes('{}')), field(2, 1)]) : new Uint8Array();
    const request = readProcessingRequest(Buffer.from(writeFields([field(number, content)])));
    expect(request).toMatchObject(
      type === 'body' ? { phase, type, body: bytes('{}'), endOfStream: true } : { phase, type },
    );
  });

  it('reads how the filter is configured, and ignores fields it does not know', () => {
    const message = writeFields([
      field(2, new Uint8Array()),
      field(9, bytes('')),
      field(10, 1),
      field(11, writeFields([field(1, 4), field(2, 2), field(3, 1)])),
      field(99, 7),
    ]);
    expect(readProcessingRequest(Buffer.from(message))).toMatchObject({
      observabilityMode: true,
      protocolConfig: { requestBodyMode: 'FULL_DUPLEX_STREAMED', responseBodyMode: 'BUFFERED' },
    });
  });

  it('refuses a message without content, and one that is cut off', () => {
    expect(() => readProcessingRequest(Buffer.alloc(0))).toThrow(ProtobufError);
    expect(() => readProcessingRequest(Buffer.from([0x22, 0x05, 0x0a]))).toThrow(ProtobufError);
    expect(() => readProcessingResponse(Buffer.from([0x42, 0x00]))).toThrow(ProtobufError);
  });

  it('writes the reply of the worked exchange (epp.md 12.2) byte for byte', () => {
    const [reply] = writeProcessingResponse({
      type: 'headers',
      phase: 'request',
      common: {
        clearRouteCache: true,
        headers: { set: [{ name: 'x-gateway-destination-endpoint', value: '10.0.0.7:8000' }] },
      },
      dynamicMetadata: { 'envoy.lb': { 'x-gateway-destination-endpoint': '10.0.0.7:8000' } },
    });
    const endpoint = bytes('10.0.0.7:8000');
    const name = bytes('x-gateway-destination-endpoint');
    const option = writeFields([field(1, writeFields([field(1, name), field(3, endpoint)])), field(3, 2)]);
    const common = writeFields([field(2, writeFields([field(1, option)])), field(5, 1)]);
    const inner = writeFields([field(1, writeFields([field(1, name), field(2, writeFields([field(3, endpoint)]))]))]);
    const lb = writeFields([field(1, bytes('envoy.lb')), field(2, writeFields([field(5, inner)]))]);
    const expected = writeFields([field(8, writeFields([field(1, lb)])), field(1, writeFields([field(1, common)]))]);
    expect(reply?.subarray(5).toString('hex')).toBe(Buffer.from(expected).toString('hex'));
  });

  it('does not copy a body that it sends', () => {
    const body = Buffer.alloc(62_000, 'x');
    const parts = writeProcessingResponse({
      type: 'body',
      phase: 'request',
      common: { body: { type: 'chunk', body, endOfStream: true } },
    });
    expect(parts[1]).toBe(body);
    expect(readProcessingResponse(unframe(parts))).toMatchObject({
      common: { body: { type: 'chunk', body, endOfStream: true } },
    });
  });
});

const name = fc.stringMatching(/^[a-z:][a-z0-9-]{0,20}$/);
const text = fc.string({ minLength: 1, maxLength: 200, unit: 'grapheme' });
const phase = fc.constantFrom('request' as const, 'response' as const);
const body = fc.uint8Array({ maxLength: 3000 }).map((array) => Buffer.from(array));
const action = fc.constantFrom('overwrite' as const, 'add-if-absent' as const, 'overwrite-if-exists' as const);
const mutation: fc.Arbitrary<HeaderMutation> = fc.record({
  set: fc.array(fc.record({ name, value: text, action }), { maxLength: 4 }),
  remove: fc.array(name, { maxLength: 3 }),
});
const struct = fc.dictionary(
  fc.string({ maxLength: 10 }),
  fc.oneof(
    fc.string(),
    fc.double({ noNaN: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(fc.string(), { maxLength: 3 }),
    fc.dictionary(fc.string(), fc.string(), { maxKeys: 3, noNullPrototype: true }),
  ),
  { maxKeys: 4, noNullPrototype: true },
);
const common: fc.Arbitrary<CommonResponse> = fc.record({
  headers: mutation,
  clearRouteCache: fc.boolean(),
  replace: fc.boolean(),
  body: fc.oneof(
    fc.record({ type: fc.constant('replace' as const), body }),
    fc.record({ type: fc.constant('clear' as const) }),
    fc.record({ type: fc.constant('chunk' as const), body, endOfStream: fc.boolean() }),
  ),
});
const response: fc.Arbitrary<ProcessingResponse> = fc.oneof(
  fc.record({
    type: fc.constantFrom('headers' as const, 'body' as const),
    phase,
    common,
    dynamicMetadata: struct,
  }),
  fc.record({ type: fc.constant('trailers' as const), phase, headers: mutation }),
  fc.record({
    type: fc.constant('immediate' as const),
    response: fc.record({
      status: fc.integer({ min: 200, max: 599 }),
      headers: mutation,
      body: fc.string(),
      details: fc.string(),
    }),
  }),
);

describe('ext_proc messages, written and read', () => {
  it('responses come back as they were', () => {
    fc.assert(
      fc.property(response, (sent) => {
        expect(readProcessingResponse(unframe(writeProcessingResponse(sent)))).toEqual(sent);
      }),
    );
  });

  it('requests come back as they were, with their metadata', () => {
    const context = fc.record({
      observabilityMode: fc.boolean(),
      protocolConfig: fc.option(
        fc.record({ requestBodyMode: fc.constantFrom(...bodyModes), responseBodyMode: fc.constantFrom(...bodyModes) }),
        { nil: undefined },
      ),
    });
    const content = fc.oneof(
      fc.record({ type: fc.constant('body' as const), phase, body, endOfStream: fc.boolean() }),
      fc.record({
        type: fc.constant('headers' as const),
        phase,
        endOfStream: fc.boolean(),
        headers: fc.array(fc.tuple(name, text)).map(headerView),
      }),
      fc.record({
        type: fc.constant('trailers' as const),
        phase,
        headers: fc.array(fc.tuple(name, text)).map(headerView),
      }),
    );
    fc.assert(
      fc.property(context, content, struct, (head, what, metadata) => {
        const metadataContext = writeFilterMetadata({ 'envoy.lb.subset_hint': metadata });
        const sent: ProcessingRequest = { ...head, ...what, metadataContext };
        const read = readProcessingRequest(unframe(writeProcessingRequest(sent)));
        const plain = (request: ProcessingRequest) =>
          request.type === 'body' ? request : { ...request, headers: [...request.headers.entries()] };
        expect(plain(read)).toEqual(plain(sent));
        expect(filterMetadata(read.metadataContext, 'envoy.lb.subset_hint')).toEqual(metadata);
      }),
    );
  });

  it('never fails with anything but a ProtobufError on random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
        for (const read of [readProcessingRequest, readProcessingResponse]) {
          try {
            const message = read(Buffer.from(random));
            if ('metadataContext' in message) filterMetadata(message.metadataContext, 'envoy.lb');
            if ('headers' in message && message.headers !== undefined && 'get' in message.headers)
              message.headers.get('x-a');
          } catch (error) {
            expect(error).toBeInstanceOf(ProtobufError);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});
