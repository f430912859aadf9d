import { stringEnum } from '../kinds/schema.ts';
import { Type, type Static } from '../kinds/type.ts';
import { CredentialError, type CredentialEnvironment } from './environment.ts';
import { cloudScope, exchangeToken, impersonate, proxyOf } from './gcpexchange.ts';
import type { Expiring } from './tokencache.ts';
import { askJson, checkedUrl, expiryOf, oauthToken, parseJson, type Exchanging } from './tokenrequest.ts';

/** Key files of Google Cloud: of service accounts, of users (gcloud), of workload identity federation. */

const serviceAccount = Type.Object({
  type: stringEnum(['service_account']),
  client_email: Type.String({ minLength: 1 }),
  private_key: Type.String({ minLength: 1 }),
  private_key_id: Type.Optional(Type.String()),
  token_uri: Type.Optional(Type.String()),
});

const authorizedUser = Type.Object({
  type: stringEnum(['authorized_user']),
  client_id: Type.String(),
  client_secret: Type.String(),
  refresh_token: Type.String(),
});

const externalAccount = Type.Object({
  type: stringEnum(['external_account']),
  audience: Type.String(),
  subject_token_type: Type.String(),
  service_account_impersonation_url: Type.Optional(Type.String()),
  credential_source: Type.Object({
    file: Type.Optional(Type.String()),
    format: Type.Optional(
      Type.Object({ type: Type.Optional(Type.String()), subject_token_field_name: Type.Optional(Type.String()) }),
    ),
  }),
});

const shapes = { service_account: serviceAccount, authorized_user: authorizedUser, external_account: externalAccount };

export type KeyFile = Static<typeof serviceAccount> | Static<typeof authorizedUser> | Static<typeof externalAccount>;

/** @throws CredentialError that says what is wrong and nothing of what is in it */
export function parseKeyFile(text: string, from: string): KeyFile {
  const { type } = asConfiguration(() => parseJson(Type.Object({ type: Type.String() }), text, from), from);
  if (!Object.hasOwn(shapes, type)) {
    throw new CredentialError(
      500,
      `${from}: type ${type.slice(0, 40)} is not supported: use ${Object.keys(shapes).join(', ')}`,
    );
  }
  // The schema of this type is the one that is looked up.
  const shape = shapes[type as keyof typeof shapes];
  return asConfiguration(() => parseJson(shape, text, from), from);
}

function asConfiguration<T>(parse: () => T, from: string): T {
  try {
    return parse();
  } catch {
    throw new CredentialError(500, `${from}: not a key file of Google Cloud`);
  }
}

const googleToken = 'https://oauth2.googleapis.com/token';

export async function fileToken(
  world: CredentialEnvironment,
  file: KeyFile,
  from: string,
  signal: AbortSignal,
): Promise<Expiring<string>> {
  switch (file.type) {
    case 'service_account':
      return accountToken(world, file, from, signal);
    case 'authorized_user':
      return oauth(
        world,
        googleToken,
        {
          grant_type: 'refresh_token',
          client_id: file.client_id,
          client_secret: file.client_secret,
          refresh_token: file.refresh_token,
        },
        signal,
      );
    case 'external_account': {
      const subject = await subjectToken(world, file.credential_source, from);
      const token = await exchangeToken(world, file.audience, subject, signal, file.subject_token_type);
      const url = file.service_account_impersonation_url;
      return url === undefined
        ? token
        : impersonate(world, checkedUrl(url, `${from}: service_account_impersonation_url`), token.value, signal);
    }
  }
}

/** A JWT that the account's key has signed, for a token (RFC 7523). */
async function accountToken(
  world: Exchanging,
  account: Static<typeof serviceAccount>,
  from: string,
  signal: AbortSignal,
): Promise<Expiring<string>> {
  const url = checkedUrl(account.token_uri ?? googleToken, `${from}: token_uri`);
  const { importPKCS8, SignJWT } = await import('jose');
  const now = Math.floor(world.clock.now() / 1000);
  let assertion: string;
  try {
    const key = await importPKCS8(account.private_key, 'RS256');
    assertion = await new SignJWT({ scope: cloudScope })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...(account.private_key_id && { kid: account.private_key_id }) })
      .setIssuer(account.client_email)
      .setSubject(account.client_email)
      .setAudience(url)
      .setIssuedAt(now)
      .setExpirationTime(now + 3600)
      .sign(key);
  } catch {
    throw new CredentialError(500, `${from}: private_key is not an RSA key in PKCS #8`);
  }
  return oauth(world, url, { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion }, signal);
}

async function oauth(
  world: Exchanging,
  url: string,
  form: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Expiring<string>> {
  const { access_token: value, expires_in: life } = await askJson(world.http, oauthToken, {
    who: 'Google OAuth',
    url,
    form,
    signal,
    ...proxyOf(world),
  });
  return { value, expiresMs: expiryOf(world.clock.now(), life) };
}

type SubjectSource = Static<typeof externalAccount>['credential_source'];

async function subjectToken(
  world: CredentialEnvironment,
  { file, format }: SubjectSource,
  from: string,
): Promise<string> {
  if (file === undefined) throw new CredentialError(500, `${from}: only a credential_source with a file is supported`);
  let text: string;
  try {
    text = await world.readFile(file);
  } catch {
    throw new CredentialError(500, `${from}: credential_source: ${file} cannot be read`);
  }
  if (format?.type !== 'json') return text.trim();
  const field = format.subject_token_field_name ?? 'access_token';
  const value = parseJson(Type.Record(Type.String(), Type.Unknown()), text, `${from}: credential_source`)[field];
  if (typeof value !== 'string') throw new CredentialError(500, `${from}: credential_source: ${file} has no ${field}`);
  return value;
}
