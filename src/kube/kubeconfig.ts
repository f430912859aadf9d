import { X509Certificate } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Credentials, TlsOptions } from './credentials.ts';

/** A cluster as a kubeconfig names it, with everything that kubectl can log in by: tokens, token files, client certificates, exec plugins. */
export interface KubeconfigCluster {
  /** `https://host:port` */
  readonly server: string;
  readonly credentials: Credentials;
}

/**
 * The current context of a kubeconfig.
 *
 * @throws Error naming the file when it cannot be read, or what in it cannot be used
 */
export async function readKubeconfig(file: string): Promise<KubeconfigCluster> {
  let config = await load(file);
  let loadedAt = await modified(file);
  /** What the file says now: logins that are renewed by other programs are written into it. */
  const current = async (): Promise<KubeConfig> => {
    const at = await modified(file);
    if (at !== loadedAt && at !== undefined) {
      // A file that is being written at this moment is read the next time.
      const next = await load(file).catch(() => undefined);
      if (next !== undefined) [config, loadedAt] = [next, at];
    }
    return config;
  };
  const cluster = clusterOf(config, file);
  return {
    server: cluster.server,
    credentials: {
      tls: async () => tlsOf(await current(), file),
      authorization: async (refresh) => {
        const now = await current();
        if (refresh) config = await load(file);
        return (await optionsOf(refresh ? config : now, file)).authorization;
      },
    },
  };
}

async function load(file: string): Promise<KubeConfig> {
  // 65 MB of generated classes come with it: only who has a kubeconfig pays for them.
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  try {
    config.loadFromFile(file);
  } catch (error) {
    throw new Error(`kubeconfig ${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  return config;
}

const modified = (file: string): Promise<number | undefined> =>
  stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );

function clusterOf(config: KubeConfig, file: string) {
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new Error(
      `kubeconfig ${file}: current-context ${JSON.stringify(config.getCurrentContext())} names no cluster of the file`,
    );
  }
  if (cluster.proxyUrl !== undefined) throw new Error(`kubeconfig ${file}: proxy-url is not supported`);
  return cluster;
}

async function optionsOf(
  config: KubeConfig,
  file: string,
): Promise<{ readonly request: RequestOptions; readonly authorization: string | undefined }> {
  const headers: Record<string, string> = {};
  const request: RequestOptions = { headers };
  try {
    await config.applyToHTTPSOptions(request);
  } catch (error) {
    // What an exec plugin printed on its standard error says why; its output would be a credential.
    throw new Error(
      `kubeconfig ${file}: user ${config.getCurrentUser()?.name ?? ''} cannot log in: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
  const basic = typeof request.auth === 'string' ? `Basic ${Buffer.from(request.auth).toString('base64')}` : undefined;
  return { request, authorization: headers['Authorization'] ?? headers['authorization'] ?? basic };
}

async function tlsOf(config: KubeConfig, file: string): Promise<TlsOptions> {
  const cluster = clusterOf(config, file);
  const { ca, cert, key } = (await optionsOf(config, file)).request;
  const [authority, certificate, secret] = [pem(ca), pem(cert), pem(key)];
  if (certificate !== undefined) new X509Certificate(certificate);
  return {
    ...(authority !== undefined && { ca: authority }),
    ...(certificate !== undefined && { cert: certificate }),
    ...(secret !== undefined && { key: secret }),
    ...(cluster.skipTLSVerify === true && { rejectUnauthorized: false }),
    ...(cluster.tlsServerName !== undefined && { servername: cluster.tlsServerName }),
  };
}

/** Of the many shapes that Node takes, the library gives one. */
const pem = (value: unknown): string | Buffer | undefined =>
  typeof value === 'string' || Buffer.isBuffer(value) ? value : undefined;
