import { AIMArtifact } from '../../../kinds/aim/aimartifact.ts';
import type { AIMTemplateCache } from '../../../kinds/aim/aimtemplatecache.ts';
import { keyOf } from '../../../kinds/object.ts';
import { child, type Child } from '../../../reconcile/children.ts';
import { configComponent } from '../configcomponent.ts';
import { invalidSpec, missingUpstream } from '../failures.ts';
import { assess, type Component, type State } from '../health.ts';
import { nameLabel } from '../labels.ts';
import { mergeEnv } from '../mergeenv.ts';
import type { Plan } from '../../../reconcile/pass.ts';
import { resourceStatus } from '../resourcestatus.ts';
import { transitionEvents } from '../transitions.ts';
import { rankOf, type CachedSource, type ObservedTemplateCache } from './templatecacheobserve.ts';

type CacheSpec = NonNullable<AIMTemplateCache['spec']>;
type CacheStatus = NonNullable<AIMTemplateCache['status']>;

/** An artifact for each model source that has none (aim.md 8). */
export function planTemplateCache(
  cache: AIMTemplateCache,
  seen: ObservedTemplateCache | undefined,
): Plan<AIMTemplateCache> {
  const { spec } = cache;
  if (spec === undefined || seen === undefined) {
    const failures = [invalidSpec('TemplateNotSpecified', 'spec.templateName is missing: say which template to cache')];
    return planOf(cache, [{ name: 'ServiceTemplate', failures, dependency: 'Upstream' }], [], {});
  }
  const components = [
    configComponent(seen.config, 'ReferenceNotFound'),
    templateComponent(cache, spec, seen),
    artifactsComponent(seen),
  ];
  const configured = seen.config.failure === undefined;
  const apply = configured ? seen.sources.flatMap((source, at) => artifactOf(cache, spec, seen, source, at)) : [];
  return { ...planOf(cache, components, apply, fieldsOf(seen)), labelPropagation: seen.config.spec.labelPropagation };
}

function planOf(
  { metadata, status }: AIMTemplateCache,
  components: readonly Component[],
  apply: readonly Child[],
  fields: Partial<CacheStatus>,
): Plan<AIMTemplateCache> {
  return {
    apply,
    status: (failedWrites, now) => {
      const previous = status?.conditions ?? [];
      const { state, conditions, alarms, retry } = assess({ components, failedWrites }, previous, now);
      const { generation } = metadata;
      return {
        status: {
          ...fields,
          status: resourceStatus(state),
          conditions,
          ...(generation === undefined ? {} : { observedGeneration: generation }),
        },
        events: transitionEvents(previous, conditions, alarms),
        retry,
      };
    },
  };
}

/** Made once: it may be another cache's as well, whose labels it then has. */
function artifactOf(
  { metadata }: AIMTemplateCache,
  spec: CacheSpec,
  { kind, template }: ObservedTemplateCache,
  { source, name, artifact }: CachedSource,
  index: number,
): Child[] {
  if (artifact !== undefined || template === undefined) return [];
  const { group } = AIMArtifact;
  const env = mergeEnv(spec.env, source.env);
  const labels = {
    'template-created': 'true',
    [`${group}/template.name`]: nameLabel(template.metadata.name),
    [`${group}/template.scope`]: kind.namespaced ? 'Namespace' : 'Cluster',
    [`${group}/template.index`]: String(index),
  };
  const wanted = {
    sourceUri: source.sourceUri,
    modelId: source.modelId,
    ...(source.size === undefined ? {} : { size: source.size }),
    ...(env.length === 0 ? {} : { env }),
    ...(spec.storageClassName ? { storageClassName: spec.storageClassName } : {}),
    ...(spec.runtimeConfigName === undefined ? {} : { runtimeConfigName: spec.runtimeConfigName }),
  };
  const object = { metadata: { name, namespace: metadata.namespace ?? '', labels }, spec: wanted };
  return [child(AIMArtifact, object, { owned: spec.mode === 'Dedicated' })];
}

/** The template's own word on itself. */
function templateComponent({ metadata }: AIMTemplateCache, spec: CacheSpec, seen: ObservedTemplateCache): Component {
  const base = { name: 'ServiceTemplate', dependency: 'Upstream' } as const;
  const { kind, template } = seen;
  const { templateName: name } = spec;
  if (template === undefined) {
    const { namespace } = metadata;
    const what = kind.namespaced ? `${kind.kind} ${keyOf({ namespace, name })}` : `${kind.kind} ${name}`;
    return { ...base, failures: [missingUpstream(`templateName: there is no ${what}: create it`)] };
  }
  const state: State = template.status?.status ?? 'Pending';
  const ready = template.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready === undefined) {
    return { ...base, state, reason: 'ResourceFound', message: `${kind.kind} ${name} is ${state}` };
  }
  const message = `${kind.kind} ${name}: ${ready.message}`;
  return { ...base, state: ready.status === 'True' ? 'Ready' : state, reason: ready.reason, message };
}

function artifactsComponent({ sources, template }: ObservedTemplateCache): Component {
  const is = (state: State, reason: string, message: string): Component => ({
    name: 'Artifacts',
    state,
    reason,
    message,
    dependency: 'Downstream',
  });
  if (sources.length === 0) {
    // A template that is ready and names nothing leaves the cache without anything to wait for (trap 7).
    return template?.status?.status === 'Ready'
      ? is('Degraded', 'NoModelSources', 'the template names no model sources, so there is nothing to cache')
      : is('Pending', 'NoCaches', 'what is cached is known when the template is ready');
  }
  const missing = sources.filter(({ artifact }) => artifact === undefined);
  if (missing.length > 0) {
    return is('Progressing', 'CreatingCaches', `making ${missing.map(({ name }) => name).join(', ')}`);
  }
  const [worst] = sources
    .flatMap(({ artifact }) => (artifact === undefined ? [] : [artifact]))
    .toSorted((one, other) => rankOf(other) - rankOf(one));
  const status = worst?.status?.status ?? 'Pending';
  if (status === 'Ready') return is('Ready', 'AllCachesReady', 'all artifacts are ready');
  const why = worst?.status?.conditions?.find(({ type }) => type === 'Ready');
  const called = `AIMArtifact ${worst?.metadata.name ?? ''}`;
  const state: State = status === 'Pending' ? 'Progressing' : status;
  if (why === undefined) return is(state, 'CachesNotReady', `${called} is ${status}`);
  return is(state, why.reason, `${called}: ${why.message}`);
}

function fieldsOf({ config, kind, template, sources }: ObservedTemplateCache): Partial<CacheStatus> {
  const found = sources.flatMap(({ source, artifact }) => {
    if (artifact === undefined) return [];
    const { name, uid } = artifact.metadata;
    const claim = artifact.status?.persistentVolumeClaim;
    return [
      [
        name,
        {
          ...(uid === undefined ? {} : { uid }),
          name,
          model: source.modelId,
          status: artifact.status?.status ?? ('Pending' as const),
          ...(claim === undefined ? {} : { persistentVolumeClaim: claim }),
        },
      ] as const,
    ];
  });
  return {
    ...(config.reference === undefined ? {} : { resolvedRuntimeConfig: config.reference }),
    ...(template === undefined ? {} : { resolvedTemplateKind: kind.kind }),
    ...(found.length === 0 ? {} : { artifacts: Object.fromEntries(found) }),
  };
}
