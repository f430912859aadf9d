import type { LegacyAIMService } from '../../../../kinds/aim/legacy/aimservice.ts';
import { LegacyAIMTemplateCache } from '../../../../kinds/aim/legacy/aimtemplatecache.ts';
import type { ExtraCondition } from '../../health.ts';
import { legacyConditions, readyEvents } from '../../legacyconditions.ts';
import type { Verdict } from '../../../../reconcile/pass.ts';
import { referenceTo } from '../../references.ts';
import { rowOf, type LegacyServiceSituation, type Row } from './statusrows.ts';

/** The status of a service of aim.silogen.ai, as its row of the table says (aim.md 11.6). */

type ServiceStatus = NonNullable<LegacyAIMService['status']>;

export function legacyServiceStatus(situation: LegacyServiceSituation): Verdict<LegacyAIMService> {
  const { service, now } = situation;
  const { generation } = service.metadata;
  const previous = service.status?.conditions ?? [];
  const row = rowOf(situation);
  const conditions = legacyConditions(previous, conditionsOf(situation, row), generation, now);
  return {
    status: {
      status: row.status,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      conditions,
      ...fieldsOf(situation),
    },
    events: readyEvents(previous, conditions, row.status === 'Failed' || row.status === 'Degraded'),
  };
}

function conditionsOf({ route, ...situation }: LegacyServiceSituation, row: Row): ExtraCondition[] {
  const { reason, message, resolved, failure, progressing, ready } = row;
  const is = (type: string, holds: boolean, why: string, text = message): ExtraCondition => ({
    type,
    status: holds ? 'True' : 'False',
    reason: why,
    message: text,
  });
  return [
    resolved
      ? is('Resolved', true, 'Resolved', 'Model and template resolved successfully')
      : is('Resolved', false, row.resolvedReason ?? reason),
    ...cacheConditions(situation),
    ready || row.serving === true
      ? is('RuntimeReady', true, 'RuntimeReady', 'InferenceService is ready')
      : is('RuntimeReady', false, row.runtimeReason ?? reason),
    ...(route === undefined ? [] : [route.condition]),
    ready ? is('Ready', true, 'Ready', 'Service is ready') : is('Ready', false, row.readyReason ?? reason),
    is('Progressing', progressing, reason),
    failure ? is('Failure', true, reason) : is('Failure', false, resolved ? 'Resolved' : reason, 'nothing has failed'),
  ];
}

function cacheConditions({ seen, service, storage }: LegacyServiceSituation): ExtraCondition[] {
  const is = (holds: boolean, reason: string, message: string): ExtraCondition => ({
    type: 'CacheReady',
    status: holds ? 'True' : 'False',
    reason,
    message,
  });
  if (service.spec?.cacheModel !== true && storage?.cached !== true) {
    return [is(true, 'CacheWarm', 'Caching not requested')];
  }
  const cache = seen?.cache;
  if (cache === undefined)
    return [is(false, 'WaitingForCache', 'the template cache is made when the template is ready')];
  const called = `AIMTemplateCache ${cache.metadata.name}`;
  const why = cache.status?.conditions?.find(({ type }) => type === 'Ready')?.message;
  const because = why === undefined || why === '' ? '' : `: ${why}`;
  if (cache.status?.status === 'Failed') {
    const failed = is(false, 'CacheFailed', `${called} has failed${because}`);
    return [failed, { ...failed, type: 'CacheFailed', status: 'True' }];
  }
  if (storage?.mounts !== undefined) return [is(true, 'CacheWarm', 'Model sources cached')];
  return [is(false, 'CacheWarming', `${called} is ${cache.status?.status ?? 'not looked at yet'}${because}`)];
}

function fieldsOf({ seen, route, storage }: LegacyServiceSituation): Omit<ServiceStatus, 'status' | 'conditions'> {
  if (seen === undefined) return {};
  const { config, model, template, templateModel, cache, pods } = seen;
  const image =
    templateModel !== undefined
      ? referenceTo(templateModel.kind, templateModel.object)
      : model?.outcome === 'found'
        ? referenceTo(model.kind, model.model)
        : undefined;
  const used = storage?.cached === true ? cache : undefined;
  const { modelCaches } = used?.status ?? {};
  return {
    ...(config.reference === undefined ? {} : { resolvedRuntimeConfig: config.reference }),
    ...(image === undefined ? {} : { resolvedImage: image }),
    ...(template.outcome === 'found' ? { resolvedTemplate: referenceTo(template.kind, template.template) } : {}),
    ...(used === undefined ? {} : { resolvedTemplateCache: referenceTo(LegacyAIMTemplateCache, used) }),
    ...(modelCaches === undefined ? {} : { modelCaches }),
    ...(route?.path === undefined ? {} : { routing: { path: route.path } }),
    replicas: pods.length,
  };
}
