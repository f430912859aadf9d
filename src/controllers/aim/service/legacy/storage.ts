import { LegacyAIMService } from '../../../../kinds/aim/legacy/aimservice.ts';
import type { LegacyAIMServiceTemplate } from '../../../../kinds/aim/legacy/aimservicetemplate.ts';
import { LegacyAIMTemplateCache } from '../../../../kinds/aim/legacy/aimtemplatecache.ts';
import type { LegacyModelSource } from '../../../../kinds/aim/legacy/fields.ts';
import { PersistentVolumeClaim } from '../../../../kinds/core/persistentvolumeclaim.ts';
import type { Kind } from '../../../../kinds/kind.ts';
import { parseQuantity } from '../../../../kinds/quantity.ts';
import { ownerReferenceTo } from '../../../../kube/owners.ts';
import { claimChild, claimSize, defaultHeadroomPercent } from '../../caches/claims.ts';
import { child, type Child } from '../../../../reconcile/children.ts';
import { componentLabel, nameLabel } from '../../labels.ts';
import { temporaryClaimName } from '../../legacynames.ts';
import type { ObservedLegacyService } from './observe.ts';

/** Where a service of aim.silogen.ai has its weights: in caches, or on a volume of its own (aim.md 11.5, steps 6 and 7). */

type ServiceSpec = NonNullable<LegacyAIMService['spec']>;

export interface LegacyStorage {
  /** Caches are used or waited for; otherwise the weights are downloaded to a volume of the service's own. */
  readonly cached: boolean;
  /** Volumes that the pods mount; undefined: they may not start yet. */
  readonly mounts: readonly LegacyMount[] | undefined;
}

export interface LegacyMount {
  readonly volume: string;
  readonly claim: string;
  readonly path: string;
}

export const modelDirectory = '/workspace/model-cache';
const temporaryVolume = 'model-storage';

export function sourcesOf({ template }: ObservedLegacyService): readonly LegacyModelSource[] {
  return template.outcome === 'found' ? (template.template.status?.modelSources ?? []) : [];
}

/** A service that runs on its own volume stays there: a cache that others have had made must not restart it. */
export function storageOf(spec: ServiceSpec, seen: ObservedLegacyService): LegacyStorage {
  const { cache, claim, servingName } = seen;
  if (spec.cacheModel === true || (claim === undefined && cache !== undefined && cache.status?.status !== 'Failed')) {
    return { cached: true, mounts: cacheMounts(cache, sourcesOf(seen)) };
  }
  const name = temporaryClaimName(servingName);
  return { cached: false, mounts: [{ volume: temporaryVolume, claim: name, path: modelDirectory }] };
}

/** undefined until every source is there. */
function cacheMounts(
  cache: LegacyAIMTemplateCache | undefined,
  sources: readonly LegacyModelSource[],
): LegacyMount[] | undefined {
  if (cache?.status?.status !== 'Available') return undefined;
  const cached = Object.values(cache.status.modelCaches ?? {});
  const mounts = sources.map(({ name }): LegacyMount | undefined => {
    const found = cached.find(({ model, status }) => model === name && status === 'Available');
    if (found?.name === undefined || found.persistentVolumeClaim === undefined) return undefined;
    const path = found.mountPoint ?? `${modelDirectory}/${name.replaceAll('..', '')}`;
    return { volume: found.name.replaceAll('.', '-').slice(0, 63), claim: found.persistentVolumeClaim, path };
  });
  const complete = mounts.filter((mount) => mount !== undefined);
  return complete.length === sources.length
    ? complete.toSorted((one, other) => (one.volume < other.volume ? -1 : 1))
    : undefined;
}

/** The claim of a service that does not cache, made once. */
export function temporaryClaim(service: LegacyAIMService, seen: ObservedLegacyService): Child {
  const { storage } = seen.config.spec;
  const { group } = LegacyAIMService;
  const bytes = sourcesOf(seen).reduce((sum, { size }) => sum + (parseQuantity(size) ?? 0), 0);
  return claimChild({
    name: temporaryClaimName(seen.servingName),
    namespace: service.metadata.namespace ?? '',
    labels: {
      [componentLabel]: 'model-storage',
      [`${group}/cache-type`]: 'temporary-service-cache',
      [`${group}/service-name`]: nameLabel(service.metadata.name),
    },
    size: claimSize(bytes, storage?.pvcHeadroomPercent ?? defaultHeadroomPercent),
    storageClassName: storage?.defaultStorageClassName,
  });
}

/** A volume of its own that a service does not need any more because it mounts caches now. */
export function obsoleteClaim(
  { metadata: { uid } }: LegacyAIMService,
  { claim, serving }: ObservedLegacyService,
  { cached }: LegacyStorage,
) {
  if (!cached || claim === undefined) return [];
  const ours = claim.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true;
  const mounted = serving?.spec.predictor.volumes?.some(
    ({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === claim.metadata.name,
  );
  return ours && mounted === false ? [{ kind: PersistentVolumeClaim, ref: claim.metadata }] : [];
}

/** Owned by a template of the namespace, so that it outlives the service; one of the cluster can own nothing here. */
export function templateCacheChild(
  service: LegacyAIMService,
  spec: ServiceSpec,
  kind: Kind<LegacyAIMServiceTemplate>,
  template: LegacyAIMServiceTemplate,
): Child {
  const { name, namespace = '' } = service.metadata;
  return child(
    LegacyAIMTemplateCache,
    {
      metadata: {
        name: template.metadata.name,
        namespace,
        labels: { [serviceLabel]: nameLabel(name) },
        ...(kind.namespaced ? { ownerReferences: [ownerReferenceTo(kind, template)] } : {}),
      },
      spec: {
        templateRef: template.metadata.name,
        ...(spec.runtimeConfigName === undefined ? {} : { runtimeConfigName: spec.runtimeConfigName }),
        ...(spec.env === undefined ? {} : { env: spec.env }),
        ...(spec.imagePullSecrets === undefined ? {} : { imagePullSecrets: spec.imagePullSecrets }),
      },
    },
    { owned: false },
  );
}

export const serviceLabel = 'aim.silogen.ai/service-name';
