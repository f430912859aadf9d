import { CredentialError, type CredentialEnvironment } from './environment.ts';
import { cloudScope } from './gcpexchange.ts';
import { fileToken, parseKeyFile } from './gcpfile.ts';
import type { Expiring } from './tokencache.ts';
import { askJson, expiryOf, oauthToken } from './tokenrequest.ts';

/** Application Default Credentials: the file that is named, the one that gcloud wrote, the metadata server. */
export async function defaultToken(world: CredentialEnvironment, signal: AbortSignal): Promise<Expiring<string>> {
  const named = world.variables['GOOGLE_APPLICATION_CREDENTIALS'];
  const file = named ?? `${world.homeDirectory}/.config/gcloud/application_default_credentials.json`;
  let text: string | undefined;
  try {
    text = await world.readFile(file);
  } catch {
    if (named !== undefined) throw new CredentialError(500, `GOOGLE_APPLICATION_CREDENTIALS: ${file} cannot be read`);
  }
  return text === undefined ? metadataToken(world, signal) : fileToken(world, parseKeyFile(text, file), file, signal);
}

async function metadataToken(
  { http, clock, variables }: CredentialEnvironment,
  signal: AbortSignal,
): Promise<Expiring<string>> {
  const host = variables['GCE_METADATA_HOST'] ?? 'metadata.google.internal';
  const { access_token: value, expires_in: life } = await askJson(http, oauthToken, {
    who: 'Google metadata server',
    url: `http://${host}/computeMetadata/v1/instance/service-accounts/default/token?scopes=${encodeURIComponent(cloudScope)}`,
    headers: { 'metadata-flavor': 'Google' },
    signal,
  });
  return { value, expiresMs: expiryOf(clock.now(), life) };
}
