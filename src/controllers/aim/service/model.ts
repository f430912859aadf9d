import { AIMClusterModel, AIMModel } from '../../../kinds/aim/aimmodel.ts';
import type { AIMService } from '../../../kinds/aim/aimservice.ts';
import type { Kind } from '../../../kinds/kind.ts';
import { keyOf } from '../../../kinds/object.ts';
import { child, type Child } from '../../../reconcile/children.ts';
import { invalidSpec, missingUpstream, type Failure } from '../failures.ts';
import type { Component } from '../health.ts';
import { invalidImage, parseImageReference } from '../registry/imagereference.ts';
import { customModelName, endpointOf, imageModelName } from '../names.ts';
import type { Reader } from '../../../reconcile/pass.ts';

/** Which model a service serves, found or to be made (aim.md 5.3.1). */
export type ModelResolution =
  | { readonly outcome: 'found'; readonly kind: Kind<AIMModel>; readonly model: AIMModel }
  | { readonly outcome: 'create'; readonly create: Child }
  | { readonly outcome: 'failed'; readonly failure: Failure };

/** Index of the models by their image. */
export const byImage = 'aim/image';

type ServiceSpec = NonNullable<AIMService['spec']>;

export function resolveModel(service: AIMService, spec: ServiceSpec, read: Reader): ModelResolution {
  const sticky = stickyModel(service, read);
  if (sticky !== undefined) return sticky;
  const { name, image, custom } = spec.model;
  if (name !== undefined) return modelByName(service, name.trim(), read);
  if (image !== undefined) return modelByImage(service, spec, image.trim(), read);
  if (custom !== undefined) return customModel(service, spec, custom, read);
  return failed(invalidSpec('ModelNotSpecified', 'spec.model names no model: set name, image or custom'));
}

const failed = (failure: Failure): ModelResolution => ({ outcome: 'failed', failure });
const found = (kind: Kind<AIMModel>, model: AIMModel): ModelResolution => ({ outcome: 'found', kind, model });

export const isReady = ({ status }: { status?: { status?: string } }): boolean => status?.status === 'Ready';

/** The model of former passes stays while it is Ready: others for the same image do not disturb what runs. */
function stickyModel({ metadata, status }: AIMService, read: Reader): ModelResolution | undefined {
  const { name, scope, uid } = status?.resolvedModel ?? {};
  if (name === undefined) return undefined;
  const kind = scope === 'Cluster' ? AIMClusterModel : AIMModel;
  const model = read.get(kind, kind.namespaced ? { namespace: metadata.namespace, name } : { name });
  if (model === undefined || model.metadata.uid !== uid || !isReady(model)) return undefined;
  return found(kind, model);
}

function modelByName({ metadata: { namespace } }: AIMService, name: string, read: Reader): ModelResolution {
  const own = read.get(AIMModel, { namespace, name });
  if (own !== undefined) return found(AIMModel, own);
  const cluster = read.get(AIMClusterModel, { name });
  if (cluster !== undefined) return found(AIMClusterModel, cluster);
  return failed(
    missingUpstream(
      `there is neither AIMModel ${keyOf({ namespace, name })} nor AIMClusterModel ${name}: create one or change model.name`,
      'ModelNotFound',
    ),
  );
}

function modelByImage(service: AIMService, spec: ServiceSpec, image: string, read: Reader): ModelResolution {
  const { namespace } = service.metadata;
  const own = read.byIndex(AIMModel, byImage, image).filter(({ metadata }) => metadata.namespace === namespace);
  const cluster = read.byIndex(AIMClusterModel, byImage, image);
  const [first] = own;
  const [firstCluster] = cluster;
  if (own.length + cluster.length > 1) {
    const names = [...own.map(({ metadata }) => keyOf(metadata)), ...cluster.map(({ metadata }) => metadata.name)];
    return failed({
      category: 'Unknown',
      reason: 'UnknownError',
      message: `multiple models found for image ${image}: ${names.toSorted().join(', ')}; name one in model.name`,
    });
  }
  if (first !== undefined) return found(AIMModel, first);
  if (firstCluster !== undefined) return found(AIMClusterModel, firstCluster);
  const reference = parseImageReference(image);
  if (reference === undefined)
    return failed(invalidSpec('InvalidImageReference', `model.image: ${invalidImage(image)}`));
  return createdOr(imageModelName(reference), service, read, (name) => ({
    metadata: { name, labels: { [`${AIMModel.group}/origin`]: 'auto-generated' } },
    spec: { image, ...inherited(spec) },
  }));
}

