import { Namespace, ServiceAccount, ConfigMap } from '../kinds/core/index.ts';
import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import { bootstrapRoles } from './auth/bootstraproles.ts';
import { equalJson, objectAt, stringAt, type JsonObject } from './json.ts';
import type { Objects } from './objects.ts';
import type { Resources } from './resources.ts';
import { ApiError } from './status.ts';
import type { StoredObject } from './store/object.ts';
import { decodeBody } from './writes.ts';

export interface BootstrapDependencies {
  resources: Resources;
  objects: Objects;
  /** PEM of the authority that signed the server's certificate. */
  caCertificate: string;
}

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** The objects every cluster has from its first moment. */
export async function createBootstrapObjects(dependencies: BootstrapDependencies): Promise<void> {
  const { resources } = dependencies;
  const kinds = new Set(resources.all.map(({ kind }) => kind));
  // At once: writes that wait for the disk together wait once, and these are a hundred.
  await Promise.all(namespaces.map((name) => ensure(dependencies, objectOf(Namespace, { name }))));
  await Promise.all([
    ...namespaces.map((name) => createNamespaceObjects(dependencies, name)),
    ...bootstrapRoles([...kinds]).map((role) => ensure(dependencies, role, 'update')),
  ]);
}

/** ConfigMap with the authority's certificate in every namespace, which Pods find beside their token. */
export const rootCertificateName = 'kube-root-ca.crt';

/** What a namespace is given when it comes into being. */
export async function createNamespaceObjects(dependencies: BootstrapDependencies, namespace: string): Promise<void> {
  const authority = objectOf(ConfigMap, { name: rootCertificateName, namespace });
  await Promise.all([
    ensure(dependencies, objectOf(ServiceAccount, { name: 'default', namespace })),
    ensure(dependencies, { ...authority, data: { 'ca.crt': dependencies.caCertificate } }, 'update'),
  ]);
}

export function objectOf(kind: Kind, metadata: JsonObject): JsonObject {
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata };
}

/** Creates an object that is missing; `update` brings the fields of an existing one up to date, unless it refuses that. */
export async function ensure(
  { resources, objects }: BootstrapDependencies,
  body: JsonObject,
  mode: 'keep' | 'update' = 'keep',
) {
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
