import type { Authorized } from './authorize.ts';
import type { SecretKey } from './credential.ts';
import type { SecretContent, SecretReader } from './environment.ts';
import { secretHeaderText } from './secrets.ts';

/** Keys that go into a header as they are (aigateway.md 5.1 to 5.3). */

export type ApiKeyType = 'APIKey' | 'AzureAPIKey' | 'AnthropicAPIKey';

const headers: Readonly<Record<ApiKeyType, { readonly name: string; readonly prefix: string }>> = {
  APIKey: { name: 'authorization', prefix: 'Bearer ' },
  AzureAPIKey: { name: 'api-key', prefix: '' },
  AnthropicAPIKey: { name: 'x-api-key', prefix: '' },
};

/** What a key does to requests. */
export function withKey(type: ApiKeyType, key: string): Authorized {
  const { name, prefix } = headers[type];
  return { remove: [], set: [{ name, value: prefix + key }] };
}

/**
 * The configured key as it is now; made once for each content of its Secret, as every request asks for it.
 */
export function configuredKey(secrets: SecretReader, secret: SecretKey): () => string {
  let known: { readonly content: SecretContent; readonly key: string } | undefined;
  return () => {
    const content = secrets.read(secret);
    if (known !== undefined && known.content === content) return known.key;
    const key = secretHeaderText(secrets, secret);
    known = content && { content, key };
    return key;
  };
}
