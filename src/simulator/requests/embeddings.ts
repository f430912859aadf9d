import type { JsonObject } from '../../llm/server/http.ts';
import { optionalInteger, parseModel, refusal } from '../../llm/server/requests.ts';
import { parseInput } from './input.ts';

export interface EmbeddingRequest {
  model: string;
  inputs: string[][];
  dimensions: number | undefined;
  encoding: 'float' | 'base64';
}

/** @throws HttpError 400 naming the field */
export function parseEmbeddingRequest(body: JsonObject): EmbeddingRequest {
  const encoding = body['encoding_format'] ?? 'float';
  if (encoding !== 'float' && encoding !== 'base64') throw refusal('encoding_format', 'float or base64 expected');
  const inputs = parseInput(body['input'], 'input');
  if (inputs.length === 0) throw refusal('input', 'at least one input expected');
  const dimensions = optionalInteger(body, 'dimensions');
  if (dimensions !== undefined && (dimensions < 1 || dimensions > 16_384)) {
    throw refusal('dimensions', 'a number from 1 to 16384 expected');
  }
  return { model: parseModel(body), inputs, dimensions, encoding };
}
