import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { KubeClient } from '../../src/kube/client.ts';
import { fixedCredentials } from '../../src/kube/credentials.ts';
import { createKubeClient } from '../../src/kube/httpclient.ts';

interface Kubeconfig {
  clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }];
  users: [{ user: { token: string } }];
}

/** A client of the API that `headgate up` wrote the kubeconfig of; for suites that would run kubectl hundreds of times. */
export function clientOf(file: string): KubeClient {
  const { clusters, users } = parse(readFileSync(file, 'utf8')) as Kubeconfig;
  const { server, 'certificate-authority-data': ca } = clusters[0].cluster;
  return createKubeClient({
    server,
    credentials: fixedCredentials({ ca: Buffer.from(ca, 'base64').toString(), token: users[0].user.token }),
  });
}
