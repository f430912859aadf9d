import { isIP } from 'node:net';
import {
  checkServerIdentity,
  createSecureContext,
  getCACertificates,
  type ConnectionOptions,
  type PeerCertificate,
  type SecureContext,
} from 'node:tls';
import { CredentialError, type SecretContent, type SecretReader } from './environment.ts';

/**
 * How connections to a backend are secured and verified, as the compiled table says it: plain data (gatewayapi.md 9). Made from a
 * BackendTLSPolicy or the `tls` of a Backend.
 */
export interface UpstreamTls {
  /** The object that says so, for messages: `BackendTLSPolicy default/openai`. */
  readonly declaredBy: string;
  /** Sent as SNI; the certificate must carry it, unless `names` say others. Absent: the host that is dialled. */
  readonly serverName?: string;
  /** Who the certificate must come from: PEM certificates, or whom the system trusts. `anyone`: it is not verified. */
  readonly authorities: 'system' | 'anyone' | { readonly pem: string };
  /** One of these must be in the certificate. */
  readonly names?: readonly SubjectName[];
  /** A Secret of type kubernetes.io/tls with the certificate that is shown. */
  readonly clientCertificate?: SecretName;
  readonly minVersion?: TlsVersion;
  readonly maxVersion?: TlsVersion;
  /** In OpenSSL's names, for versions before 1.3. */
  readonly ciphers?: readonly string[];
  readonly curves?: readonly string[];
  readonly signatureAlgorithms?: readonly string[];
}

export interface SubjectName {
  readonly type: 'Hostname' | 'URI';
  readonly value: string;
}

export interface SecretName {
  readonly namespace: string;
  readonly name: string;
}

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** What a connection is made with. */
export interface TlsDial {
  /** The same for as long as connections may be shared: another one after a Secret has changed. */
  readonly key: string;
  readonly options: TlsOptions;
  /** What is wrong, for the failure of a connection to `host`; undefined: it is not one of TLS. */
  explain(error: Error, host: string): string | undefined;
}

/** For `tls.connect`. */
export type TlsOptions = Pick<
  ConnectionOptions,
  'secureContext' | 'servername' | 'rejectUnauthorized' | 'checkServerIdentity' | 'ALPNProtocols'
>;

/** The name to send to a host. An address is no server name (RFC 6066 3): none is sent, and the certificate must carry the address. */
export function serverNameFor({ options }: TlsDial, address: string): string {
  return options.servername ?? (isIP(address) === 0 ? address : '');
}

interface Made {
  readonly dial: TlsDial;
  readonly certificate: SecretContent | undefined;
}

/** The TLS of a gateway's connections. Contexts are made once for each way to connect, as reading authorities takes a while. */
export class TlsDials {
  readonly #secrets: SecretReader;
  /** By what is asked for, and by the Secret whose certificate is shown. */
  readonly #made = new WeakMap<UpstreamTls, Map<string, Made>>();
  #count = 0;

  constructor(secrets: SecretReader) {
    this.#secrets = secrets;
  }

  /**
   * `gatewayCertificate` is what the Gateway shows to backends that want no other one.
   *
   * @throws CredentialError when a client certificate cannot be used, or authorities cannot be read
   */
  dial(tls: UpstreamTls, gatewayCertificate?: SecretName): TlsDial {
    const ref = tls.clientCertificate ?? gatewayCertificate;
    const certificate = ref && this.#secrets.read(ref);
    let made = this.#made.get(tls);
    if (made === undefined) this.#made.set(tls, (made = new Map<string, Made>()));
    const name = ref === undefined ? '' : `${ref.namespace}/${ref.name}`;
    const known = made.get(name);
    if (known !== undefined && known.certificate === certificate) return known.dial;
    const context = contextOf(tls, ref, certificate);
    this.#count += 1;
    const dial: TlsDial = {
      key: `tls-${this.#count}`,
      options: optionsOf(tls, context),
      explain: (error, host) => tlsProblem(error, tls, host),
    };
    made.set(name, { dial, certificate });
    return dial;
  }
}

function contextOf(
  tls: UpstreamTls,
  certificateRef: SecretName | undefined,
  certificate: SecretContent | undefined,
): SecureContext {
  const { authorities, minVersion, maxVersion, ciphers, curves, signatureAlgorithms } = tls;
  try {
    return createSecureContext({
      ...(authorities === 'anyone'
        ? {}
        : { ca: authorities === 'system' ? [...systemAuthorities()] : authorities.pem }),
      ...(certificateRef === undefined ? {} : keyPair(certificateRef, certificate)),
      minVersion: minVersion ?? 'TLSv1.2',
      ...(maxVersion === undefined ? {} : { maxVersion }),
      ...(ciphers === undefined ? {} : { ciphers: ciphers.join(':') }),
      ...(curves === undefined ? {} : { ecdhCurve: curves.join(':') }),
      ...(signatureAlgorithms === undefined ? {} : { sigalgs: signatureAlgorithms.join(':') }),
    });
  } catch (error) {
    if (error instanceof CredentialError) throw error;
    // OpenSSL's texts name what is wrong with a certificate or key and quote neither.
    const why = error instanceof Error ? error.message : 'unknown error';
    throw new CredentialError(500, `${tls.declaredBy}: TLS cannot be set up: ${why}`);
  }
}

