import { CredentialError } from './environment.ts';
import { parseIni } from './inifile.ts';

/** What signs requests for AWS. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** @throws CredentialError that names the profile and no key */
export function keysOfFile(text: string, profile: string, from: string): AwsKeys {
  const section = parseIni(text).get(profile);
  if (section === undefined) throw new CredentialError(500, `${from}: there is no profile [${profile}]`);
  const unsupported = ['role_arn', 'credential_process', 'sso_session', 'sso_start_url'].find((name) =>
    section.has(name),
  );
  if (unsupported !== undefined) {
    throw new CredentialError(500, `${from}: ${unsupported} of profile [${profile}] is not supported`);
  }
  const accessKeyId = section.get('aws_access_key_id');
  const secretAccessKey = section.get('aws_secret_access_key');
  if (accessKeyId === undefined || accessKeyId === '' || secretAccessKey === undefined || secretAccessKey === '') {
    throw new CredentialError(500, `${from}: profile [${profile}] lacks aws_access_key_id or aws_secret_access_key`);
  }
  const sessionToken = section.get('aws_session_token');
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}
