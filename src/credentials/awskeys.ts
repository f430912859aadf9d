import { defaultChain } from './awschain.ts';
import { keysOfFile, type AwsKeys } from './awsfile.ts';
import { assumeRole } from './awssts.ts';
import type { AwsSource } from './credential.ts';
import type { CredentialEnvironment } from './environment.ts';
import { oidcClient, oidcToken } from './oidc.ts';
import { secretText } from './secrets.ts';
import type { TokenFetch } from './tokencache.ts';

/** Where keys that sign requests for AWS come from (aigateway.md 1.3 and 2.4). */

/**
 * How to get keys with the Secrets as they are now.
 *
 * @throws CredentialError for Secrets that are not there or hold no keys
 */
export function awsKeys(world: CredentialEnvironment, source: AwsSource): TokenFetch<AwsKeys> {
  switch (source.type) {
    case 'file': {
      const { namespace, name, key } = source.secret;
      const text = secretText(world.secrets, source.secret).reveal();
      const keys = keysOfFile(text, source.profile, `Secret ${namespace}/${name}, key ${key}`);
      return () => Promise.resolve({ value: keys, expiresMs: undefined });
    }
    case 'oidc': {
      const client = oidcClient(world.secrets, source.exchange);
      return async (signal) => {
        const token = await oidcToken(world, client, signal);
        return assumeRole(world, { ...source, token }, signal);
      };
    }
    case 'default':
      return (signal) => defaultChain(world, source.region, signal);
  }
}
