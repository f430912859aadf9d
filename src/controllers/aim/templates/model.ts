import type { Kind } from '../../../kinds/kind.ts';
import { apiVersionOf } from '../../../kinds/kind.ts';
import type { Condition } from '../../../kinds/object.ts';
import { keyOf } from '../../../kinds/object.ts';
import type { ResolvedReference } from '../../../kinds/aim/fields.ts';
import { missingUpstream } from '../failures.ts';
import type { Component } from '../health.ts';
import type { Reader } from '../../../reconcile/pass.ts';
import type { ModelLike, TemplateLike } from '../models/watches.ts';

/** The model that a template is for: of its namespace, else of the cluster (aim.md 7.3, 14.2). */

export interface FoundModel<T extends ModelLike> {
  readonly kind: Kind<T>;
  readonly object: T;
}

export function findModel<T extends ModelLike>(
  read: Reader,
  kinds: { readonly namespaced: Kind<T>; readonly cluster: Kind<T> },
  template: TemplateLike,
): FoundModel<T> | undefined {
  const name = template.spec?.modelName;
  if (name === undefined) return undefined;
  const { namespace } = template.metadata;
  const own = namespace === undefined ? undefined : read.get(kinds.namespaced, { namespace, name });
  if (own !== undefined) return { kind: kinds.namespaced, object: own };
  const cluster = read.get(kinds.cluster, { name });
  return cluster === undefined ? undefined : { kind: kinds.cluster, object: cluster };
}

export function modelReference({ kind, object }: FoundModel<ModelLike>): ResolvedReference {
  const { name, namespace, uid } = object.metadata;
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    scope: namespace === undefined ? 'Cluster' : 'Namespace',
    kind: `${apiVersionOf(kind)}/${kind.kind}`,
    ...(uid === undefined ? {} : { uid }),
  };
}

/** Whether the model can be worked with (aim.md 7.7); `component` is `Model` or `ClusterModel`. */
export function modelComponent(
  component: 'Model' | 'ClusterModel',
  template: TemplateLike,
  found: FoundModel<ModelLike> | undefined,
): Component {
  const base = { name: component, dependency: 'Upstream' } as const;
  if (found === undefined) {
    const name = template.spec?.modelName ?? '';
    const what =
      component === 'Model'
        ? `there is neither AIMModel ${keyOf({ namespace: template.metadata.namespace, name })} nor AIMClusterModel ${name}`
        : `there is no AIMClusterModel ${name}`;
    return { ...base, failures: [missingUpstream(`modelName: ${what}: create one`)] };
  }
  const { kind, object } = found;
  const { name } = object.metadata;
  if ((object.spec?.image ?? '') === '') {
    return {
      ...base,
      state: 'Degraded',
      reason: 'ImageNotSpecified',
      message: `${kind.kind} ${name} names no image: set spec.image`,
    };
  }
  const broken = brokenCondition(object);
  if (broken !== undefined) {
    return {
      ...base,
      state: 'Degraded',
      reason: `${component}Failed`,
      message: `${kind.kind} ${name}: ${broken.type} is False: ${broken.message}`,
    };
  }
  return { ...base, state: 'Ready', reason: `${component}Found`, message: `${kind.kind} ${name}` };
}

/** What is wrong with a model, its templates aside: they wait for the model, which may not wait for them. */
function brokenCondition({ status }: ModelLike): Condition | undefined {
  const state = status?.status;
  if (state !== 'Failed' && state !== 'Degraded') return undefined;
  return status?.conditions?.find(
    ({ type, status: is }) =>
      is === 'False' && type.endsWith('Ready') && type !== 'Ready' && !type.endsWith('ServiceTemplatesReady'),
  );
}
