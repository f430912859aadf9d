import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { CredentialError, type Clock, type CredentialEnvironment, type SecretReader } from './environment.ts';
import { noPlaces, type Places } from '../wire/places.ts';
import { SystemTokenHttp } from './tokenhttp.ts';

/** Files with credentials are small. */
const maxFileBytes = 256 * 1024;

const clock: Clock = {
  now: () => Date.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** The world as it is, but for hosts that are at these places; `close` ends its connections. */
export function systemEnvironment(
  secrets: SecretReader,
  variables: Readonly<Record<string, string | undefined>>,
  places: Places = noPlaces,
): CredentialEnvironment & { close(): Promise<void> } {
  const http = new SystemTokenHttp(variables, places);
  return {
    secrets,
    http,
    clock,
    variables,
    readFile: async (path) => {
      if ((await stat(path)).size > maxFileBytes) throw new CredentialError(500, `${path} is too large`);
      return readFile(path, 'utf8');
    },
    homeDirectory: homedir(),
    random: Math.random,
    close: () => http.close(),
  };
}
