import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

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