function keyPair(ref: SecretName, content: SecretContent | undefined): { cert: string; key: string } {
  const cert = content?.get('tls.crt')?.reveal();
  const key = content?.get('tls.key')?.reveal();
  if (cert === undefined || key === undefined) {
    const what = content === undefined ? 'not found' : 'has no tls.crt and tls.key';
    throw new CredentialError(500, `client certificate: Secret ${ref.namespace}/${ref.name} ${what}`);
  }
  return { cert, key };
}

function optionsOf({ serverName, authorities, names }: UpstreamTls, secureContext: SecureContext): TlsOptions {
  return {
    secureContext,
    ALPNProtocols: ['http/1.1'],
    ...(serverName === undefined ? {} : { servername: serverName }),
    rejectUnauthorized: authorities !== 'anyone',
    ...(names === undefined ? {} : { checkServerIdentity: (_, certificate) => mismatch(names, certificate) }),
  };
}

/** Why none of the names is the certificate's; undefined when one is (BackendTLSPolicy subjectAltNames). */
export function mismatch(
  names: readonly SubjectName[],
  certificate: Pick<PeerCertificate, 'subjectaltname' | 'subject'>,
): Error | undefined {
  const found = subjectNames(certificate.subjectaltname ?? '');
  const matches = names.some(({ type, value }) =>
    type === 'URI'
      ? found.some((name) => name.type === 'URI' && name.value === value)
      : found.some((name) => name.type === 'DNS' && hostMatches(name.value, value)),
  );
  if (matches) return undefined;
  const wanted = names.map(({ value }) => value).join(', ');
  return Object.assign(
    new Error(`the certificate is for ${certificate.subjectaltname ?? 'nobody'}, and not for ${wanted}`),
    {
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    },
  );
}

/** As Node checks host names; a wanted wildcard must be in the certificate as such. */
function hostMatches(inCertificate: string, wanted: string): boolean {
  if (wanted.startsWith('*.')) return inCertificate.toLowerCase() === wanted.toLowerCase();
  // Anything else would be read as further entries below.
  if (!/^[A-Za-z0-9*._-]+$/.test(inCertificate)) return false;
  // Only these two are looked at.
  const certificate = { subject: { CN: '' }, subjectaltname: `DNS:${inCertificate}` } as unknown as PeerCertificate;
  return checkServerIdentity(wanted, certificate) === undefined;
}

/** The entries of a certificate's alternative names as Node writes them: `DNS:a, URI:b`, those with special characters in quotes. */
function subjectNames(text: string): { type: string; value: string }[] {
  return [...text.matchAll(/(?:^|, )(?<type>[A-Za-z ]+):(?<value>"(?:[^"\\]|\\.)*"|[^,]*)/g)].flatMap(({ groups }) => {
    const { type, value } = groups ?? {};
    if (type === undefined || value === undefined) return [];
    return [{ type, value: value.startsWith('"') ? String(JSON.parse(value)) : value }];
  });
}

let authorities: readonly string[] | undefined;

/** Those that the system trusts (and `SSL_CERT_FILE`), else those that Node brings along; read once. */
export function systemAuthorities(): readonly string[] {
  if (authorities === undefined) {
    const system = getCACertificates('system');
    authorities = [...new Set(system.length > 0 ? system : getCACertificates('bundled'))];
  }
  return authorities;
}

const untrusted = 'its certificate comes from an authority that is not trusted';

/** By the codes of Node and OpenSSL, which differ in their beginnings between versions. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/^CERT_HAS_EXPIRED$/, 'its certificate has expired'],
  [/^CERT_NOT_YET_VALID$/, 'its certificate is not valid yet'],
  [/^DEPTH_ZERO_SELF_SIGNED_CERT$/, 'its certificate is self-signed'],
  [/^(SELF_SIGNED_CERT_IN_CHAIN|CERT_SIGNATURE_FAILURE|UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_VERIFY_LEAF)/, untrusted],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'its certificate is for another name'],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/, 'it does not speak TLS on this port'],
  [/ALERT_CERTIFICATE_REQUIRED/, 'it wants a client certificate'],
  [/ALERT_UNKNOWN_CA|ALERT_BAD_CERTIFICATE/, 'it refuses the client certificate'],
  [
    /ALERT_HANDSHAKE_FAILURE/,
    'it refuses the handshake: it may want a client certificate, or other versions or ciphers',
  ],
  [/^(ERR_SSL_|ERR_TLS_|CERT_|UNABLE_TO_|EPROTO$)/, 'the handshake failed'],
];

/**
 * What is wrong with the TLS of a connection, for whoever set it up: host, reason and the object that says how to verify.
 * Undefined: the error is not one of TLS.
 */
export function tlsProblem(error: Error, { declaredBy }: UpstreamTls, host: string): string | undefined {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const reason = reasons.find(([pattern]) => pattern.test(code))?.[1];
  return reason === undefined ? undefined : `TLS to ${host}: ${reason} (${code}; ${declaredBy})`;
}
