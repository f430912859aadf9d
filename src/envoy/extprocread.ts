/** Reads the messages of ext_proc, for both ends. Bodies are views of what was read. */
import {
  bodyModes,
  type BodyMutation,
  type CommonResponse,
  type HeaderMutation,
  type HttpBody,
  type HttpHeaders,
  type HttpTrailers,
  type ImmediateResponse,
  type Phase,
  type ProcessingRequest,
  type ProcessingResponse,
  type ProtocolConfig,
  type SetHeader,
} from './extproc.ts';
import { readHeader, WireHeaders } from './headermap.ts';
import { FieldReader, ProtobufError } from '../wire/protobuf.ts';
import { readMapEntry, readStruct, type StructObject } from '../wire/struct.ts';

/** @throws ProtobufError */
export function readProcessingRequest(message: Buffer): ProcessingRequest {
  let content: HttpHeaders | HttpBody | HttpTrailers | undefined;
  let metadataContext: Buffer | undefined;
  let protocolConfig: ProtocolConfig | undefined;
  let observabilityMode = false;
  const reader = new FieldReader(message);
  while (reader.next()) {
    switch (reader.number) {
      case 2:
        content = readHeaders('request', reader.message());
        break;
      case 3:
        content = readHeaders('response', reader.message());
        break;
      case 4:
        content = readBody('request', reader.message());
        break;
      case 5:
        content = readBody('response', reader.message());
        break;
      case 6:
        content = readTrailers('request', reader.message());
        break;
      case 7:
        content = readTrailers('response', reader.message());
        break;
      case 8:
        metadataContext = reader.message();
        break;
      case 10:
        observabilityMode = reader.integer !== 0;
        break;
      case 11:
        protocolConfig = readProtocolConfig(reader.message());
        break;
      default:
    }
  }
  if (content === undefined) throw new ProtobufError('a ProcessingRequest without headers, body or trailers');
  return { ...content, metadataContext, protocolConfig, observabilityMode };
}

/** HttpHeaders { HeaderMap headers = 1, bool end_of_stream = 3 } */
function readHeaders(phase: Phase, message: Buffer): HttpHeaders {
  let headers: Buffer = message.subarray(0, 0);
  let endOfStream = false;
  const reader = new FieldReader(message);
  while (reader.next()) {
    if (reader.number === 1) headers = reader.message();
    else if (reader.number === 3) endOfStream = reader.integer !== 0;
  }
  return { type: 'headers', phase, headers: new WireHeaders(headers), endOfStream };
}

/** HttpBody and StreamedBodyResponse { bytes body = 1, bool end_of_stream = 2 } */
function readBody(phase: Phase, message: Buffer): HttpBody {
  let body: Buffer = message.subarray(0, 0);
  let endOfStream = false;
  const reader = new FieldReader(message);
  while (reader.next()) {
    if (reader.number === 1) body = reader.message();
    else if (reader.number === 2) endOfStream = reader.integer !== 0;
  }
  return { type: 'body', phase, body, endOfStream };
}

function readTrailers(phase: Phase, message: Buffer): HttpTrailers {
  return { type: 'trailers', phase, headers: new WireHeaders(nested(message, 1) ?? message.subarray(0, 0)) };
}

/** ProtocolConfiguration { request_body_mode = 1, response_body_mode = 2 } */
function readProtocolConfig(message: Buffer): ProtocolConfig {
  let request = 0;
  let response = 0;
  const reader = new FieldReader(message);
  while (reader.next()) {
    if (reader.number === 1) request = reader.integer;
    else if (reader.number === 2) response = reader.integer;
  }
  return { requestBodyMode: bodyModes[request] ?? 'NONE', responseBodyMode: bodyModes[response] ?? 'NONE' };
}

/** The metadata of one namespace, of a Metadata { map<string, Struct> filter_metadata = 1 }. @throws ProtobufError */
export function filterMetadata(metadataContext: Buffer | undefined, namespace: string): StructObject | undefined {
  if (metadataContext === undefined) return undefined;
  const reader = new FieldReader(metadataContext);
  let found: StructObject | undefined;
  while (reader.next()) {
    if (reader.number !== 1) continue;
    const { key, value } = readMapEntry(reader.message());
    if (key === namespace) found = readStruct(value);
  }
  return found;
}

