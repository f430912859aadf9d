import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzip } from 'node:zlib';
import { stringify as toYaml } from 'yaml';

/** In which form a client takes answers: JSON or YAML, as they are or compressed. */

export type AnswerType = 'application/json' | 'application/yaml';

export const answerTypes: readonly AnswerType[] = ['application/json', 'application/yaml'];

/** The first media type of Accept that answers are made in; undefined when there is none. */
export function answerTypeOf({ headers }: IncomingMessage): AnswerType | undefined {
  const { accept = '' } = headers;
  if (accept.trim() === '') return 'application/json';
  for (const part of accept.split(',')) {
    const type = part.split(';', 1)[0]?.trim().toLowerCase();
    if (type === '*/*' || type === 'application/*') return 'application/json';
    const known = answerTypes.find((one) => one === type);
    if (known !== undefined) return known;
  }
  return undefined;
}

/** As kube-apiserver: smaller answers are not worth the time. */
const minCompressedBytes = 128 * 1024;

/** Whether an answer of this size goes out as it is: JSON, not compressed. */
export function isPlain(raw: IncomingMessage, bytes: number): boolean {
  return answerTypeOf(raw) !== 'application/yaml' && !isCompressed(raw, bytes);
}

function isCompressed({ method, headers }: IncomingMessage, bytes: number): boolean {
  return (
    method === 'GET' &&
    bytes >= minCompressedBytes &&
    /(^|[\s,])gzip($|[\s,;])/.test(String(headers['accept-encoding'] ?? ''))
  );
}

/** Answers with JSON, in the form that the client asked for. */
export function sendJson(raw: IncomingMessage, response: ServerResponse, code: number, json: Buffer): void {
  const type = answerTypeOf(raw) ?? 'application/json';
  const body = type === 'application/yaml' ? yamlOf(json) : json;
  const send = (bytes: Buffer, headers: Record<string, string>) => {
    response.writeHead(code, { 'content-type': type, ...headers, 'content-length': bytes.length });
    response.end(bytes);
  };
  if (!isCompressed(raw, body.length)) {
    send(body, {});
    return;
  }
  gzip(body, { level: 1 }, (error, compressed) => {
    if (error === null) send(compressed, { 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
    else send(body, {});
  });
}

/** Fields in alphabetical order, as kube-apiserver writes them; strings that YAML 1.1 takes for something else in quotes. */
function yamlOf(json: Buffer): Buffer {
  const value: unknown = JSON.parse(json.toString('utf8'));
  return Buffer.from(
    toYaml(value, { sortMapEntries: true, lineWidth: 0, version: '1.1', aliasDuplicateObjects: false }),
  );
}
