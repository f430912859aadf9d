import { Namespace, Service, ServiceAccount, ConfigMap } from '../kinds/core/index.ts';
import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import type { Log } from '../telemetry/log.ts';
import { bootstrapRoles } from './auth/bootstraproles.ts';
import { equalJson, objectAt, stringAt, type JsonObject } from './json.ts';
import type { Objects } from './objects.ts';
import type { Resources } from './resources.ts';
import { ApiError } from './status.ts';
import type { StoredObject } from './store/object.ts';
import type { Store } from './store/store.ts';
import { decodeBody } from './writes.ts';

interface Dependencies {
  resources: Resources;
  objects: Objects;
  /** PEM of the authority that signed the server's certificate. */
  caCertificate: string;
}

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** The objects every cluster has from its first moment. */
export async function createBootstrapObjects(dependencies: Dependencies): Promise<void> {
  const { resources } = dependencies;
  const kinds = new Set(resources.all.map(({ kind }) => kind));
  // At once: writes that wait for the disk together wait once, and these are a hundred.
  await Promise.all(namespaces.map((name) => ensure(dependencies, objectOf(Namespace, { name }))));
  await Promise.all([
    ...namespaces.map((name) => createNamespaceObjects(dependencies, name)),
    ...bootstrapRoles([...kinds]).map((role) => ensure(dependencies, role, 'update')),
    ensure(dependencies, kubernetesService()),
  ]);
}

function kubernetesService(clusterIP?: string): JsonObject {
  const labels = { component: 'apiserver', provider: 'kubernetes' };
  const ports = [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }];
  return {
    ...objectOf(Service, { name: 'kubernetes', namespace: 'default', labels }),
    spec: { ports, ...(clusterIP !== undefined && { clusterIP }) },
  };
}

/** `kubectl delete svc --all` takes the API's own Service, too: it comes back, at the address it had. Returns what ends this. */
export function keepKubernetesService(dependencies: Dependencies & { store: Store; log: Log }): () => void {
  const { store, log } = dependencies;
  return store.history.subscribe(({ type, resource, object }) => {
    const { name, namespace } = object.metadata;
    if (type !== 'DELETED' || resource !== '/services' || namespace !== 'default' || name !== 'kubernetes') return;
    ensure(dependencies, kubernetesService(stringAt(object, 'spec', 'clusterIP'))).catch((error: unknown) => {
      log.error({ error }, 'the Service of the API cannot be made again');
    });
  });
}

/** ConfigMap with the authority's certificate in every namespace, which Pods find beside their token. */
export const rootCertificateName = 'kube-root-ca.crt';

/** What a namespace is given when it comes into being. */
export async function createNamespaceObjects(dependencies: Dependencies, namespace: string): Promise<void> {
  const authority = objectOf(ConfigMap, { name: rootCertificateName, namespace });
  await Promise.all([
    ensure(dependencies, objectOf(ServiceAccount, { name: 'default', namespace })),
    ensure(dependencies, { ...authority, data: { 'ca.crt': dependencies.caCertificate } }, 'update'),
  ]);
}

function objectOf(kind: Kind, metadata: JsonObject): JsonObject {
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata };
}

/** Creates an object that is missing; `update` brings the fields of an existing one up to date, unless it refuses that. */
async function ensure({ resources, objects }: Dependencies, body: JsonObject, mode: 'keep' | 'update' = 'keep') {
  const served = resources.ofObject(stringAt(body, 'apiVersion') ?? '', stringAt(body, 'kind') ?? '');
  // A server may be started with fewer kinds, as tests do.
  if (served === undefined) return;
  const { object } = decodeBody(served, body, 'Strict');
  try {
    await objects.create(served, object, object.metadata.namespace, { dryRun: false });
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 409) throw error;
    if (mode === 'update')
      await objects.update(served, object.metadata, (current) => renewed(current, object), { dryRun: false });
  }
}

function renewed(current: StoredObject, wanted: StoredObject): StoredObject {
  const { metadata: _metadata, ...fields } = wanted;
  const annotations = objectAt(current, 'metadata', 'annotations');
  if (annotations?.['rbac.authorization.kubernetes.io/autoupdate'] === 'false') return current;
  const changed = Object.entries(fields).some(([name, value]) => !equalJson(value, current[name]));
  return changed ? { ...current, ...fields } : current;
}
