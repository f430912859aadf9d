import type { LegacyAIMModelCache } from '../../../kinds/aim/legacy/aimmodelcache.ts';
import type { LegacyAIMTemplateCache } from '../../../kinds/aim/legacy/aimtemplatecache.ts';
import { keyOf } from '../../../kinds/object.ts';
import type { ExtraCondition } from '../health.ts';
import { legacyConditions, readyEvents } from '../legacyconditions.ts';
import type { Verdict } from '../../../reconcile/pass.ts';
import type { ObservedLegacyTemplateCache } from './legacytemplatecacheobserve.ts';
import { describeFailure, type WriteFailure } from '../../../reconcile/failures.ts';

/** The status of an AIMTemplateCache of aim.silogen.ai: the worst of its model caches (aim.md 11.7). */

type CacheStatus = NonNullable<LegacyAIMTemplateCache['status']>;
type CacheState = NonNullable<CacheStatus['status']>;

interface Situation {
  readonly cache: LegacyAIMTemplateCache;
  readonly seen: ObservedLegacyTemplateCache | undefined;
  readonly failedWrites: readonly WriteFailure[];
  readonly now: Date;
}

export function legacyTemplateCacheStatus(situation: Situation): Verdict<LegacyAIMTemplateCache> {
  const { cache, seen, now } = situation;
  const { generation } = cache.metadata;
  const previous = cache.status?.conditions ?? [];
  const row = rowOf(situation);
  const conditions = legacyConditions(previous, conditionsOf(row), generation, now);
  const modelCaches = seen === undefined ? {} : modelCachesOf(seen);
  const reference = seen?.config.reference;
  return {
    status: {
      status: row.status,
      conditions,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      ...(reference === undefined ? {} : { resolvedRuntimeConfig: reference }),
      ...(seen?.template === undefined ? {} : { resolvedTemplateKind: seen.kind.kind }),
      ...(Object.keys(modelCaches).length === 0 ? {} : { modelCaches }),
    },
    events: readyEvents(previous, conditions, row.status === 'Failed'),
  };
}

interface Row {
  readonly status: CacheState;
  readonly reason: string;
  readonly message: string;
}

const worstFirst: readonly CacheState[] = ['Failed', 'Pending', 'Progressing', 'Available'];

function rowOf({ cache, seen, failedWrites }: Situation): Row {
  const failed = (reason: string, message: string): Row => ({ status: 'Failed', reason, message });
  if (failedWrites[0] !== undefined) return failed('ApplyFailed', describeFailure(failedWrites[0]));
  if (seen === undefined) return failed('SpecMissing', 'spec.templateRef is missing: say which template to cache');
  const { config, template, sources } = seen;
  if (config.failure !== undefined) return failed('RuntimeConfigMissing', config.failure.message);
  if (template === undefined) {
    const { namespace } = cache.metadata;
    const name = cache.spec?.templateRef ?? '';
    const message = `templateRef: there is neither AIMServiceTemplate ${keyOf({ namespace, name })} nor AIMClusterServiceTemplate ${name}: create one`;
    return { status: 'Pending', reason: 'AwaitingTemplate', message };
  }
  const taken = sources.find((source) => source.taken);
  if (taken !== undefined) {
    const message = `AIMModelCache ${taken.name} holds other weights, or is of another storage class: delete it, or name the source ${taken.source.name} differently`;
    return failed('CacheNameTaken', message);
  }
  if (sources.length === 0) {
    return { status: 'Pending', reason: 'NoCaches', message: 'what is cached is known when the template is ready' };
  }
  const states = sources.map(({ name, cache: found }) => ({ name, found, state: stateOf(found) }));
  const [worst] = states.toSorted((one, other) => worstFirst.indexOf(one.state) - worstFirst.indexOf(other.state));
  if (worst === undefined || worst.state === 'Available') {
    return { status: 'Available', reason: 'AllCachesAvailable', message: 'all model caches are available' };
  }
  const why = worst.found?.status?.conditions?.find(({ type }) => type === 'Ready')?.message;
  const message = `AIMModelCache ${worst.found?.metadata.name ?? worst.name} is ${worst.state}${why === undefined ? '' : `: ${why}`}`;
  return { status: worst.state, reason: worst.state === 'Failed' ? 'CacheFailed' : 'CachesNotAvailable', message };
}

const stateOf = (cache: LegacyAIMModelCache | undefined): CacheState => cache?.status?.status ?? 'Pending';

function conditionsOf({ status, reason, message }: Row): ExtraCondition[] {
  const is = (type: string, holds: boolean): ExtraCondition => ({
    type,
    status: holds ? 'True' : 'False',
    reason,
    message,
  });
  return [
    is('Ready', status === 'Available'),
    is('Progressing', status === 'Progressing' || status === 'Pending'),
    is('Failure', status === 'Failed'),
    ...(reason === 'AwaitingTemplate' ? [is('TemplateNotFound', true)] : []),
  ];
}

function modelCachesOf({ sources }: ObservedLegacyTemplateCache): NonNullable<CacheStatus['modelCaches']> {
  return Object.fromEntries(
    sources.flatMap(({ source, cache }) => {
      if (cache === undefined) return [];
      const { name, uid } = cache.metadata;
      const claim = cache.status?.persistentVolumeClaim;
      const entry = {
        ...(uid === undefined ? {} : { uid }),
        name,
        model: source.name,
        status: stateOf(cache),
        ...(claim === undefined ? {} : { persistentVolumeClaim: claim }),
      };
      return [[name, entry]];
    }),
  );
}
