import { Backend } from '../kinds/envoygateway/backend.ts';
import { keyOf } from '../kinds/object.ts';
import type { TlsVersion, UpstreamTls } from '../credentials/tls.ts';
import { authoritiesOf } from './authorities.ts';
import type { Lookup } from './resources.ts';

/** The `tls` of a Backend of Envoy Gateway. */

type Settings = NonNullable<Backend['spec']['tls']>;

/** A BackendTLSPolicy may say whom to trust where the Backend does not. */
type PartialTls = Omit<UpstreamTls, 'authorities'> & { readonly authorities?: UpstreamTls['authorities'] };

/** Undefined: the Backend has none. */
export function backendSettings(
  lookup: Lookup,
  backend: Backend,
): { readonly tls: PartialTls } | { readonly problem: string } | undefined {
  const { tls } = backend.spec;
  if (tls === undefined) return undefined;
  const namespace = backend.metadata.namespace ?? '';
  const declaredBy = `${Backend.kind} ${keyOf(backend.metadata)}`;
  const problem = settingsProblem(tls, namespace);
  if (problem !== undefined) return { problem: `${declaredBy}: ${problem}` };
  const refs = tls.caCertificateRefs ?? [];
  const { pem, bad } = authoritiesOf(lookup, namespace, refs);
  if (bad.length > 0) return { problem: `${declaredBy}: spec.tls: ${bad.map(({ message }) => message).join('; ')}` };
  const authorities =
    refs.length > 0 ? { pem } : tls.insecureSkipVerify === true ? 'anyone' : tls.wellKnownCACertificates && 'system';
  const serverName = tls.sni ?? backend.spec.endpoints?.[0]?.fqdn?.hostname;
  const certificate = tls.clientCertificateRef;
  return {
    tls: {
      declaredBy,
      ...(serverName === undefined ? {} : { serverName }),
      ...(authorities === undefined ? {} : { authorities }),
      ...(certificate === undefined ? {} : { clientCertificate: { namespace, name: certificate.name } }),
      ...versionOf('minVersion', tls.minVersion),
      ...versionOf('maxVersion', tls.maxVersion),
      ...(tls.ciphers === undefined ? {} : { ciphers: tls.ciphers }),
      ...(tls.ecdhCurves === undefined ? {} : { curves: tls.ecdhCurves }),
      ...(tls.signatureAlgorithms === undefined ? {} : { signatureAlgorithms: tls.signatureAlgorithms }),
    },
  };
}

function versionOf(
  field: 'minVersion' | 'maxVersion',
  version: Settings['minVersion'],
): { [F in typeof field]?: TlsVersion } {
  return version === '1.2' || version === '1.3' ? { [field]: `TLSv${version}` as const } : {};
}

/** What is asked for that is not supported, or makes no sense. */
export function settingsProblem(tls: Settings, namespace: string): string | undefined {
  const { minVersion, maxVersion, clientCertificateRef: ref, alpnProtocols } = tls;
  // A lowest version below 1.2 asks for no more than 1.2 gives; a highest one leaves nothing to speak.
  if (maxVersion === '1.0' || maxVersion === '1.1')
    return `spec.tls.maxVersion ${maxVersion} is not supported: TLS begins at 1.2`;
  if (minVersion === '1.3' && maxVersion === '1.2') return 'spec.tls: minVersion 1.3 is above maxVersion 1.2';
  const protocol = alpnProtocols?.find((name) => name !== 'http/1.1' && name !== 'h2');
  if (protocol !== undefined) return `spec.tls.alpnProtocols ${protocol} is not supported`;
  if (alpnProtocols !== undefined && alpnProtocols.length > 0 && !alpnProtocols.includes('http/1.1')) {
    return 'spec.tls.alpnProtocols without http/1.1 is not supported yet';
  }
  if (ref === undefined) return undefined;
  if ((ref.group ?? '') !== '' || (ref.kind ?? 'Secret') !== 'Secret') {
    return `spec.tls.clientCertificateRef: kind ${ref.kind ?? ''} is not supported: use a Secret`;
  }
  if (ref.namespace !== undefined && ref.namespace !== namespace) {
    return `spec.tls.clientCertificateRef: Secret ${ref.namespace}/${ref.name} is in another namespace`;
  }
  return undefined;
}
