import { AIMClusterModel, AIMModel } from '../kinds/aim/aimmodel.ts';
import { AIMService } from '../kinds/aim/aimservice.ts';
import { AIMClusterServiceTemplate, AIMServiceTemplate } from '../kinds/aim/aimservicetemplate.ts';
import { LegacyAIMClusterModel, LegacyAIMModel } from '../kinds/aim/legacy/aimmodel.ts';
import { LegacyAIMService } from '../kinds/aim/legacy/aimservice.ts';
import type { ResolvedReference } from '../kinds/aim/fields.ts';
import { AirunwayModelDeployment, ModelDeployment } from '../kinds/airunway/modeldeployment.ts';
import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import type { KubeObject, OwnerReference } from '../kinds/object.ts';
import type { InformerCache } from '../kube/informer.ts';

/** Names the model of the resource that owns a route which does not match on the model; undefined: it is not known (yet). */
export type NameModel = (owner: OwnerReference, namespace: string) => string | undefined;

/** Reads the caches that the controllers of these kinds keep anyway. */
export function modelNames(informers: InformerCache): NameModel {
  const read = <T extends KubeObject>(kind: Kind<T>, namespace: string, name: string): T | undefined =>
    informers.informer(kind).get(kind.namespaced ? { namespace, name } : { name });
  /** What a service resolved to, in its namespace or in the cluster. */
  const resolved = <T extends KubeObject>(
    reference: ResolvedReference | undefined,
    namespace: string,
    [own, cluster]: readonly [Kind<T>, Kind<T>],
  ): T | undefined =>
    reference?.name === undefined
      ? undefined
      : read(reference.scope === 'Cluster' ? cluster : own, namespace, reference.name);

  const ofDeployment = (kind: Kind<ModelDeployment>): Named => ({
    kind,
    modelOf: (namespace, name) => {
      const deployment = read(kind, namespace, name);
      const { id, servedName } = deployment?.spec.model ?? {};
      return deployment?.status?.gateway?.modelName ?? firstOf(servedName, id);
    },
  });
  const named: readonly Named[] = [
    ofDeployment(ModelDeployment),
    ofDeployment(AirunwayModelDeployment),
    {
      kind: AIMService,
      modelOf: (namespace, name) => {
        const { spec, status } = read(AIMService, namespace, name) ?? {};
        const template = resolved(status?.resolvedTemplate, namespace, [AIMServiceTemplate, AIMClusterServiceTemplate]);
        const model = resolved(status?.resolvedModel, namespace, [AIMModel, AIMClusterModel]);
        return firstOf(
          // As the container's environment is put together: the service's own variables count most.
          spec?.env?.find((variable) => variable.name === 'AIM_MODEL_ID')?.value,
          template?.spec?.modelSources?.[0]?.modelId,
          model?.status?.imageMetadata?.model?.canonicalName,
        );
      },
    },
    {
      kind: LegacyAIMService,
      modelOf: (namespace, name) => {
        const { status } = read(LegacyAIMService, namespace, name) ?? {};
        const model = resolved(status?.resolvedImage, namespace, [LegacyAIMModel, LegacyAIMClusterModel]);
        return firstOf(model?.status?.imageMetadata?.model?.canonicalName);
      },
    },
  ];
  return (owner, namespace) =>
    named
      .find(({ kind }) => apiVersionOf(kind) === owner.apiVersion && kind.kind === owner.kind)
      ?.modelOf(namespace, owner.name);
}

interface Named {
  readonly kind: Kind;
  readonly modelOf: (namespace: string, name: string) => string | undefined;
}

function firstOf(...names: readonly (string | undefined)[]): string | undefined {
  return names.find((name) => name !== undefined && name !== '');
}
