/** Finding the Kubernetes API that a picker's pool lives in: as in a pod of a cluster, as with kubectl, or as the embedded node tells. */
import { readFile } from 'node:fs/promises';
import { createKubeClient } from './httpclient.ts';
import type { KubeClient } from './client.ts';

type Env = Readonly<Record<string, string | undefined>>;

const serviceAccountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface ApiAccess {
  client: KubeClient;
  /** Where the address and the credentials come from, for the log. */
  source: string;
}

/**
 * The API to ask, by the first of: HEADGATE_API_SERVER with HEADGATE_API_TOKEN_FILE and HEADGATE_API_CA_FILE; the ServiceAccount of a
 * pod (KUBERNETES_SERVICE_HOST and its mounted token); KUBECONFIG. undefined: there is none.
 *
 * @throws Error when one is named but cannot be used
 */
export async function findApi(env: Env): Promise<ApiAccess | undefined> {
  const server = env['HEADGATE_API_SERVER'];
  if (server !== undefined && server !== '') {
    const token = await optionalFile(env['HEADGATE_API_TOKEN_FILE'], 'HEADGATE_API_TOKEN_FILE');
    const ca = await optionalFile(env['HEADGATE_API_CA_FILE'], 'HEADGATE_API_CA_FILE');
    return { client: connect(server, token?.trim(), ca), source: 'HEADGATE_API_SERVER' };
  }
  const inPod = await serviceAccount(env);
  if (inPod !== undefined) return inPod;
  const kubeconfig = env['KUBECONFIG'];
  return kubeconfig === undefined || kubeconfig === '' ? undefined : fromKubeconfig(kubeconfig);
}

function connect(server: string, token: string | undefined, ca: string | undefined): KubeClient {
  return createKubeClient({ server, ...(token === undefined ? {} : { token }), ...(ca === undefined ? {} : { ca }) });
}

/** What the kubelet mounts into every pod; undefined outside of one, or where the pod was given no token. */
async function serviceAccount(env: Env): Promise<ApiAccess | undefined> {
  const host = env['KUBERNETES_SERVICE_HOST'];
  if (host === undefined || host === '') return undefined;
  const directory = mountedAt(serviceAccountDirectory, env);
  const read = async (name: string): Promise<string | undefined> =>
    readFile(`${directory}/${name}`, 'utf8').catch(() => undefined);
  const [token, ca] = [await read('token'), await read('ca.crt')];
  if (token === undefined) return undefined;
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '443';
  const authority = host.includes(':') ? `[${host}]` : host;
  return { client: connect(`https://${authority}:${port}`, token.trim(), ca), source: 'ServiceAccount' };
}

/** Pods of the embedded node have no file system of their own: HEADGATE_MOUNTS says where their mounts really are. */
function mountedAt(path: string, env: Env): string {
  const text = env['HEADGATE_MOUNTS'];
  if (text === undefined) return path;
  const mounts: unknown = JSON.parse(text);
  const source: unknown = typeof mounts === 'object' && mounts !== null ? Reflect.get(mounts, path) : undefined;
  return typeof source === 'string' ? source : path;
}

async function optionalFile(file: string | undefined, variable: string): Promise<string | undefined> {
  if (file === undefined || file === '') return undefined;
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new Error(`${variable}: cannot read ${file}: ${error instanceof Error ? error.message : ''}`, {
      cause: error,
    });
  });
}

async function fromKubeconfig(file: string): Promise<ApiAccess> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromFile(file);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error(`KUBECONFIG: ${file} has no current context with a cluster`);
  if (cluster.skipTLSVerify === true) throw new Error(`KUBECONFIG: ${file}: insecure-skip-tls-verify is not supported`);
  const user = config.getCurrentUser();
  if (user?.certData !== undefined || user?.certFile !== undefined)
    throw new Error(`KUBECONFIG: ${file}: client certificates are not supported, use a token`);
  const headers: Record<string, string> = {};
  await config.applyToHTTPSOptions({ headers });
  const authorization = headers['Authorization'];
  const token = authorization?.startsWith('Bearer ') === true ? authorization.slice('Bearer '.length) : undefined;
  const ca =
    cluster.caData === undefined
      ? await optionalFile(cluster.caFile, 'KUBECONFIG')
      : Buffer.from(cluster.caData, 'base64').toString();
  return { client: connect(cluster.server, token, ca), source: 'KUBECONFIG' };
}
