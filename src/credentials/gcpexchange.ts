import { Type } from '../kinds/type.ts';
import type { Expiring } from './tokencache.ts';
import { askJson, expiryOf, oauthToken, type Exchanging } from './tokenrequest.ts';

/** Google's token servers: one token for another. */

export const cloudScope = 'https://www.googleapis.com/auth/cloud-platform';

/** Google's STS: a token of somebody else for one of Google's (RFC 8693). */
export async function exchangeToken(
  world: Exchanging,
  audience: string,
  subject: string,
  signal: AbortSignal,
  subjectType = 'urn:ietf:params:oauth:token-type:jwt',
): Promise<Expiring<string>> {
  const { access_token: value, expires_in: life } = await askJson(world.http, oauthToken, {
    who: 'Google STS',
    url: 'https://sts.googleapis.com/v1/token',
    form: {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      audience,
      scope: cloudScope,
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      subject_token: subject,
      subject_token_type: subjectType,
    },
    signal,
    ...proxyOf(world),
  });
  return { value, expiresMs: expiryOf(world.clock.now(), life) };
}

export const accountTokenUrl = (serviceAccount: string): string =>
  `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${encodeURIComponent(serviceAccount)}:generateAccessToken`;

const impersonated = Type.Object({ accessToken: Type.String({ minLength: 1 }), expireTime: Type.String() });

/** A token of a service account, for whoever may act as it. */
export async function impersonate(
  world: Exchanging,
  url: string,
  token: string,
  signal: AbortSignal,
): Promise<Expiring<string>> {
  const { accessToken, expireTime } = await askJson(world.http, impersonated, {
    who: 'Google IAM',
    url,
    headers: { authorization: `Bearer ${token}` },
    json: { scope: [cloudScope] },
    signal,
    ...proxyOf(world),
  });
  const expiresMs = Date.parse(expireTime);
  return {
    value: accessToken,
    expiresMs: Number.isNaN(expiresMs) ? expiryOf(world.clock.now(), undefined) : expiresMs,
  };
}

export function proxyOf({ variables }: Exchanging): { proxy?: string } {
  const proxy = variables['AI_GATEWAY_GCP_AUTH_PROXY_URL'];
  return proxy === undefined ? {} : { proxy };
}
