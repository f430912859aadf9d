import { LegacyAIMClusterModel, LegacyAIMModel } from '../../../../kinds/aim/legacy/aimmodel.ts';
import type { LegacyAIMService } from '../../../../kinds/aim/legacy/aimservice.ts';
import type { Kind } from '../../../../kinds/kind.ts';
import { keyOf } from '../../../../kinds/object.ts';
import { child, type Child } from '../../../../reconcile/children.ts';
import { invalidImage, parseImageReference } from '../../registry/imagereference.ts';
import { legacyImageModelName } from '../../legacynames.ts';
import type { Reader } from '../../../../reconcile/pass.ts';
import { defaultConfigName } from '../../runtimeconfig.ts';

/** Which model a service of aim.silogen.ai serves, found or to be made (aim.md 11.5). */
export type LegacyModelResolution =
  | { readonly outcome: 'found'; readonly kind: Kind<LegacyAIMModel>; readonly model: LegacyAIMModel }
  | { readonly outcome: 'create'; readonly create: Child }
  | { readonly outcome: 'missing'; readonly message: string }
  | {
      readonly outcome: 'failed';
      readonly reason: 'MultipleModelsFound' | 'ModelResolutionFailed';
      readonly message: string;
    };

/** Index of the models by their image. */
export const byLegacyImage = 'aim/legacy-image';

type ServiceSpec = NonNullable<LegacyAIMService['spec']>;

const found = (kind: Kind<LegacyAIMModel>, model: LegacyAIMModel): LegacyModelResolution => ({
  outcome: 'found',
  kind,
  model,
});

export function resolveLegacyModel(
  { metadata: { namespace = '' } }: LegacyAIMService,
  spec: ServiceSpec,
  read: Reader,
): LegacyModelResolution {
  const { ref, image = '' } = spec.model;
  return ref === undefined ? byImage(namespace, spec, image.trim(), read) : byRef(namespace, ref.trim(), read);
}

function byRef(namespace: string, name: string, read: Reader): LegacyModelResolution {
  const own = read.get(LegacyAIMModel, { namespace, name });
  if (own !== undefined) return found(LegacyAIMModel, own);
  const cluster = read.get(LegacyAIMClusterModel, { name });
  if (cluster !== undefined) return found(LegacyAIMClusterModel, cluster);
  const what = `there is neither AIMModel ${keyOf({ namespace, name })} nor AIMClusterModel ${name}`;
  return { outcome: 'missing', message: `model.ref: ${what}: create one or change the name` };
}

function byImage(namespace: string, spec: ServiceSpec, image: string, read: Reader): LegacyModelResolution {
  const own = read
    .byIndex(LegacyAIMModel, byLegacyImage, image)
    .filter(({ metadata }) => metadata.namespace === namespace);
  const cluster = read.byIndex(LegacyAIMClusterModel, byLegacyImage, image);
  if (own.length + cluster.length > 1) {
    const names = [...own.map(({ metadata }) => keyOf(metadata)), ...cluster.map(({ metadata }) => metadata.name)];
    const message = `several models have the image ${image}: ${names.toSorted().join(', ')}; name one in model.ref`;
    return { outcome: 'failed', reason: 'MultipleModelsFound', message };
  }
  const [first] = own;
  const [firstCluster] = cluster;
  if (first !== undefined) return found(LegacyAIMModel, first);
  if (firstCluster !== undefined) return found(LegacyAIMClusterModel, firstCluster);
  if (parseImageReference(image) === undefined) {
    return { outcome: 'failed', reason: 'ModelResolutionFailed', message: `model.image: ${invalidImage(image)}` };
  }
  return madeFor(namespace, spec, image, read);
}

/** It outlives the service: others may use it. The index does not know yet what was made a moment ago. */
function madeFor(namespace: string, spec: ServiceSpec, image: string, read: Reader): LegacyModelResolution {
  const name = legacyImageModelName(image);
  const made = read.get(LegacyAIMModel, { namespace, name });
  if (made !== undefined) return found(LegacyAIMModel, made);
  const { imagePullSecrets, serviceAccountName } = spec;
  const object = {
    metadata: { name, namespace, labels: { [`${LegacyAIMModel.group}/auto-created`]: 'true' } },
    spec: {
      image,
      runtimeConfigName: defaultConfigName,
      ...(imagePullSecrets === undefined ? {} : { imagePullSecrets }),
      ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
    },
  };
  return { outcome: 'create', create: child(LegacyAIMModel, object, { owned: false }) };
}
