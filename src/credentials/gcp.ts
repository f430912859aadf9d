import type { GcpSource } from './credential.ts';
import type { CredentialEnvironment } from './environment.ts';
import { defaultToken } from './gcpdefault.ts';
import { accountTokenUrl, exchangeToken, impersonate } from './gcpexchange.ts';
import { fileToken, parseKeyFile } from './gcpfile.ts';
import { oidcClient, oidcToken } from './oidc.ts';
import { secretText } from './secrets.ts';
import type { TokenFetch } from './tokencache.ts';

/** Access tokens of Google Cloud (aigateway.md 2.4 and 5.5). */

/**
 * How to get a token with the Secrets as they are now.
 *
 * @throws CredentialError for Secrets that are not there or hold no key file
 */
export function gcpToken(world: CredentialEnvironment, source: GcpSource): TokenFetch<string> {
  switch (source.type) {
    case 'file': {
      const { namespace, name, key } = source.secret;
      const from = `Secret ${namespace}/${name}, key ${key}`;
      const file = parseKeyFile(secretText(world.secrets, source.secret).reveal(), from);
      return (signal) => fileToken(world, file, from, signal);
    }
    case 'federation': {
      const client = oidcClient(world.secrets, source.exchange);
      return async (signal) => {
        const subject = await oidcToken(world, client, signal);
        const federated = await exchangeToken(world, source.audience, subject, signal);
        const { serviceAccount } = source;
        return serviceAccount === undefined
          ? federated
          : impersonate(world, accountTokenUrl(serviceAccount), federated.value, signal);
      };
    }
    case 'default':
      return (signal) => defaultToken(world, signal);
  }
}

/** The path that Vertex AI has for what a translation asks of it. */
export function vertexPath(project: string, region: string, path: string): string {
  if (path.startsWith('/v1/projects/')) return path;
  return `/v1/projects/${encodeURIComponent(project)}/locations/${encodeURIComponent(region)}/${path.replace(/^\//, '')}`;
}