function customModel(
  service: AIMService,
  spec: ServiceSpec,
  custom: NonNullable<ServiceSpec['model']['custom']>,
  read: Reader,
): ModelResolution {
  const { baseImage, modelSources, hardware } = custom;
  const describe = (sources: typeof modelSources): string =>
    JSON.stringify(sources.map((source) => [source.modelId, source.sourceUri, endpointOf(source)]));
  const same = read
    .byIndex(AIMModel, byImage, baseImage)
    .filter(({ metadata }) => metadata.namespace === service.metadata.namespace)
    .filter((model) => describe(model.spec?.modelSources ?? []) === describe(modelSources))
    .toSorted((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1));
  const [first] = same;
  if (first !== undefined) return found(AIMModel, first);
  const labels = {
    [`${AIMModel.group}/origin`]: 'auto-generated',
    [`${AIMModel.group}/custom-model`]: 'true',
    [`${AIMModel.group}/service`]: service.metadata.name,
  };
  return createdOr(customModelName(baseImage, modelSources), service, read, (name) => ({
    metadata: { name, labels },
    spec: {
      image: baseImage,
      modelSources,
      custom: { hardware },
      ...(spec.env === undefined ? {} : { env: spec.env }),
      ...inherited(spec),
    },
  }));
}

/** What a model that is made for a service gets from it. */
function inherited({ runtimeConfigName, imagePullSecrets, serviceAccountName }: ServiceSpec) {
  return {
    ...(runtimeConfigName === undefined ? {} : { runtimeConfigName }),
    ...(imagePullSecrets === undefined ? {} : { imagePullSecrets }),
    ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
  };
}

type Made = Pick<AIMModel, 'spec'> & { metadata: AIMModel['metadata'] };

/** It outlives the service: others may use it. The index does not know yet what was made a moment ago. */
function createdOr(name: string, service: AIMService, read: Reader, make: (name: string) => Made): ModelResolution {
  const { namespace = '' } = service.metadata;
  const made = read.get(AIMModel, { namespace, name });
  if (made !== undefined) return found(AIMModel, made);
  const { metadata, spec } = make(name);
  const object = { metadata: { ...metadata, namespace }, ...(spec === undefined ? {} : { spec }) };
  return { outcome: 'create', create: child(AIMModel, object, { owned: false }) };
}

export function modelComponent(resolution: ModelResolution): Component {
  const name = 'Model';
  if (resolution.outcome === 'failed') return { name, failures: [resolution.failure], dependency: 'Upstream' };
  if (resolution.outcome === 'create') {
    const message = `creating AIMModel ${resolution.create.object.metadata.name}`;
    return { name, state: 'Pending', reason: 'CreatingModel', message, dependency: 'Downstream' };
  }
  const { kind, model } = resolution;
  const called = `${kind.kind} ${model.metadata.name}`;
  if (isReady(model)) {
    return { name, state: 'Ready', reason: 'ModelResolved', message: `${called} is ready`, dependency: 'Upstream' };
  }
  const status = model.status?.status;
  const why = model.status?.conditions?.find(({ type }) => type === 'Ready')?.message;
  return {
    name,
    state: status === 'Failed' || status === 'Degraded' ? 'Failed' : 'Progressing',
    reason: 'ModelNotReady',
    message: `${called} is ${status ?? 'not looked at yet'}${why === undefined ? '' : `: ${why}`}`,
    dependency: 'Upstream',
  };
}
