import { Type } from '../kinds/type.ts';
import type { OidcExchange } from './credential.ts';
import { CredentialError, type SecretReader } from './environment.ts';
import type { Redacted } from './redacted.ts';
import { secretText } from './secrets.ts';
import { ask, checkedUrl, parseJson, type Exchanging } from './tokenrequest.ts';

/** A token of an OIDC provider, by which clouds know a workload (aigateway.md 2.4). */

const discovery = Type.Object({
  token_endpoint: Type.String({ minLength: 1 }),
  scopes_supported: Type.Optional(Type.Array(Type.String())),
  token_endpoint_auth_methods_supported: Type.Optional(Type.Array(Type.String())),
});

const tokens = Type.Object({
  access_token: Type.Optional(Type.String({ minLength: 1 })),
  id_token: Type.Optional(Type.String({ minLength: 1 })),
});

/** What an exchange is made with: read from Secrets before anything is waited for. */
export interface OidcClient {
  readonly exchange: OidcExchange;
  readonly id: string;
  readonly secret: Redacted;
}

/** @throws CredentialError */
export function oidcClient(secrets: SecretReader, exchange: OidcExchange): OidcClient {
  const { clientId } = exchange;
  return {
    exchange,
    id: typeof clientId === 'string' ? clientId : secretText(secrets, clientId).reveal(),
    secret: secretText(secrets, exchange.clientSecret),
  };
}

/** @throws CredentialError */
export async function oidcToken(
  { http }: Exchanging,
  { exchange, id, secret }: OidcClient,
  signal: AbortSignal,
): Promise<string> {
  const { issuer, audience } = exchange;
  const who = `OIDC provider ${issuer}`;
  const found = await discover(http, exchange, who, signal);
  const scopes = [...new Set([...exchange.scopes, ...found.scopes])];
  const form: Record<string, string> = { grant_type: exchange.grantType };
  if (scopes.length > 0) form['scope'] = scopes.join(' ');
  if (audience !== undefined) form['audience'] = audience;
  const request = found.basic
    ? { form, headers: { authorization: basic(id, secret) } }
    : { form: { ...form, client_id: id, client_secret: secret.reveal() } };
  const { body } = await ask(http, { who, url: found.tokenEndpoint, signal, ...request });
  const answer = parseJson(tokens, body, who);
  const token = answer.access_token ?? answer.id_token;
  if (token === undefined) throw new CredentialError(503, `${who}: no token in its answer`);
  return token;
}

interface Provider {
  readonly tokenEndpoint: string;
  readonly scopes: readonly string[];
  /** The client says who it is in the Authorization header, not in the form (RFC 6749 2.3.1). */
  readonly basic: boolean;
}

async function discover(
  http: Exchanging['http'],
  { issuer, tokenEndpoint }: OidcExchange,
  who: string,
  signal: AbortSignal,
): Promise<Provider> {
  if (tokenEndpoint !== undefined) {
    return { tokenEndpoint: checkedUrl(tokenEndpoint, `${who}: its tokenEndpoint`), scopes: [], basic: true };
  }
  const base = checkedUrl(issuer, `${who}: its issuer`).replace(/\/$/, '');
  const { body } = await ask(http, { who, url: `${base}/.well-known/openid-configuration`, signal });
  const found = parseJson(discovery, body, who);
  const methods = found.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  return {
    tokenEndpoint: checkedUrl(found.token_endpoint, `${who}: the token endpoint that it names`),
    scopes: found.scopes_supported ?? [],
    basic: methods.includes('client_secret_basic') || !methods.includes('client_secret_post'),
  };
}

const basic = (id: string, secret: Redacted): string =>
  `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret.reveal())}`).toString('base64')}`;
