import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isObject, type JsonObject } from '../json.ts';

/** Signs and checks JSON Web Tokens (RFC 7519) with one ES256 key. */
export interface TokenSigner {
  sign(claims: JsonObject): string;
  /** The claims of a token that this key has signed; undefined for any other text. Does not look at the claims. */
  open(token: string): JsonObject | undefined;
}

/** A token longer than this is none of ours. */
const maxTokenLength = 16 * 1024;

/** The signer whose key is kept in `directory`; the key is made at the first start, readable by this user only. */
export function loadTokenSigner(directory: string): TokenSigner {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, 'serviceaccount.key');
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    // Renamed into place: a crash leaves no half-written key behind.
    writeFileSync(`${file}.new`, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
  return signerOf(createPrivateKey(readFileSync(file, 'utf8')));
}

function signerOf(privateKey: KeyObject): TokenSigner {
  const publicKey = createPublicKey(privateKey);
  // JWS wants the two numbers of the signature side by side, not DER.
  const format = { dsaEncoding: 'ieee-p1363' } as const;
  const header = encode({ alg: 'ES256', typ: 'JWT' });
  return {
    sign(claims) {
      const text = `${header}.${encode(claims)}`;
      const signature = sign('sha256', Buffer.from(text), { key: privateKey, ...format });
      return `${text}.${signature.toString('base64url')}`;
    },
    open(token) {
      if (token.length > maxTokenLength) return undefined;
      const [head, payload, signature, ...rest] = token.split('.');
      // Only our own header is accepted, so nobody chooses the algorithm.
      if (head !== header || payload === undefined || signature === undefined || rest.length > 0) return undefined;
      const signed = Buffer.from(`${head}.${payload}`);
      if (!verify('sha256', signed, { key: publicKey, ...format }, Buffer.from(signature, 'base64url')))
        return undefined;
      const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
      return isObject(claims) ? claims : undefined;
    },
  };
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
