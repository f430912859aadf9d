/**
 * Bodies of gRPC model servers (epp.md 5.9): vLLM's engine service, and Vertex AI's prediction service, whose messages wrap the JSON of the
 * OpenAI API. One message per request: a length prefix and protobuf.
 */
import { createMessageReader, frame, GrpcError } from '../wire/grpc.ts';
import { FieldReader, ProtobufError, readFields, writeFields } from '../wire/protobuf.ts';
import { readLlmBody } from '../llm/body.ts';
import { JsonScan } from '../llm/scan.ts';
import { replaceModel } from '../llm/splice.ts';
import type { PromptApi, PromptHashes } from '../picker/prefix/prompthasher.ts';
import type { BodyFacts } from './bodyfacts.ts';
import { usageOfJson, type Usage } from '../llm/usage.ts';

export type GrpcParser = 'vllmgrpc' | 'vertexai';

/** What a body has inside. */
export interface Envelope {
  readonly facts: BodyFacts;
  /** The body with another model in it; undefined: it names none. */
  readonly withModel?: (model: string) => Buffer;
}

/** Hashes a prompt, given as a JSON body of an API. */
export type HashPrompt = (api: PromptApi, json: Buffer) => PromptHashes | undefined;

/** Opens a whole body; undefined for methods that are not known, which pass unseen. */
export function envelopeReader(
  parser: GrpcParser,
  path: string,
): ((body: Buffer, hash: HashPrompt) => Envelope | { readonly error: string }) | undefined {
  const read = parser === 'vllmgrpc' ? vllmMethods[path] : vertexMethod(path);
  return (
    read &&
    ((body, hash) => {
      try {
        return read(messageOf(body), hash);
      } catch (error) {
        if (error instanceof ProtobufError || error instanceof SyntaxError) {
          return { error: `the gRPC message cannot be read: ${error.message}` };
        }
        throw error;
      }
    })
  );
}

type ReadMessage = (message: Buffer, hash: HashPrompt) => Envelope | { readonly error: string };

const prefixBytes = 5;

function messageOf(body: Buffer): Buffer {
  if (body.length < prefixBytes) throw new ProtobufError('it ends early');
  const length = body.readUInt32BE(1);
  if (length !== body.length - prefixBytes) throw new ProtobufError('one whole message expected');
  if (body[0] !== 0) throw new ProtobufError('it is compressed');
  return body.subarray(prefixBytes);
}

const vllmMethods: Readonly<Record<string, ReadMessage>> = {
  '/vllm.grpc.engine.VllmEngine/Generate': (message, hash) => readVllm(message, hash, 3),
  '/vllm.grpc.engine.VllmEngine/Embed': (message, hash) => readVllm(message, hash, undefined),
};

/** GenerateRequest: 2 token ids, 3 text, 5 stream. EmbedRequest: 2 token ids. */
function readVllm(
  message: Buffer,
  hash: HashPrompt,
  textField: number | undefined,
): Envelope | { readonly error: string } {
  const reader = new FieldReader(message);
  let tokens: number[] | undefined;
  let text: string | undefined;
  let streaming = false;
  while (reader.next()) {
    if (reader.number === 2) tokens = tokenIds(reader.message());
    else if (reader.number === textField) text = reader.text();
    else if (reader.number === 5 && reader.varint) streaming = textField !== undefined && reader.integer !== 0;
  }
  if (tokens === undefined && text === undefined) return { error: 'the gRPC message has neither token ids nor a text' };
  const prompt = hash('completions', Buffer.from(JSON.stringify({ prompt: text ?? tokens })));
  return { facts: { model: '', streaming, prompt, tokens } };
}

/** TokenizedInput: 2 token ids, packed or one by one. */
function tokenIds(input: Buffer): number[] {
  const ids: number[] = [];
  const reader = new FieldReader(input);
  while (reader.next()) {
    if (reader.number !== 2) continue;
    if (reader.varint) ids.push(reader.integer);
    else readPacked(reader.message(), ids);
  }
  return ids;
}

function readPacked(bytes: Buffer, into: number[]): void {
  let value = 0;
  let scale = 1;
  for (const byte of bytes) {
    value += (byte & 0x7f) * scale;
    scale *= 128;
    if (byte >= 0x80) {
      if (scale > 2 ** 49) throw new ProtobufError('a token id is too long');
      continue;
    }
    into.push(value);
    [value, scale] = [0, 1];
  }
  if (scale !== 1) throw new ProtobufError('a token id is cut off');
}

