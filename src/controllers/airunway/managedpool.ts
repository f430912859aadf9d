import type { EngineCapability } from '../../kinds/airunway/inferenceproviderconfig.ts';
import type { ModelDeployment } from '../../kinds/airunway/modeldeployment.ts';
import { HTTPRoute } from '../../kinds/gateway/httproute.ts';
import { ReferenceGrant } from '../../kinds/gateway/referencegrant.ts';
import { InferencePool } from '../../kinds/inference/inferencepool.ts';
import type { ObjectRef } from '../../kinds/object.ts';
import { ownerReferenceTo } from '../../kube/owners.ts';
import { child, type Child } from '../../reconcile/children.ts';

/** Pools that a provider's operator makes, with an endpoint picker of its own (airunway.md 4.3, step 7). */

/** Where the pool of such a deployment is; undefined: Headgate makes it. */
export function managedPoolOf(
  { metadata: { name, namespace = '' } }: ModelDeployment,
  capability: EngineCapability | undefined,
): ObjectRef | undefined {
  const { managesInferencePool, inferencePoolNamePattern, inferencePoolNamespace } = capability?.gateway ?? {};
  if (managesInferencePool !== true) return undefined;
  const filled = (pattern = ''): string => pattern.replaceAll('{name}', name).replaceAll('{namespace}', namespace);
  return { name: filled(inferencePoolNamePattern) || name, namespace: filled(inferencePoolNamespace) || namespace };
}

/** Lets the deployment's route refer to a pool of another namespace; it goes with the pool. */
export function grantChildren(deployment: ModelDeployment, pool: InferencePool): Child[] {
  const { name, namespace = '' } = pool.metadata;
  const from = deployment.metadata.namespace ?? '';
  if (namespace === from) return [];
  return [
    child(
      ReferenceGrant,
      {
        metadata: {
          name: `${name}-referencegrant`,
          namespace,
          ownerReferences: [ownerReferenceTo(InferencePool, pool)],
        },
        spec: {
          from: [{ group: HTTPRoute.group, kind: HTTPRoute.kind, namespace: from }],
          to: [{ group: InferencePool.group, kind: InferencePool.kind, name }],
        },
      },
      { owned: false },
    ),
  ];
}
