import type { Container, Volume, VolumeMount } from 'kubernetes-types/core/v1.js';
import { AIMService } from '../../../kinds/aim/aimservice.ts';
import type { AIMServiceTemplate } from '../../../kinds/aim/aimservicetemplate.ts';
import type { AIMTemplateCache } from '../../../kinds/aim/aimtemplatecache.ts';
import type { EnvVar } from '../../../kinds/core/fields.ts';
import { InferenceService } from '../../../kinds/kserve/inferenceservice.ts';
import { child, type Child } from '../../../reconcile/children.ts';
import { containerVariable } from '../containerenv.ts';
import { componentLabel, labelValue, managedByLabel } from '../labels.ts';
import { jsonVariables, mergeEnv } from '../mergeenv.ts';
import { predictorService, sanitizePart } from '../names.ts';
import { defaultGpuResource, gpuResources, mergeResources } from '../resources.ts';
import type { RuntimeConfigSpec } from '../runtimeconfig.ts';
import { isAutoscaled } from './scaling.ts';

/** The InferenceService of a service: what KServe is asked to run (aim.md 5.5, 5.7). */

type ServiceSpec = NonNullable<AIMService['spec']>;

export interface ServingParts {
  readonly name: string;
  readonly service: AIMService;
  readonly spec: ServiceSpec;
  readonly image: string;
  readonly template: AIMServiceTemplate;
  readonly config: RuntimeConfigSpec;
  /** A Ready cache, whose volumes are mounted. */
  readonly cache: AIMTemplateCache | undefined;
  /** What runs now: without a Ready cache its volumes stay. */
  readonly live: InferenceService | undefined;
}

export const servingContainer = 'kserve-container';
const sharedMemory = 'dshm';
const cachePath = '/workspace/cache';

export function inferenceServiceChild(parts: ServingParts): Child {
  const { name, service, spec, image, template } = parts;
  const { volumes, mounts } = storageOf(parts);
  const container: Container = {
    name: servingContainer,
    image,
    env: environmentOf(parts).map(containerVariable),
    ports: [{ name: 'http', containerPort: 8000, protocol: 'TCP' }],
    volumeMounts: [{ name: sharedMemory, mountPath: '/dev/shm' }, ...mounts],
    resources: resourcesOf(template, spec),
  };
  const affinity = template.status?.resolvedNodeAffinity;
  return child(
    InferenceService,
    {
      metadata: {
        name,
        namespace: service.metadata.namespace ?? '',
        labels: labelsOf(service, template),
        annotations: annotationsOf(name, spec),
      },
      spec: {
        predictor: {
          ...scalingOf(spec),
          ...(spec.imagePullSecrets === undefined ? {} : { imagePullSecrets: spec.imagePullSecrets }),
          ...(spec.serviceAccountName === undefined ? {} : { serviceAccountName: spec.serviceAccountName }),
          ...(affinity === undefined ? {} : { affinity: { nodeAffinity: affinity } }),
          containers: [container],
          volumes: [{ name: sharedMemory, emptyDir: { medium: 'Memory', sizeLimit: '8Gi' } }, ...volumes],
        },
      },
    },
    { owned: true },
  );
}

function labelsOf({ metadata }: AIMService, { metadata: template, spec, status }: AIMServiceTemplate) {
  const { group } = AIMService;
  const { metric, precision } = status?.profile?.metadata ?? {};
  return {
    [componentLabel]: 'inference',
    [managedByLabel]: 'aim-engine',
    [`${group}/service`]: labelValue(metadata.name),
    [`${group}/template`]: labelValue(template.name),
    [`${group}/model`]: labelValue(spec?.modelName ?? ''),
    ...(metric ? { [`${group}/metric`]: labelValue(metric) } : {}),
    ...(precision ? { [`${group}/precision`]: labelValue(precision) } : {}),
  };
}

function annotationsOf(name: string, spec: ServiceSpec): Record<string, string> {
  if (!isAutoscaled(spec)) return { 'serving.kserve.io/autoscalerClass': 'none' };
  return {
    'serving.kserve.io/autoscalerClass': 'keda',
    'sidecar.opentelemetry.io/inject': predictorService(name),
    'prometheus.kserve.io/port': '8000',
  };
}

