import type { SecretKey } from './credential.ts';
import type { SecretReader } from './environment.ts';
import { secretHeaderText } from './secrets.ts';

/** Keys that go into a header as they are (aigateway.md 5.1 to 5.3). */

export type ApiKeyType = 'APIKey' | 'AzureAPIKey' | 'AnthropicAPIKey';

const headers: Readonly<Record<ApiKeyType, { readonly name: string; readonly prefix: string }>> = {
  APIKey: { name: 'authorization', prefix: 'Bearer ' },
  AzureAPIKey: { name: 'api-key', prefix: '' },
  AnthropicAPIKey: { name: 'x-api-key', prefix: '' },
};

export function apiKeyHeader(type: ApiKeyType, key: string): { name: string; value: string } {
  const { name, prefix } = headers[type];
  return { name, value: prefix + key };
}

/** @throws CredentialError */
export function configuredKey(secrets: SecretReader, secret: SecretKey): string {
  return secretHeaderText(secrets, secret);
}
