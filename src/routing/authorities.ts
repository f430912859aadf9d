import type { ObjectRef } from '../kinds/object.ts';
import { certificatesIn } from './pem.ts';
import type { Lookup } from './resources.ts';

/** Certificates of authorities that an object refers to: ConfigMaps, and Secrets, with them under ca.crt (gatewayapi.md 9). */

interface CaRef {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

export interface BadRef {
  readonly reason: 'InvalidKind' | 'InvalidCACertificateRef';
  readonly message: string;
}

/** The certificates of all refs that are good, and what is wrong with the others. */
export function authoritiesOf(
  lookup: Lookup,
  namespace: string,
  refs: readonly CaRef[],
): { readonly pem: string; readonly bad: readonly BadRef[] } {
  const found = refs.map((ref, at) => authorityOf(lookup, namespace, ref, `caCertificateRefs[${at}]`));
  return {
    pem: found.flatMap((one) => (typeof one === 'string' ? [one] : [])).join(''),
    bad: found.flatMap((one) => (typeof one === 'string' ? [] : [one])),
  };
}

function authorityOf(lookup: Lookup, namespace: string, { group, kind, name }: CaRef, at: string): string | BadRef {
  const ref = { namespace, name };
  if (group !== '' || (kind !== 'ConfigMap' && kind !== 'Secret')) {
    return {
      reason: 'InvalidKind',
      message: `${at}: kind ${group === '' ? '' : `${group}/`}${kind} is not supported: use a ConfigMap with the key ca.crt`,
    };
  }
  const invalid = (what: string): BadRef => ({
    reason: 'InvalidCACertificateRef',
    message: `${at}: ${kind} ${namespace}/${name} ${what}`,
  });
  const { exists, text } = kind === 'ConfigMap' ? inConfigMap(lookup, ref) : inSecret(lookup, ref);
  if (!exists) return invalid('not found');
  if (text === undefined) return invalid('has no key ca.crt');
  const certificates = certificatesIn(text);
  return certificates.length === 0 ? invalid('has no certificate in PEM under ca.crt') : certificates.join('');
}

function inConfigMap(lookup: Lookup, ref: ObjectRef): { exists: boolean; text: string | undefined } {
  const map = lookup.configMap(ref);
  return { exists: map !== undefined, text: map?.data?.['ca.crt'] };
}

function inSecret(lookup: Lookup, ref: ObjectRef): { exists: boolean; text: string | undefined } {
  const secret = lookup.secret(ref);
  return { exists: secret !== undefined, text: secret?.authorities };
}