function scalingOf(spec: ServiceSpec) {
  const { replicas = 1, minReplicas, maxReplicas, autoScaling } = spec;
  if (!isAutoscaled(spec)) return { minReplicas: replicas, maxReplicas: replicas };
  return {
    minReplicas: minReplicas ?? 1,
    maxReplicas: maxReplicas ?? minReplicas ?? 1,
    ...(autoScaling === undefined ? {} : { autoScaling }),
  };
}

/**
 * Variables, each name once (trap 15): what is appended upstream is merged here, so that the later layer wins: defaults,
 * runtime configuration, profile of the template, its variables, its model, the service.
 */
function environmentOf({ config, template, spec }: ServingParts): EnvVar[] {
  const { profileId, metric, precision, env, modelSources } = template.spec ?? {};
  const set = (name: string, value: string | undefined): EnvVar[] => (value ? [{ name, value }] : []);
  const layers: (readonly EnvVar[] | undefined)[] = [
    [
      { name: 'AIM_CACHE_PATH', value: cachePath },
      { name: 'VLLM_ENABLE_METRICS', value: 'true' },
    ],
    config.env,
    [...set('AIM_PROFILE_ID', profileId), ...set('AIM_METRIC', metric), ...set('AIM_PRECISION', precision)],
    env,
    set('AIM_MODEL_ID', modelSources?.[0]?.modelId),
    spec.env,
  ];
  let merged: EnvVar[] = [];
  for (const layer of layers) merged = mergeEnv(merged, layer, jsonVariables);
  return merged.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

function resourcesOf(
  { spec: template, status }: AIMServiceTemplate,
  service: ServiceSpec,
): NonNullable<Container['resources']> {
  const gpu = status?.resolvedHardware?.gpu;
  const base = gpuResources(gpu?.requests ?? 0, gpu?.resourceName ?? defaultGpuResource);
  const { requests, limits } = mergeResources(base, template?.resources, service.resources);
  const claims = service.resources?.claims ?? template?.resources?.claims;
  const text = (quantities: typeof requests) =>
    Object.fromEntries(Object.entries(quantities ?? {}).map(([name, quantity]) => [name, String(quantity)]));
  return {
    ...(requests === undefined ? {} : { requests: text(requests) }),
    ...(limits === undefined ? {} : { limits: text(limits) }),
    ...(claims === undefined ? {} : { claims }),
  };
}

interface Storage {
  readonly volumes: Volume[];
  readonly mounts: VolumeMount[];
}

function storageOf({ cache, live }: ServingParts): Storage {
  return cache === undefined ? keptStorage(live) : cacheStorage(cache);
}

/** One volume for each artifact that is ready, sorted by name (trap 10). */
function cacheStorage({ status }: AIMTemplateCache): Storage {
  const ready = Object.entries(status?.artifacts ?? {})
    .filter(([, artifact]) => artifact.status === 'Ready' && artifact.persistentVolumeClaim)
    .toSorted(([one], [other]) => (one < other ? -1 : 1));
  return {
    volumes: ready.map(([name, { persistentVolumeClaim = '' }]) => ({
      name: sanitizePart(name),
      persistentVolumeClaim: { claimName: persistentVolumeClaim },
    })),
    mounts: ready.map(([name, { mountPoint, model = name }]) => ({
      name: sanitizePart(name),
      mountPath: mountPoint || `${cachePath}/${model.replaceAll('..', '')}`,
    })),
  };
}

function keptStorage(live: InferenceService | undefined): Storage {
  const predictor = live?.spec?.predictor;
  const container = predictor?.containers?.find(({ name }) => name === servingContainer);
  return {
    volumes: (predictor?.volumes ?? []).filter(({ name }) => name !== sharedMemory),
    mounts: (container?.volumeMounts ?? []).filter(({ name }) => name !== sharedMemory),
  };
}

/** The live service mounts volumes of a cache. */
export function mountsCache(live: InferenceService | undefined): boolean {
  return keptStorage(live).volumes.some(({ persistentVolumeClaim }) => persistentVolumeClaim !== undefined);
}
