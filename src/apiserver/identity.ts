import { randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the API server proves itself with and what its clients prove themselves with. Kept in the data directory, mode 0600. */
export interface Identity {
  caCertificate: string;
  /** Signs certificates of clients. Authorities of older data directories have thrown theirs away. */
  caKey?: string;
  serverCertificate: string;
  serverKey: string;
  /** Bearer token of the administrator. Never logged. */
  token: string;
}

const serverNames = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];

/** Reads the identity of a data directory; makes it at the first start, for these addresses and names. */
export async function loadIdentity(
  directory: string,
  addresses: readonly string[],
  names: readonly string[] = serverNames,
): Promise<Identity> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, 'identity.json');
  const stored = existsSync(file) ? parseIdentity(readFileSync(file, 'utf8'), file) : undefined;
  if (stored !== undefined) {
    writeAuthority(directory, stored);
    return stored;
  }
  // Only a first start pays for loading what makes certificates.
  const { makeCertificates } = await import('./certificates.ts');
  const identity = { ...(await makeCertificates(addresses, names)), token: randomBytes(32).toString('base64url') };
  // Renamed into place: a crash leaves no half-written identity behind.
  writeFileSync(`${file}.new`, JSON.stringify(identity), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  writeAuthority(directory, identity);
  return identity;
}

/** The authority as files that tools can sign certificates of clients with, where kubeadm has them, too. */
function writeAuthority(directory: string, { caCertificate, caKey }: Identity): void {
  if (caKey === undefined) return;
  writeFileSync(join(directory, 'ca.crt'), caCertificate, { mode: 0o600 });
  writeFileSync(join(directory, 'ca.key'), caKey, { mode: 0o600 });
}

function parseIdentity(text: string, file: string): Identity | undefined {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null)
    throw new Error(`${file} is not an identity: delete it to make a new one`);
  const fields = value as Record<string, unknown>;
  const field = (name: string): string => {
    const part: unknown = fields[name];
    if (typeof part !== 'string') throw new Error(`${file} has no ${name}: delete it to make a new identity`);
    return part;
  };
  const identity = {
    caCertificate: field('caCertificate'),
    serverCertificate: field('serverCertificate'),
    serverKey: field('serverKey'),
    token: field('token'),
    ...('caKey' in fields && { caKey: field('caKey') }),
  };
  const expires = new X509Certificate(identity.serverCertificate).validToDate;
  return expires.getTime() > Date.now() ? identity : undefined;
}
