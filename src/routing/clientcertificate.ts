import type { Gateway } from '../kinds/gateway/gateway.ts';
import type { SecretName } from '../credentials/tls.ts';
import { isPermitted } from './grants.ts';
import type { Refusal } from './listeners.ts';
import type { Lookup } from './resources.ts';

/** The certificate that a Gateway shows to backends (gatewayapi.md 3.1 spec.tls.backend), or why it cannot be used. */
export type ClientCertificate = { readonly secret: SecretName } | { readonly refused: Refusal };

/** Undefined: the Gateway has none of its own. */
export function clientCertificateOf(lookup: Lookup, { metadata, spec }: Gateway): ClientCertificate | undefined {
  const ref = spec.tls?.backend?.clientCertificateRef;
  if (ref === undefined) return undefined;
  const { group = '', kind = 'Secret', name } = ref;
  const own = metadata.namespace ?? '';
  const secret = { namespace: ref.namespace ?? own, name };
  const at = 'spec.tls.backend.clientCertificateRef';
  const refuse = (reason: string, message: string) => ({ refused: { reason, message: `${at}: ${message}` } });
  if (group !== '' || kind !== 'Secret') {
    return refuse(
      'InvalidClientCertificateRef',
      `kind ${group === '' ? '' : `${group}/`}${kind} is not supported: use a Secret`,
    );
  }
  const from = { group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: own };
  if (!isPermitted(lookup.grants(), from, { group, kind, ...secret })) {
    return refuse('RefNotPermitted', `no ReferenceGrant permits Secret ${secret.namespace}/${name} here`);
  }
  const problem = pairProblem(lookup, secret);
  return problem === undefined ? { secret } : refuse('InvalidClientCertificateRef', problem);
}

/** Why a Secret has no certificate with its key. */
export function pairProblem(lookup: Lookup, secret: SecretName): string | undefined {
  const found = lookup.secret(secret);
  const problem = found === undefined ? 'not found' : found.pairProblem;
  return problem && `Secret ${secret.namespace}/${secret.name}: ${problem}`;
}
