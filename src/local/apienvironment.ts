import { join } from 'node:path';
import type { Mount } from './volumes.ts';

/**
 * The variables by which programs in Pods find the API. It listens on 127.0.0.1 with a certificate for that address; the cluster
 * IP of the Service `kubernetes` is not used, as its port 443 may not be listened on without the right to it.
 */
export function apiEnvironment(server: string): Record<string, string> {
  const { hostname, port } = new URL(server);
  return {
    KUBERNETES_SERVICE_HOST: hostname,
    KUBERNETES_SERVICE_PORT: port,
    KUBERNETES_SERVICE_PORT_HTTPS: port,
    HEADGATE_API_SERVER: server,
  };
}

const accountPath = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Where a container's files for the API are: client libraries look for them at a fixed path, which processes do not have. */
export function apiFiles(mounts: readonly Mount[]): Record<string, string> {
  const mount = mounts.find(({ mountPath }) => mountPath === accountPath);
  if (mount === undefined) return {};
  return {
    HEADGATE_API_TOKEN_FILE: join(mount.source, 'token'),
    HEADGATE_API_CA_FILE: join(mount.source, 'ca.crt'),
  };
}
