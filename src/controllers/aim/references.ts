import type { ResolvedReference } from '../../kinds/aim/fields.ts';
import { apiVersionOf, type Kind } from '../../kinds/kind.ts';
import type { KubeObject } from '../../kinds/object.ts';

/** An object as a status refers to it. */
export function referenceTo(kind: Kind, { metadata }: KubeObject): ResolvedReference {
  const { name, namespace, uid } = metadata;
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    scope: kind.namespaced ? 'Namespace' : 'Cluster',
    kind: `${apiVersionOf(kind)}/${kind.kind}`,
    ...(uid === undefined ? {} : { uid }),
  };
}
