import type { Kind } from '../kind.ts';
import { CertificateSigningRequest } from './certificatesigningrequest.ts';

export { CertificateSigningRequest };

/** The kinds of certificates.k8s.io/v1. */
export const kinds: readonly Kind[] = [CertificateSigningRequest];
