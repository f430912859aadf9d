import type { Kind } from '../kinds/kind.ts';
import type { ListOptions } from './client.ts';
import { apiVersionOf } from '../kinds/kind.ts';
import type { ObjectRef } from '../kinds/object.ts';

/** URL paths of the Kubernetes REST API (resource naming of the API conventions). */

export function collectionPath(kind: Kind, namespace: string | undefined): string {
  const root = kind.group === '' ? `/api/${kind.storageVersion}` : `/apis/${apiVersionOf(kind)}`;
  const scope = kind.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${kind.plural}`;
}

export function objectPath(kind: Kind, ref: ObjectRef, subresource?: string): string {
  if (kind.namespaced && ref.namespace === undefined) {
    throw new Error(`${kind.kind} ${ref.name}: a namespaced object needs a namespace`);
  }
  const suffix = subresource === undefined ? '' : `/${subresource}`;
  return `${collectionPath(kind, ref.namespace)}/${encodeURIComponent(ref.name)}${suffix}`;
}

export function listQuery(options: ListOptions): Record<string, string> {
  return {
    ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
    ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
  };
}
