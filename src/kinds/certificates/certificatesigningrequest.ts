import type * as certificates from 'kubernetes-types/certificates/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column, humanDuration } from '../kubernetes/columns.ts';

export type CertificateSigningRequest = Builtin<certificates.CertificateSigningRequest, 'spec'>;

export const CertificateSigningRequest = defineBuiltin<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  model: 'V1CertificateSigningRequest',
  shortNames: ['csr'],
  namespaced: false,
  ineffective: 'no signer of Kubernetes runs here: an approved request waits for one of your own',
  columns: [
    age,
    column<CertificateSigningRequest>('SignerName', ({ spec }) => spec.signerName),
    column<CertificateSigningRequest>('Requestor', ({ spec }) => spec.username ?? ''),
    column<CertificateSigningRequest>('RequestedDuration', ({ spec }) =>
      spec.expirationSeconds === undefined ? '<none>' : humanDuration(spec.expirationSeconds * 1000),
    ),
    column<CertificateSigningRequest>('Condition', conditionText),
  ],
});

function conditionText({ status }: CertificateSigningRequest): string {
  const types = new Set((status?.conditions ?? []).map(({ type }) => type));
  const verdict = types.has('Denied') ? 'Denied' : types.has('Approved') ? 'Approved' : 'Pending';
  const failed = types.has('Failed') ? ',Failed' : '';
  return `${verdict}${failed}${status?.certificate === undefined ? '' : ',Issued'}`;
}
