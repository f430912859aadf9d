import { CredentialError, type SecretReader } from './environment.ts';
import type { SecretKey } from './credential.ts';
import { Redacted } from './redacted.ts';

/**
 * One entry of a Secret, without the white space around it that editors and `echo` leave.
 *
 * @throws CredentialError that names Secret and key
 */
export function secretText(secrets: SecretReader, { namespace, name, key }: SecretKey): Redacted {
  const content = secrets.read({ namespace, name });
  if (content === undefined) throw new CredentialError(500, `Secret ${namespace}/${name} not found`);
  const text = content.get(key)?.reveal().trim();
  if (text === undefined) throw new CredentialError(500, `Secret ${namespace}/${name} has no key ${key}`);
  if (text === '') throw new CredentialError(500, `Secret ${namespace}/${name}: key ${key} is empty`);
  return new Redacted(text);
}

/**
 * The same, for use in a header.
 *
 * @throws CredentialError also for text that would end the header
 */
export function secretHeaderText(secrets: SecretReader, key: SecretKey): string {
  const text = secretText(secrets, key).reveal();
  if (!isHeaderText(text)) {
    const { namespace, name } = key;
    throw new CredentialError(
      500,
      `Secret ${namespace}/${name}: key ${key.key} has characters that no header may carry`,
    );
  }
  return text;
}

/** Visible ASCII and spaces between: all that keys and tokens are made of. */
export const isHeaderText = (text: string): boolean => /^[\x20-\x7e]+$/.test(text);
