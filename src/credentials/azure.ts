import type { AzureSource } from './credential.ts';
import type { SecretReader } from './environment.ts';
import { oidcClient, oidcToken } from './oidc.ts';
import { secretText } from './secrets.ts';
import type { TokenFetch } from './tokencache.ts';
import { askJson, checkedUrl, expiryOf, oauthToken, type Exchanging } from './tokenrequest.ts';

/** Access tokens of Microsoft Entra (aigateway.md 2.4 and 5.4). */

const scope = 'https://cognitiveservices.azure.com/.default';
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/**
 * How to get a token with the Secrets as they are now.
 *
 * @throws CredentialError for Secrets that are not there
 */
export function azureToken(world: Exchanging, secrets: SecretReader, source: AzureSource): TokenFetch<string> {
  const prove = proofOf(world, secrets, source);
  return async (signal) => {
    const { http, clock, variables } = world;
    const authority = checkedUrl(
      variables['AZURE_AUTHORITY_HOST'] ?? 'https://login.microsoftonline.com',
      'AZURE_AUTHORITY_HOST',
    ).replace(/\/$/, '');
    const proof = await prove(signal);
    const proxy = variables['AI_GATEWAY_AZURE_PROXY_URL'];
    const { access_token: value, expires_in: life } = await askJson(http, oauthToken, {
      who: 'Microsoft Entra',
      url: `${authority}/${encodeURIComponent(source.tenantId)}/oauth2/v2.0/token`,
      form: { grant_type: 'client_credentials', client_id: source.clientId, scope, ...proof },
      signal,
      ...(proxy === undefined ? {} : { proxy }),
    });
    return { value, expiresMs: expiryOf(clock.now(), life) };
  };
}

type Proof = Readonly<Record<string, string>>;

/** What shows Entra that it is this client. */
function proofOf(
  world: Exchanging,
  secrets: SecretReader,
  source: AzureSource,
): (signal: AbortSignal) => Proof | Promise<Proof> {
  if (source.type === 'clientSecret') {
    const secret = secretText(secrets, source.secret);
    return () => ({ client_secret: secret.reveal() });
  }
  const client = oidcClient(secrets, source.exchange);
  return async (signal) => ({
    client_assertion_type: assertionType,
    client_assertion: await oidcToken(world, client, signal),
  });
}
