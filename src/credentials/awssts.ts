import { Type } from '../kinds/type.ts';
import type { AwsKeys } from './awsfile.ts';
import { CredentialError } from './environment.ts';
import type { Expiring } from './tokencache.ts';
import { ask, checkedUrl, parseJson, type Exchanging } from './tokenrequest.ts';

/** Keys for a while, from AWS STS and from metadata servers. */

export interface Role {
  readonly roleArn: string;
  readonly sessionName: string;
  readonly region: string;
  /** A JWT that the role trusts. */
  readonly token: string;
}

/** STS AssumeRoleWithWebIdentity: the one call of STS that needs no signature. */
export async function assumeRole(
  { http, variables }: Exchanging,
  { roleArn, sessionName, region, token }: Role,
  signal: AbortSignal,
): Promise<Expiring<AwsKeys>> {
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const endpoint = variables['AWS_ENDPOINT_URL_STS'] ?? `https://sts.${region}.${suffix}`;
  const proxy = variables['AI_GATEWAY_STS_PROXY_URL'];
  const { body } = await ask(http, {
    who: 'AWS STS',
    url: `${checkedUrl(endpoint, 'AWS_ENDPOINT_URL_STS').replace(/\/$/, '')}/`,
    form: {
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: roleArn,
      RoleSessionName: sessionName,
      WebIdentityToken: token,
    },
    // STS answers in XML whatever it is asked for, as far as it is documented.
    headers: { accept: 'application/xml, text/xml' },
    signal,
    ...(proxy === undefined ? {} : { proxy }),
  });
  const element = (name: string): string | undefined =>
    new RegExp(`<${name}>([^<]+)</${name}>`).exec(body)?.[1]?.trim();
  return checkedKeys('AWS STS', {
    AccessKeyId: element('AccessKeyId'),
    SecretAccessKey: element('SecretAccessKey'),
    Token: element('SessionToken'),
    Expiration: element('Expiration'),
  });
}

const metadataKeys = Type.Object({
  AccessKeyId: Type.String(),
  SecretAccessKey: Type.String(),
  Token: Type.String(),
  Expiration: Type.String(),
});

/** Keys as metadata servers give them. */
export function keysOfJson(text: string, from: string): Expiring<AwsKeys> {
  return checkedKeys(from, parseJson(metadataKeys, text, from));
}

function checkedKeys(
  from: string,
  keys: { [name in 'AccessKeyId' | 'SecretAccessKey' | 'Token' | 'Expiration']: string | undefined },
): Expiring<AwsKeys> {
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken, Expiration } = keys;
  const expiresMs = Date.parse(Expiration ?? '');
  if (!accessKeyId || !secretAccessKey || !sessionToken || Number.isNaN(expiresMs)) {
    throw new CredentialError(503, `${from}: no keys in its answer`);
  }
  return { value: { accessKeyId, secretAccessKey, sessionToken }, expiresMs };
}
