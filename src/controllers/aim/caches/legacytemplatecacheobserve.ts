import { LegacyAIMModelCache } from '../../../kinds/aim/legacy/aimmodelcache.ts';
import {
  LegacyAIMClusterServiceTemplate,
  LegacyAIMServiceTemplate,
} from '../../../kinds/aim/legacy/aimservicetemplate.ts';
import type { LegacyAIMTemplateCache } from '../../../kinds/aim/legacy/aimtemplatecache.ts';
import type { LegacyModelSource } from '../../../kinds/aim/legacy/fields.ts';
import type { Kind } from '../../../kinds/kind.ts';
import { keyOf } from '../../../kinds/object.ts';
import { legacyConfigs } from '../models/legacymodels.ts';
import { legacyModelCacheName } from '../legacynames.ts';
import type { Reader } from '../../../reconcile/pass.ts';
import { resolveRuntimeConfig, type ResolvedConfig } from '../runtimeconfig.ts';

/** The template of a cache of aim.silogen.ai, and the model caches that hold its sources (aim.md 11.7). */

type CacheSpec = NonNullable<LegacyAIMTemplateCache['spec']>;

/** Index of the model caches by `namespace/sourceUri`. */
export const byCacheSource = 'aim/model-cache-source';

export interface LegacyCachedSource {
  readonly source: LegacyModelSource;
  /** What the model cache is called that is made where there is none. */
  readonly name: string;
  readonly cache: LegacyAIMModelCache | undefined;
  /** The name belongs to a cache of other weights. */
  readonly taken: boolean;
}

export interface ObservedLegacyTemplateCache {
  readonly config: ResolvedConfig;
  readonly kind: Kind<LegacyAIMServiceTemplate>;
  readonly template: LegacyAIMServiceTemplate | undefined;
  readonly sources: readonly LegacyCachedSource[];
}

export function observeLegacyTemplateCache(
  cache: LegacyAIMTemplateCache,
  spec: CacheSpec,
  read: Reader,
): ObservedLegacyTemplateCache {
  const { namespace = '' } = cache.metadata;
  const name = spec.templateRef;
  const own = read.get(LegacyAIMServiceTemplate, { namespace, name });
  const template = own ?? read.get(LegacyAIMClusterServiceTemplate, { name });
  const named = [...(template?.status?.modelSources ?? []), ...(spec.modelSources ?? [])];
  const sources = new Map(named.map((source) => [source.name, source]));
  return {
    config: resolveRuntimeConfig(read, legacyConfigs, spec.runtimeConfigName, namespace),
    kind: own === undefined ? LegacyAIMClusterServiceTemplate : LegacyAIMServiceTemplate,
    template,
    sources: [...sources.values()].map((source) => cachedSource(namespace, spec, source, read)),
  };
}

function cachedSource(namespace: string, spec: CacheSpec, source: LegacyModelSource, read: Reader): LegacyCachedSource {
  const holds = (found: LegacyAIMModelCache): boolean =>
    found.metadata.deletionTimestamp === undefined &&
    found.spec?.sourceUri === source.sourceUri &&
    (!spec.storageClassName || found.spec.storageClassName === spec.storageClassName);
  const name = legacyModelCacheName(source.name);
  const [best] = read
    .byIndex(LegacyAIMModelCache, byCacheSource, keyOf({ namespace, name: source.sourceUri }))
    .filter(holds)
    .toSorted((one, other) => rank(one) - rank(other) || (one.metadata.name < other.metadata.name ? -1 : 1));
  // The index does not know yet what was made a moment ago.
  const named = read.get(LegacyAIMModelCache, { namespace, name });
  const cache = best ?? (named !== undefined && holds(named) ? named : undefined);
  return { source, name, cache, taken: cache === undefined && named !== undefined };
}

const goodness = ['Available', 'Progressing', 'Pending', 'Failed'];
const rank = ({ status }: LegacyAIMModelCache): number => goodness.indexOf(status?.status ?? 'Pending');
