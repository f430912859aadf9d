import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import type { AwsKeys } from './awsfile.ts';

/** Signatures of AWS, version 4 (aigateway.md 5.6). */

export interface Signing {
  readonly keys: AwsKeys;
  readonly region: string;
  readonly service: string;
  readonly atMs: number;
}

export interface Signable {
  readonly method: string;
  readonly host: string;
  /** Path and query as they are sent. */
  readonly path: string;
  readonly body: Uint8Array | undefined;
}

/** The headers that sign the request: Authorization and X-Amz-*, lower-case. Only Host and those are signed. */
export async function sign(
  { method, host, path, body }: Signable,
  { keys, region, service, atMs }: Signing,
): Promise<Record<string, string>> {
  const question = path.indexOf('?');
  const signer = new SignatureV4({ credentials: keys, region, service, sha256: Sha256, applyChecksum: false });
  const signed = await signer.sign(
    {
      method,
      protocol: 'https:',
      hostname: host,
      path: question < 0 ? path : path.slice(0, question),
      query: question < 0 ? {} : queryOf(path.slice(question + 1)),
      headers: { host },
      body: body ?? '',
    },
    { signingDate: new Date(atMs) },
  );
  const { host: _, ...headers } = signed.headers;
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function queryOf(query: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const [name, value] of new URLSearchParams(query)) (found[name] ??= []).push(value);
  return found;
}

/** SHA-256, with a key HMAC, as the library calls it. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(key));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }

  reset(): void {
    throw new Error('a hash is used once');
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  return data instanceof ArrayBuffer
    ? new Uint8Array(data)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
