import { AIMClusterModel, AIMModel } from '../../kinds/aim/aimmodel.ts';
import { AIMService } from '../../kinds/aim/aimservice.ts';
import { AIMClusterServiceTemplate, AIMServiceTemplate } from '../../kinds/aim/aimservicetemplate.ts';
import type { ResolvedReference } from '../../kinds/aim/fields.ts';
import { kinds } from '../../kinds/aim/index.ts';
import { LegacyAIMClusterModel, LegacyAIMModel } from '../../kinds/aim/legacy/aimmodel.ts';
import { LegacyAIMService } from '../../kinds/aim/legacy/aimservice.ts';
import { Namespace } from '../../kinds/core/namespace.ts';
import { apiVersionOf, type Kind } from '../../kinds/kind.ts';
import type { KubeObject } from '../../kinds/object.ts';
import { createControllerEnvironment, type Reader } from '../../reconcile/pass.ts';
import { simulatedImageMetadata } from '../../simulator/aim/imagemetadata.ts';
import { ensureObject } from '../ensureobject.ts';
import type { DeclaredKind, Family } from './family.ts';
import { firstOf } from './modelname.ts';

/** AIM Engine, both generations. */

/** Where the jobs of cluster-scoped objects run; on a cluster it has to exist. */
const operatorNamespace = 'aim-system';

const service: DeclaredKind<AIMService> = {
  kind: AIMService,
  alias: ['service', 'aimservice'],
  pending: pendingService,
  modelOf: ({ metadata, spec, status }, read) => {
    const { namespace } = metadata;
    const template = resolved(read, status?.resolvedTemplate, namespace, [
      AIMServiceTemplate,
      AIMClusterServiceTemplate,
    ]);
    const model = resolved(read, status?.resolvedModel, namespace, [AIMModel, AIMClusterModel]);
    return firstOf(
      // As the container's environment is put together: the service's own variables count most.
      spec?.env?.find((variable) => variable.name === 'AIM_MODEL_ID')?.value,
      template?.spec?.modelSources?.[0]?.modelId,
      model?.status?.imageMetadata?.model?.canonicalName,
    );
  },
};

const legacyService: DeclaredKind<LegacyAIMService> = {
  kind: LegacyAIMService,
  alias: ['service', 'aimservice'],
  pending: pendingService,
  modelOf: ({ metadata, status }, read) => {
    const model = resolved(read, status?.resolvedImage, metadata.namespace, [LegacyAIMModel, LegacyAIMClusterModel]);
    return firstOf(model?.status?.imageMetadata?.model?.canonicalName);
  },
};

export const aim: Family = {
  name: 'aim',
  kinds,
  declared: [service, legacyService],
  start: async ({ client, informers, log, node }) => {
    if (node !== undefined) {
      const { kind } = Namespace;
      const metadata = { name: operatorNamespace };
      await ensureObject(client, Namespace, { apiVersion: apiVersionOf(Namespace), kind, metadata });
    }
    const { startAim } = await import('../../controllers/aim/start.ts');
    const running = await startAim({
      environment: createControllerEnvironment({ client, informers, log, operatorNamespace }),
      builtinImages: node && ((image) => simulatedImageMetadata(image, node.gpuModels)),
    });
    return {
      explain: (kind, ref) => (kind.kind === AIMService.kind ? running.explainService(ref) : undefined),
      stop: () => running.stop(),
    };
  },
};

/** Its own status counts the model, the template, the cache, the runtime and the route in. */
function pendingService({ metadata, status }: AIMService | LegacyAIMService): string | undefined {
  const seen = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  if (status?.status === 'Running' && seen) return undefined;
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const reason = ready === undefined ? 'waiting for its controller' : `${ready.reason}: ${ready.message}`;
  return `${status?.status ?? 'Pending'}: ${reason}`;
}

/** What a service resolved to, in its namespace or in the cluster. */
function resolved<T extends KubeObject>(
  read: Reader,
  reference: ResolvedReference | undefined,
  namespace: string | undefined,
  [own, cluster]: readonly [Kind<T>, Kind<T>],
): T | undefined {
  if (reference?.name === undefined) return undefined;
  const { name, scope } = reference;
  return scope === 'Cluster' ? read.get(cluster, { name }) : read.get(own, { namespace, name });
}
