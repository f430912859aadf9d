import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ProcessingRequest } from '../../src/envoy/extproc.ts';
import { BodyPieces } from '../../src/envoy/extprocpieces.ts';
import { readProcessingRequest } from '../../src/envoy/extprocread.ts';
import { writeProcessingRequest } from '../../src/envoy/extprocwrite.ts';
import { createMessageReader } from '../../src/wire/grpc.ts';
import { headerView } from '../../src/envoy/headermap.ts';
import { writeFields } from '../../src/wire/protobuf.ts';

const context = { metadataContext: undefined, protocolConfig: undefined, observabilityMode: false };
const body = (bytes: Buffer, endOfStream: boolean): ProcessingRequest => ({
  ...context,
  type: 'body',
  phase: 'request',
  body: bytes,
  endOfStream,
});
const framed = (request: ProcessingRequest): Buffer => Buffer.concat(writeProcessingRequest(request));

/** What a handler is told of these bytes, cut at these offsets; bodies are joined over their messages. */
function read(bytes: Buffer, cuts: readonly number[]): { bodies: string; ends: boolean[]; types: string[] } {
  const told = { bodies: '', ends: [] as boolean[], types: [] as string[] };
  const rest = (request: ProcessingRequest): void => {
    told.types.push(request.type);
    if (request.type !== 'body') return;
    told.bodies += request.body.toString('latin1');
    told.ends.push(request.endOfStream);
  };
  const pieces = new BodyPieces({ piece: (piece) => void (told.bodies += piece.toString('latin1')), rest });
  const reader = createMessageReader(1024 * 1024, {
    message: (message) => {
      rest(readProcessingRequest(message));
    },
    partial: (part, left) => pieces.take(part, left),
  });
  let from = 0;
  for (const cut of [...cuts, bytes.length].toSorted((one, other) => one - other)) {
    reader.push(bytes.subarray(from, cut));
    from = cut;
  }
  expect(reader.pendingBytes()).toBe(0);
  return told;
}

describe('large request bodies', () => {
  it('are the same however the stream is cut', () => {
    const messages = fc.array(fc.record({ length: fc.nat(300), endOfStream: fc.boolean(), metadata: fc.boolean() }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(messages, fc.array(fc.nat(1500)), (shapes, cuts) => {
        const requests = shapes.map(({ length, endOfStream, metadata }, at) => ({
          ...body(Buffer.alloc(length, 97 + at), endOfStream),
          ...(metadata ? { metadataContext: Buffer.from([0x0a, 0x02, 0x0a, 0x00]) } : {}),
        }));
        const headers: ProcessingRequest = {
          ...context,
          type: 'headers',
          phase: 'request',
          headers: headerView([[':path', '/v1/chat/completions']]),
          endOfStream: false,
        };
        const bytes = Buffer.concat([framed(headers), ...requests.map(framed)]);
        const told = read(
          bytes,
          cuts.filter((cut) => cut < bytes.length),
        );
        expect(told.bodies).toBe(requests.map((request) => ('body' in request ? String(request.body) : '')).join(''));
        expect(told.ends).toEqual(shapes.map(({ endOfStream }) => endOfStream));
        expect(told.types).toEqual(['headers', ...shapes.map(() => 'body')]);
      }),
    );
  });

  it('come in pieces before their message is whole, without being copied', () => {
    const bytes = framed(body(Buffer.alloc(50_000, 'x'), true));
    const pieces: Buffer[] = [];
    const reader = createMessageReader(1024 * 1024, {
      message: () => {
        throw new Error('not in pieces');
      },
      partial: (part, left) => taker.take(part, left),
    });
    const taker = new BodyPieces({ piece: (piece) => void pieces.push(piece), rest: () => undefined });
    reader.push(bytes.subarray(0, 16_384));
    expect(pieces.map(({ length, buffer }) => [length > 16_000, buffer === bytes.buffer])).toEqual([[true, true]]);
    reader.push(bytes.subarray(16_384));
    expect(Buffer.concat(pieces).length).toBe(50_000);
  });

  it('are refused when a second content hides behind them', () => {
    const inner = writeFields([{ number: 1, value: Buffer.alloc(1000, 'a') }]);
    const twice = writeFields([
      { number: 4, value: inner },
      { number: 4, value: writeFields([{ number: 1, value: Buffer.from('b') }]) },
    ]);
    const pieces = new BodyPieces({ piece: () => undefined, rest: () => undefined });
    const bytes = Buffer.from(twice);
    pieces.take(bytes.subarray(0, 500), bytes.length - 500);
    expect(() => pieces.take(bytes.subarray(500), 0)).toThrow('two contents');
  });
});
