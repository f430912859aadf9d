import { Namespace, Service, ServiceAccount } from '../kinds/core/index.ts';
import type { Kind } from '../kinds/kind.ts';
import type { JsonObject } from './json.ts';
import type { Objects } from './objects.ts';
import type { Resources } from './resources.ts';
import { ApiError } from './status.ts';
import { decodeBody } from './writes.ts';

interface Dependencies {
  resources: Resources;
  objects: Objects;
}

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** The objects every cluster has from its first moment. */
export async function createBootstrapObjects(dependencies: Dependencies): Promise<void> {
  for (const name of namespaces) {
    await createIfMissing(dependencies, Namespace, { metadata: { name } });
    await createNamespaceObjects(dependencies, name);
  }
  await createIfMissing(dependencies, Service, {
    metadata: { name: 'kubernetes', namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: { ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }] },
  });
}

/** What a namespace is given when it comes into being. */
export async function createNamespaceObjects(dependencies: Dependencies, namespace: string): Promise<void> {
  await createIfMissing(dependencies, ServiceAccount, { metadata: { name: 'default', namespace } });
}

async function createIfMissing(
  { resources, objects }: Dependencies,
  kind: Kind,
  body: { metadata: { name: string; namespace?: string; labels?: Record<string, string> } } & JsonObject,
): Promise<void> {
  const served = resources.find(kind.group, kind.storageVersion, kind.plural);
  // A server may be started with fewer kinds, as tests do.
  if (served === undefined) return;
  const { object } = decodeBody(served, { apiVersion: served.apiVersion, kind: kind.kind, ...body }, 'Strict');
  try {
    await objects.create(served, object, body.metadata.namespace, { dryRun: false });
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 409) throw error;
  }
}