/** Messages with an HttpBody in field 2, and the API that its JSON is of. */
function vertexMethod(path: string): ReadMessage | undefined {
  if (path.endsWith('PredictionService/ChatCompletions'))
    return (message, hash) => readVertex(message, hash, 'chat-completions');
  const isRaw = /PredictionService\/(?:Stream)?RawPredict$/.test(path);
  return isRaw ? (message, hash) => readVertex(message, hash, 'responses') : undefined;
}

const httpBodyField = 2;
/** Of HttpBody. */
const dataField = 2;

function readVertex(message: Buffer, hash: HashPrompt, api: PromptApi): Envelope | { readonly error: string } {
  const httpBody = bytesOf(message, httpBodyField);
  const json = httpBody && bytesOf(httpBody, dataField);
  if (httpBody === undefined || json === undefined) return { error: 'the gRPC message has no http_body with data' };
  const scan = new JsonScan();
  scan.push(json);
  scan.finish();
  if (scan.error !== undefined) return { error: scan.error };
  const read = readLlmBody(json, scan);
  if ('error' in read) return read;
  return {
    facts: { model: read.model, streaming: read.stream, prompt: hash(api, json), tokens: undefined },
    withModel: (model) =>
      frame(replaced(message, httpBodyField, replaced(httpBody, dataField, replaceModel(json, scan, model)))),
  };
}

function bytesOf(message: Buffer, number: number): Buffer | undefined {
  const reader = new FieldReader(message);
  let found: Buffer | undefined;
  while (reader.next()) if (reader.number === number) found = reader.message();
  return found;
}

/** The message with one field of bytes replaced. */
function replaced(message: Buffer, number: number, value: Uint8Array): Uint8Array {
  return writeFields([...readFields(message).filter((field) => field.number !== number), { number, value }]);
}

/** A longer message of an answer is not looked at. */
const maxAnswerBytes = 4 * 1024 * 1024;

/** Looks for usage in the messages of an answer as they pass; the last one counts. */
export class GrpcUsage {
  readonly #parser: GrpcParser;
  #usage: Usage | undefined;
  #reader: ReturnType<typeof createMessageReader> | undefined;

  constructor(parser: GrpcParser) {
    this.#parser = parser;
    this.#reader = createMessageReader(maxAnswerBytes, {
      message: (message) => {
        this.#usage = (this.#parser === 'vllmgrpc' ? vllmUsage(message) : vertexUsage(message)) ?? this.#usage;
      },
    });
  }

  push(chunk: Buffer): void {
    try {
      this.#reader?.push(chunk);
    } catch (error) {
      if (!(error instanceof GrpcError || error instanceof ProtobufError)) throw error;
      // What cannot be read passes all the same.
      this.#reader = undefined;
    }
  }

  finish(): Usage | undefined {
    return this.#usage;
  }
}

/** GenerateResponse: 1 a chunk or 2 the end, each with its counts. EmbedResponse: 2 its prompt's. */
function vllmUsage(message: Buffer): Usage | undefined {
  const reader = new FieldReader(message);
  let usage: Usage | undefined;
  while (reader.next()) {
    if (reader.number === 1 && reader.delimited) usage = vllmCounts(reader.bytes, 2) ?? usage;
    else if (reader.number === 2 && reader.delimited) usage = vllmCounts(reader.bytes, 3) ?? usage;
    else if (reader.number === 2 && reader.varint) usage = { promptTokens: reader.integer, completionTokens: 0 };
  }
  return usage;
}

/** Prompt, completion and cached tokens are in three fields that follow one another. */
function vllmCounts(message: Buffer, first: number): Usage | undefined {
  const counts = [0, 0, 0];
  const reader = new FieldReader(message);
  while (reader.next())
    if (reader.varint && reader.number - first in counts) counts[reader.number - first] = reader.integer;
  const [promptTokens = 0, completionTokens = 0, cachedTokens = 0] = counts;
  return promptTokens + completionTokens === 0 ? undefined : { promptTokens, completionTokens, cachedTokens };
}

function vertexUsage(message: Buffer): Usage | undefined {
  const json = bytesOf(message, dataField);
  return json && usageOfJson(json);
}
