/**
 * Variables of a container that change how a program of this machine is run rather than what it does: what the system's loader,
 * Node and OpenSSL read before the program begins. In an image they stay in its container; here they would run code, or
 * load it into Headgate's own programs, as the user who started Headgate.
 */
const ofTheLoader = /^(?:LD_|DYLD_|GLIBC_|GCONV_PATH$|LOCPATH$|MALLOC_)/;
const ofNode = /^(?:NODE_|OPENSSL_|SSL_CERT_|SSLKEYLOGFILE$|UV_)/;
/** Names that Kubernetes' manifests give the node's own, and that mean nothing to Node. */
const ofKubernetes = new Set(['NODE_NAME', 'NODE_IP']);

export interface SafeVariables {
  env: Record<string, string>;
  /** Names of those left out. */
  dropped: readonly string[];
}

/** `program`: ours, which takes none of them, or the user's own, whose language may have variables of its own. */
export function safeVariables(declared: Readonly<Record<string, string>>, program: 'ours' | 'theirs'): SafeVariables {
  const dropped = Object.keys(declared).filter(
    (name) => ofTheLoader.test(name) || (program === 'ours' && ofNode.test(name) && !ofKubernetes.has(name)),
  );
  const env = Object.fromEntries(Object.entries(declared).filter(([name]) => !dropped.includes(name)));
  return { env, dropped };
}
