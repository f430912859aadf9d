/** Finding the Kubernetes API that a picker's pool lives in: as in a pod of a cluster, as with kubectl, or as the embedded node tells. */
import { readFile } from 'node:fs/promises';
import { createKubeClient } from './httpclient.ts';
import type { KubeClient } from './client.ts';
import { fixedCredentials, tokenFileCredentials } from './credentials.ts';
import { readKubeconfig } from './kubeconfig.ts';

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
    const ca = await optionalFile(env['HEADGATE_API_CA_FILE'], 'HEADGATE_API_CA_FILE');
    const tokenFile = env['HEADGATE_API_TOKEN_FILE'] ?? '';
    await optionalFile(tokenFile, 'HEADGATE_API_TOKEN_FILE');
    const credentials = tokenFile === '' ? fixedCredentials({ ca }) : tokenFileCredentials(tokenFile, ca);
    return { client: createKubeClient({ server, credentials }), source: 'HEADGATE_API_SERVER' };
  }
  const inPod = await serviceAccount(env);
  if (inPod !== undefined) return inPod;
  const kubeconfig = env['KUBECONFIG'];
  return kubeconfig === undefined || kubeconfig === '' ? undefined : fromKubeconfig(kubeconfig);
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
  const credentials = tokenFileCredentials(`${directory}/token`, ca);
  return {
    client: createKubeClient({ server: `https://${authority}:${port}`, credentials }),
    source: 'ServiceAccount',
  };
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
  return { client: createKubeClient(await readKubeconfig(file)), source: `kubeconfig ${file}` };
}
