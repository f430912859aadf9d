import type { AIMService } from '../../../kinds/aim/aimservice.ts';
import type { AIMServiceTemplate } from '../../../kinds/aim/aimservicetemplate.ts';
import { AIMTemplateCache } from '../../../kinds/aim/aimtemplatecache.ts';
import type { Kind } from '../../../kinds/kind.ts';
import { child, type Child } from '../../../reconcile/children.ts';
import type { Component, State } from '../health.ts';
import { labelValue } from '../labels.ts';
import { mergeEnv } from '../mergeenv.ts';
import { dedicatedCacheName, sharedCacheName } from '../names.ts';
import type { Reader } from '../../../reconcile/pass.ts';
import type { RuntimeConfigSpec } from '../runtimeconfig.ts';
import { isReady } from './model.ts';

/** The cache of a service's template (aim.md 5.3 step 3, 5.5). */

/** Index of the template caches by the template they are for. */
export const byTemplate = 'aim/template';

type ServiceSpec = NonNullable<AIMService['spec']>;
export type CachingMode = 'Shared' | 'Dedicated';

/** Auto and Always mean Shared, Never means Dedicated. */
export function cachingMode({ caching }: ServiceSpec): CachingMode {
  return caching?.mode === 'Dedicated' || caching?.mode === 'Never' ? 'Dedicated' : 'Shared';
}

const goodness = ['Ready', 'Progressing', 'Pending', 'Degraded', 'NotAvailable', 'Failed'];

export function findTemplateCache(
  service: AIMService,
  spec: ServiceSpec,
  kind: Kind<AIMServiceTemplate>,
  template: AIMServiceTemplate,
  read: Reader,
): AIMTemplateCache | undefined {
  const { namespace = '', uid } = service.metadata;
  const mode = cachingMode(spec);
  const wanted = cacheName(service, mode, template);
  const made = read.get(AIMTemplateCache, { namespace, name: wanted });
  const owned = (cache: AIMTemplateCache): boolean =>
    cache.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true;
  const usable = (cache: AIMTemplateCache): boolean =>
    cache.metadata.deletionTimestamp === undefined && (cache.spec?.mode ?? 'Shared') === mode;
  if (mode === 'Dedicated') return made !== undefined && usable(made) && owned(made) ? made : undefined;
  const scope = kind.namespaced ? 'Namespace' : 'Cluster';
  const indexed = read
    .byIndex(AIMTemplateCache, byTemplate, template.metadata.name)
    .filter((cache) => cache.metadata.namespace === namespace && cache.metadata.name !== wanted);
  const inUse = service.status?.cache?.templateCacheRef?.uid;
  const rank = (cache: AIMTemplateCache): number => {
    if (isReady(cache) && cache.metadata.uid === inUse) return -1;
    const at = goodness.indexOf(cache.status?.status ?? '');
    return at < 0 ? goodness.length : at;
  };
  return [...(made === undefined ? [] : [made]), ...indexed]
    .filter(
      (cache) => usable(cache) && (cache.spec?.templateScope === scope || cache.spec?.templateScope === 'Unknown'),
    )
    .toSorted((one, other) => rank(one) - rank(other))[0];
}

function cacheName({ metadata }: AIMService, mode: CachingMode, template: AIMServiceTemplate): string {
  const { name, namespace = '', uid = '' } = metadata;
  return mode === 'Shared'
    ? sharedCacheName(template.metadata.name, namespace)
    : dedicatedCacheName(template.metadata.name, name, uid);
}

export function templateCacheChild(
  service: AIMService,
  spec: ServiceSpec,
  kind: Kind<AIMServiceTemplate>,
  template: AIMServiceTemplate,
  config: RuntimeConfigSpec,
): Child {
  const { namespace = '', name: serviceName } = service.metadata;
  const mode = cachingMode(spec);
  const storageClassName = spec.storage?.defaultStorageClassName ?? config.storage?.defaultStorageClassName;
  const env = mergeEnv(mergeEnv(template.spec?.env, template.spec?.caching?.env), spec.env);
  return child(
    AIMTemplateCache,
    {
      metadata: {
        name: cacheName(service, mode, template),
        namespace,
        labels: { [`${AIMTemplateCache.group}/service`]: labelValue(serviceName) },
      },
      spec: {
        templateName: template.metadata.name,
        templateScope: kind.namespaced ? 'Namespace' : 'Cluster',
        mode,
        ...(storageClassName === undefined || storageClassName === '' ? {} : { storageClassName }),
        ...(spec.runtimeConfigName === undefined ? {} : { runtimeConfigName: spec.runtimeConfigName }),
        ...(env.length === 0 ? {} : { env }),
      },
    },
    { owned: mode === 'Dedicated' },
  );
}

export interface CacheSituation {
  readonly mode: CachingMode;
  readonly cache: AIMTemplateCache | undefined;
  /** The template says what there is to cache. */
  readonly hasSources: boolean;
  /** A running service mounts volumes of a cache. */
  readonly mounted: boolean;
}

export function cacheComponent({ mode, cache, hasSources, mounted }: CacheSituation): Component {
  const not = (state: State, reason: string, message: string): Component => ({
    name: 'Cache',
    state,
    reason,
    message,
    dependency: 'Downstream',
  });
  if (cache === undefined) {
    if (mounted && mode === 'Shared') {
      return not('Degraded', 'CacheLost', 'the template cache whose volumes are mounted is gone; it is made anew');
    }
    if (mounted) return not('Degraded', 'CacheCreating', 'the dedicated template cache is gone; it is made anew');
    if (!hasSources) {
      const message = 'the template names no model sources, so there is nothing to cache: see its condition Discovered';
      return not('Degraded', 'NoModelSources', message);
    }
    return not('Progressing', 'CacheCreating', 'the template cache is being made');
  }
  const called = `AIMTemplateCache ${cache.metadata.name}`;
  const why = cache.status?.conditions?.find(({ type }) => type === 'Ready')?.message;
  const because = why === undefined || why === '' ? '' : `: ${why}`;
  switch (cache.status?.status) {
    case 'Ready':
      return not('Ready', 'CacheReady', `${called} is ready`);
    case 'Failed':
      return not('Failed', 'CacheFailed', `${called} has failed${because}`);
    case 'Pending':
    case 'Progressing':
      return not('Progressing', 'CacheNotReady', `${called} is ${cache.status.status}${because}`);
    default:
      return not(
        'Progressing',
        'CacheCreating',
        `${called} is ${cache.status?.status ?? 'not looked at yet'}${because}`,
      );
  }
}
