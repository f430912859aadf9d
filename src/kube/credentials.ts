import { readFile } from 'node:fs/promises';

/** Who a client is to a Kubernetes API. What changes while a process runs (tokens and certificates that are rotated) is asked for anew. */
export interface Credentials {
  /** For each new connection. */
  tls(): Promise<TlsOptions>;
  /** The Authorization header; `refresh`: the last one was refused. undefined: none. */
  authorization(refresh: boolean): Promise<string | undefined>;
}

/** As `node:tls` takes them. */
export interface TlsOptions {
  /** PEM of the authorities that may have signed the server's certificate; absent: the system's. */
  readonly ca?: string | Buffer;
  /** PEM of the client's certificate and key. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** False: any certificate will do (insecure-skip-tls-verify). */
  readonly rejectUnauthorized?: boolean;
  /** The name that the server's certificate has, where it is not the host's. */
  readonly servername?: string;
}

export function fixedCredentials({ ca, token }: { ca?: string | undefined; token?: string | undefined }): Credentials {
  return {
    tls: () => Promise.resolve(ca === undefined ? {} : { ca }),
    authorization: () => Promise.resolve(token === undefined ? undefined : `Bearer ${token}`),
  };
}

/** How long a token that was read is used, as client-go does: the kubelet writes a new one long before the old one ends. */
const rereadMs = 60_000;

/** A token in a file that somebody else renews, such as a Pod's ServiceAccount token. */
export function tokenFileCredentials(file: string, ca: string | undefined): Credentials {
  let token: string | undefined;
  let readAt = -Infinity;
  return {
    ...fixedCredentials({ ca }),
    authorization: async (refresh) => {
      const now = performance.now();
      if (refresh || now - readAt > rereadMs) {
        // A file that cannot be read at this moment does not take away the token that is good still.
        token = await readFile(file, 'utf8').then(
          (text) => text.trim(),
          () => token,
        );
        readAt = now;
      }
      return token === undefined ? undefined : `Bearer ${token}`;
    },
  };
}
