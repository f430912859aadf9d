/**
 * Writes the messages of ext_proc, for both ends, framed for gRPC. A body is not copied: it comes back as the last part of what is to
 * be sent. Fields are written from the last to the first (see BackwardWriter).
 */
import {
  bodyModes,
  type BodyMutation,
  type CommonResponse,
  type HeaderMutation,
  type ImmediateResponse,
  type Phase,
  type ProcessingRequest,
  type ProcessingResponse,
} from './extproc.ts';
import { writeHeader, writeHeaderMap } from './headermap.ts';
import { BackwardWriter } from '../wire/protobuf.ts';
import { isStructObject, writeStruct, type StructObject } from '../wire/struct.ts';

/** One writer serves all calls: each writes a whole message before anything else runs. */
const writer = new BackwardWriter();

const appendActions = { append: 0, 'add-if-absent': 1, overwrite: 2, 'overwrite-if-exists': 3 };
const responseFields = { headers: 1, body: 3, trailers: 5 };
const requestFields = { headers: 2, body: 4, trailers: 6 };

/** A framed ProcessingResponse, in parts to be sent one after the other. */
export function writeProcessingResponse(response: ProcessingResponse): Buffer[] {
  writer.reset();
  let body: Buffer | undefined;
  if (response.type === 'immediate') writeImmediate(response.response);
  else {
    const end = writer.written;
    if (response.type !== 'trailers') body = writeCommon(response.common ?? {});
    else if (response.headers !== undefined) writeHeaderMutation(1, response.headers);
    writer.nested(responseFields[response.type] + (response.phase === 'request' ? 0 : 1), end);
  }
  if (response.dynamicMetadata !== undefined) {
    const end = writer.written;
    writeStruct(writer, response.dynamicMetadata);
    writer.nested(8, end);
  }
  return finish(body);
}

/**
 * The streamed replies that carry these pieces of a body, framed, in parts to be sent one after the other: pieces are packed into
 * messages of at most `maxBytes` of body without copying them. An empty body gives one empty chunk.
 */
export function writeBodyChunks(
  phase: Phase,
  pieces: readonly Buffer[],
  { maxBytes, endOfStream }: { maxBytes: number; endOfStream: boolean },
): Buffer[] {
  const parts: Buffer[] = [];
  let left = 0;
  for (const piece of pieces) left += piece.length;
  let room = 0;
  if (left === 0) parts.push(chunkHead(phase, 0, endOfStream));
  for (const piece of pieces) {
    let at = 0;
    while (at < piece.length) {
      if (room === 0) {
        room = Math.min(left, maxBytes);
        left -= room;
        parts.push(chunkHead(phase, room, endOfStream && left === 0));
      }
      const taken = Math.min(room, piece.length - at);
      parts.push(taken === piece.length ? piece : piece.subarray(at, at + taken));
      at += taken;
      room -= taken;
    }
  }
  return parts;
}

/** Everything of a streamed body reply but its bytes. */
function chunkHead(phase: Phase, bytes: number, endOfStream: boolean): Buffer {
  writer.reset();
  if (bytes > 0) writer.tail(1, bytes);
  if (endOfStream) writer.integer(2, 1);
  writer.nested(3, 0);
  writer.nested(3, 0);
  writer.nested(1, 0);
  writer.nested(phase === 'request' ? 3 : 4, 0);
  writer.grpcPrefix();
  return writer.take();
}

/** A framed ProcessingRequest, in parts to be sent one after the other. */
export function writeProcessingRequest(request: ProcessingRequest): Buffer[] {
  writer.reset();
  let body: Buffer | undefined;
  const end = writer.written;
  if (request.type === 'body') {
    body = writeBytes(1, request.body);
    if (request.endOfStream) writer.integer(2, 1);
  } else {
    if (request.type === 'headers' && request.endOfStream) writer.integer(3, 1);
    const headers = writer.written;
    writeHeaderMap(writer, request.headers);
    writer.nested(1, headers);
  }
  writer.nested(requestFields[request.type] + (request.phase === 'request' ? 0 : 1), end);
  if (request.protocolConfig !== undefined) {
    const config = writer.written;
    writer.integer(2, bodyModes.indexOf(request.protocolConfig.responseBodyMode));
    writer.integer(1, bodyModes.indexOf(request.protocolConfig.requestBodyMode));
    writer.nested(11, config);
  }
  if (request.observabilityMode) writer.integer(10, 1);
  if (request.metadataContext !== undefined) writer.bytes(8, request.metadataContext);
  return finish(body);
}

/** Metadata { map<string, Struct> filter_metadata = 1 }, for the `metadataContext` of a request. */
export function writeFilterMetadata(namespaces: StructObject): Buffer {
  writer.reset();
  // Values of a Metadata map are Structs, where a Struct's are Values.
  for (const [namespace, struct] of Object.entries(namespaces).toReversed()) {
    const entry = writer.written;
    writeStruct(writer, isStructObject(struct) ? struct : {});
    writer.nested(2, entry);
    writer.text(1, namespace);
    writer.nested(1, entry);
  }
  return writer.take();
}

function finish(body: Buffer | undefined): Buffer[] {
  writer.grpcPrefix();
  const head = writer.take();
  return body === undefined ? [head] : [head, body];
}

/** Bytes at the very end of a message: when there are any, they are returned to be sent behind it, not copied into it. */
function writeBytes(number: number, bytes: Buffer): Buffer | undefined {
  if (bytes.length === 0) return undefined;
  writer.tail(number, bytes.length);
  return bytes;
}

function writeCommon(common: CommonResponse): Buffer | undefined {
  const end = writer.written;
  const body = common.body === undefined ? undefined : writeBodyMutation(common.body);
  if (common.clearRouteCache === true) writer.integer(5, 1);
  if (common.headers !== undefined) writeHeaderMutation(2, common.headers);
  if (common.replace === true) writer.integer(1, 1);
  writer.nested(1, end);
  return body;
}

function writeBodyMutation(mutation: BodyMutation): Buffer | undefined {
  const end = writer.written;
  let body: Buffer | undefined;
  if (mutation.type === 'clear') writer.integer(2, 1);
  else if (mutation.type === 'replace') {
    body = writeBytes(1, mutation.body);
    // An empty member of a oneof must still be on the wire.
    if (body === undefined) writer.text(1, '');
  } else {
    body = writeBytes(1, mutation.body);
    if (mutation.endOfStream) writer.integer(2, 1);
    writer.nested(3, end);
  }
  writer.nested(3, end);
  return body;
}

function writeHeaderMutation(number: number, mutation: HeaderMutation): void {
  const end = writer.written;
  for (const name of (mutation.remove ?? []).toReversed()) writer.text(2, name);
  for (const { name, value, action } of (mutation.set ?? []).toReversed()) {
    const option = writer.written;
    if (value === '') writer.integer(4, 1); // keep_empty_value: without it the header is not set
    writer.integer(3, appendActions[action ?? 'overwrite']);
    writeHeader(writer, 1, name, value);
    writer.nested(1, option);
  }
  writer.nested(number, end);
}

function writeImmediate({ status, headers, body, details }: ImmediateResponse): void {
  const end = writer.written;
  if (details !== undefined && details !== '') writer.text(5, details);
  if (body !== '') writer.text(3, body);
  if (headers !== undefined) writeHeaderMutation(2, headers);
  const code = writer.written;
  writer.integer(1, status);
  writer.nested(1, code);
  writer.nested(7, end);
}
