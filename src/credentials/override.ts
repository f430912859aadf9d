import type { OutgoingRequest } from './authorize.ts';
import type { AwsKeys } from './awsfile.ts';
import { awsOverrideSuffixes, type CredentialOverride } from './credential.ts';
import { CredentialError } from './environment.ts';

/** Credentials that a request brings (aigateway.md 5.7). */

/** aigateway.md 3.6 */
export const missingCredential = 'missing upstream credential';

/** The value of the header; undefined when the request has none. */
export function overrideText(request: OutgoingRequest, { header }: CredentialOverride): string | undefined {
  const text = request.clientHeader(header)?.trim();
  return text === '' ? undefined : text;
}

/**
 * Keys of AWS in three headers, the session token optional.
 *
 * @throws CredentialError when only some are there: never the configured ones in their place
 */
export function overrideKeys(request: OutgoingRequest, { header }: CredentialOverride): AwsKeys | undefined {
  const [accessKeyId, secretAccessKey, sessionToken] = awsOverrideSuffixes.map((suffix) =>
    request.clientHeader(header + suffix)?.trim(),
  );
  if (!accessKeyId && !secretAccessKey && !sessionToken) return undefined;
  if (!accessKeyId || !secretAccessKey) {
    const [idHeader, secretHeader] = awsOverrideSuffixes.map((suffix) => header + suffix);
    throw new CredentialError(500, `${idHeader} and ${secretHeader} must be given together`);
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}
