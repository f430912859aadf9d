/** What routing needs to know of a JSON request body, read from the offsets a scan has found. */
import type { JsonScan } from './scan.ts';

export interface LlmBody {
  /** `model`; empty when the body has none (legal for most endpoints: only catch-all rules match, aigateway.md 3.2). */
  readonly model: string;
  readonly stream: boolean;
}

/** A longer name is no model anybody serves, and the name travels in request headers. */
const maxModelLength = 1024;
const shortestKey = '"model"'.length;
const longestEscapedKey = '"\\u0073\\u0074\\u0072\\u0065\\u0061\\u006d"'.length;

/** A body, in one piece or several. */
export interface BodyBytes {
  /** The bytes between these offsets. */
  subarray(start: number, end: number): Buffer;
}

/** Reads `model` and `stream` of a complete scan of `body`; of repeated keys the last counts, as for JSON.parse. */
export function readLlmBody(body: BodyBytes, scan: JsonScan): LlmBody | { readonly error: string } {
  let model = '';
  let stream = false;
  const { members } = scan;
  for (let at = 0; at < members.length; at += 4) {
    const keyStart = members[at] ?? 0;
    const keyLength = (members[at + 1] ?? 0) - keyStart;
    if (keyLength < shortestKey || keyLength > longestEscapedKey) continue;
    const key = memberKey(body.subarray(keyStart, keyStart + keyLength), 0, keyLength);
    if (key === undefined) continue;
    const value = body.subarray(members[at + 2] ?? 0, members[at + 3] ?? 0);
    const first = value[0];
    if (key === 'stream') stream = first === 0x74;
    else if (first === 0x22) model = decodeString(value, 0, value.length);
    else if (first === 0x6e) model = '';
    else return { error: 'model must be a string' };
  }
  if (model.length > maxModelLength) return { error: `model is longer than ${maxModelLength} characters` };
  if (hasControlCharacter(model)) return { error: 'model contains a control character' };
  return { model, stream };
}

/** The key when it is one that routing reads; escapes are honoured. */
export function memberKey(body: Buffer, start: number, end: number): 'model' | 'stream' | undefined {
  const length = end - start;
  if (length === 7 && body[start + 1] === 0x6d && body.toString('latin1', start + 1, end - 1) === 'model')
    return 'model';
  if (length === 8 && body[start + 1] === 0x73 && body.toString('latin1', start + 1, end - 1) === 'stream')
    return 'stream';
  if (length > longestEscapedKey) return undefined;
  for (let at = start; at < end; at += 1) {
    if (body[at] !== 0x5c) continue;
    const key = decodeString(body, start, end);
    return key === 'model' || key === 'stream' ? key : undefined;
  }
  return undefined;
}

/** The JSON string between these offsets (quotes included), which a scan has found well-formed. */
export function decodeString(body: Buffer, start: number, end: number): string {
  const raw = body.toString('utf8', start + 1, end - 1);
  if (!raw.includes('\\')) return raw;
  const text: unknown = JSON.parse(`"${raw}"`);
  return typeof text === 'string' ? text : '';
}

function hasControlCharacter(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