/** @throws ProtobufError */
export function readProcessingResponse(message: Buffer): ProcessingResponse {
  let response: ProcessingResponse | undefined;
  let dynamicMetadata: StructObject | undefined;
  const reader = new FieldReader(message);
  while (reader.next()) {
    const phase = reader.number % 2 === 1 ? 'request' : 'response';
    switch (reader.number) {
      case 1:
      case 2:
        response = { type: 'headers', phase, common: readCommon(nested(reader.message(), 1)) };
        break;
      case 3:
      case 4:
        response = { type: 'body', phase, common: readCommon(nested(reader.message(), 1)) };
        break;
      case 5:
      case 6:
        response = { type: 'trailers', phase, headers: readHeaderMutation(nested(reader.message(), 1)) };
        break;
      case 7:
        response = { type: 'immediate', response: readImmediate(reader.message()) };
        break;
      case 8:
        dynamicMetadata = readStruct(reader.message());
        break;
      default:
    }
  }
  if (response === undefined) throw new ProtobufError('a ProcessingResponse that answers nothing');
  return dynamicMetadata === undefined ? response : { ...response, dynamicMetadata };
}

/** CommonResponse { status = 1, header_mutation = 2, body_mutation = 3, trailers = 4, clear_route_cache = 5 } */
function readCommon(message: Buffer | undefined): CommonResponse {
  if (message === undefined) return {};
  let headers: HeaderMutation | undefined;
  let body: BodyMutation | undefined;
  let clearRouteCache = false;
  let replace = false;
  const reader = new FieldReader(message);
  while (reader.next()) {
    if (reader.number === 1) replace = reader.integer === 1;
    else if (reader.number === 2) headers = readHeaderMutation(reader.message());
    else if (reader.number === 3) body = readBodyMutation(reader.message());
    else if (reader.number === 5) clearRouteCache = reader.integer !== 0;
  }
  return {
    ...(headers === undefined ? {} : { headers }),
    ...(body === undefined ? {} : { body }),
    clearRouteCache,
    replace,
  };
}

/** BodyMutation { oneof: body = 1, clear_body = 2, streamed_response = 3 } */
function readBodyMutation(message: Buffer): BodyMutation | undefined {
  let mutation: BodyMutation | undefined;
  const reader = new FieldReader(message);
  while (reader.next()) {
    if (reader.number === 1) mutation = { type: 'replace', body: reader.message() };
    else if (reader.number === 2) mutation = reader.integer === 0 ? undefined : { type: 'clear' };
    else if (reader.number === 3) {
      const { body, endOfStream } = readBody('request', reader.message());
      mutation = { type: 'chunk', body, endOfStream };
    }
  }
  return mutation;
}

/** HeaderMutation { repeated HeaderValueOption set_headers = 1, repeated string remove_headers = 2 } */
function readHeaderMutation(message: Buffer | undefined): HeaderMutation {
  const set: SetHeader[] = [];
  const remove: string[] = [];
  if (message !== undefined) {
    const reader = new FieldReader(message);
    while (reader.next()) {
      if (reader.number === 1) set.push(readSetHeader(reader.message()));
      else if (reader.number === 2) remove.push(reader.text().toLowerCase());
    }
  }
  return { set, remove };
}

const appendActions = ['overwrite', 'add-if-absent', 'overwrite', 'overwrite-if-exists'] as const;

/**
 * HeaderValueOption { HeaderValue header = 1, BoolValue append = 2, append_action = 3 }. Without either, ext_proc overwrites (epp.md
 * 3.2), which the action's default of other Envoy APIs, APPEND_IF_EXISTS_OR_ADD = 0, does not say.
 */
function readSetHeader(message: Buffer): SetHeader {
  let header = { name: '', value: '' };
  let action: SetHeader['action'] = 'overwrite';
  const reader = new FieldReader(message);
  while (reader.next()) {
    if (reader.number === 1) header = readHeader(reader.message());
    else if (reader.number === 2) action = integerOf(reader.message(), 1) === 0 ? 'overwrite' : 'append';
    else if (reader.number === 3) action = appendActions[reader.integer] ?? 'overwrite';
  }
  return { ...header, action };
}

/** ImmediateResponse { HttpStatus { code = 1 } status = 1, headers = 2, body = 3, grpc_status = 4, details = 5 } */
function readImmediate(message: Buffer): ImmediateResponse {
  let status = 200;
  let headers: HeaderMutation = {};
  let body = '';
  let details = '';
  const reader = new FieldReader(message);
  while (reader.next()) {
    if (reader.number === 1) status = integerOf(reader.message(), 1) || status;
    else if (reader.number === 2) headers = readHeaderMutation(reader.message());
    else if (reader.number === 3) body = reader.message().toString();
    else if (reader.number === 5) details = reader.text();
  }
  return { status, headers, body, details };
}

/** The last occurrence of a nested message. */
function nested(message: Buffer, number: number): Buffer | undefined {
  let found: Buffer | undefined;
  const reader = new FieldReader(message);
  while (reader.next()) if (reader.number === number) found = reader.message();
  return found;
}

function integerOf(message: Buffer, number: number): number {
  let found = 0;
  const reader = new FieldReader(message);
  while (reader.next()) if (reader.number === number && reader.varint) found = reader.integer;
  return found;
}
