import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { FlagError } from '../flags/goflags.ts';
import type { Log } from '../telemetry/log.ts';

export interface Certificate {
  key: string;
  cert: string;
}

/** tls.crt and tls.key of a directory, as a mounted Secret has them. @throws Error naming the file */
export async function readCertificate(directory: string): Promise<Certificate> {
  const [cert, key] = await Promise.all([
    readFile(join(directory, 'tls.crt'), 'utf8'),
    readFile(join(directory, 'tls.key'), 'utf8'),
  ]);
  return { key, cert };
}

const validityMs = 10 * 365 * 24 * 3_600_000;

/**
 * A self-signed certificate as the endpoint picker makes one when it is given none (epp.md 4.4): ten years, organisation
 * `Inference Ext`, no name to verify. An elliptic key where upstream makes RSA-4096, which would take seconds.
 */
export async function selfSignedCertificate(): Promise<Certificate> {
  // Loaded when the first TLS connection comes: it would double the program's start.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'O=Inference Ext',
    notBefore: new Date(),
    notAfter: new Date(Date.now() + validityMs),
    signingAlgorithm: algorithm,
    keys,
  });
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'), cert: certificate.toString('pem') };
}

/**
 * The certificate that the flags ask for; undefined: plaintext. Files are read at once, so that wrong ones fail the start.
 * @throws FlagError naming the flag and the file
 */
export async function certificateSource(flags: {
  'secure-serving': boolean;
  'cert-path': string;
}): Promise<(() => Promise<Certificate>) | undefined> {
  if (!flags['secure-serving']) return undefined;
  if (flags['cert-path'] === '') return selfSignedCertificate;
  try {
    const certificate = await readCertificate(flags['cert-path']);
    createSecureContext(certificate);
    return () => Promise.resolve(certificate);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FlagError(`flag --cert-path: tls.crt and tls.key of ${flags['cert-path']} cannot be used: ${reason}`);
  }
}

/** How often the files are looked at; a mounted Secret is swapped as a whole, so a change is never seen by halves for longer. */
const checkIntervalMs = 250;

/** Hands on the certificate whenever its files change (--enable-cert-reload). Returns what stops it. */
export function watchCertificate(directory: string, use: (certificate: Certificate) => void, log: Log): () => void {
  const version = async (): Promise<string> => {
    const files = await Promise.all(['tls.crt', 'tls.key'].map((name) => stat(join(directory, name))));
    return files.map(({ mtimeMs, ino }) => `${String(mtimeMs)} ${String(ino)}`).join(' ');
  };
  let used: string | undefined;
  let checking = false;
  const check = async (): Promise<void> => {
    const found = await version().catch(() => undefined);
    if (found === undefined || found === used) return;
    const first = used === undefined;
    used = found;
    if (first) return;
    try {
      use(await readCertificate(directory));
      log.info({ directory }, 'certificate reloaded');
    } catch (error) {
      log.error({ directory, err: error }, 'the changed certificate cannot be used; the old one stays');
    }
  };
  const timer = setInterval(() => {
    if (checking) return;
    checking = true;
    void check().finally(() => {
      checking = false;
    });
  }, checkIntervalMs);
  return () => {
    clearInterval(timer);
  };
}
