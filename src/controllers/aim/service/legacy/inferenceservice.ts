import type * as core from 'kubernetes-types/core/v1.js';
import type { LegacyAIMModel } from '../../../../kinds/aim/legacy/aimmodel.ts';
import { LegacyAIMService } from '../../../../kinds/aim/legacy/aimservice.ts';
import type { LegacyAIMServiceTemplate } from '../../../../kinds/aim/legacy/aimservicetemplate.ts';
import type { EnvVar } from '../../../../kinds/core/fields.ts';
import { InferenceService } from '../../../../kinds/kserve/inferenceservice.ts';
import { child, type Child } from '../../../../reconcile/children.ts';
import { containerVariable } from '../../containerenv.ts';
import { componentLabel, legacyLabelValue, managedByLabel, nameLabel } from '../../labels.ts';
import { mergeEnv } from '../../mergeenv.ts';
import { defaultGpuResource, gpuResources, mergeResources } from '../../resources.ts';
import { modelDirectory, serviceLabel, type LegacyMount } from './storage.ts';

/** The InferenceService of a service of aim.silogen.ai: it names the template's ServingRuntime (aim.md 11.5, 7b). */

type ServiceSpec = NonNullable<LegacyAIMService['spec']>;

export interface LegacyServingParts {
  readonly name: string;
  readonly service: LegacyAIMService;
  readonly spec: ServiceSpec;
  readonly template: LegacyAIMServiceTemplate;
  readonly model: LegacyAIMModel;
  readonly mounts: readonly LegacyMount[];
}

const appLabel = 'app.kubernetes.io/name';
/** Written by kubectl for itself: on a copy it would speak of another object. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

export function legacyInferenceService(parts: LegacyServingParts): Child {
  const { name, service, spec, template, mounts } = parts;
  const { replicas = 1 } = spec;
  const secrets = pullSecrets(spec, template);
  const serviceAccountName = spec.serviceAccountName ?? template.spec?.serviceAccountName;
  const { [lastApplied]: _, ...annotations } = service.metadata.annotations ?? {};
  return child(
    InferenceService,
    {
      metadata: {
        name,
        namespace: service.metadata.namespace ?? '',
        labels: { ...service.metadata.labels, ...servingLabels(parts) },
        ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      },
      spec: {
        predictor: {
          minReplicas: replicas,
          maxReplicas: replicas,
          ...(secrets.length === 0 ? {} : { imagePullSecrets: secrets }),
          ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
          model: {
            modelFormat: { name: 'aim', version: '1' },
            runtime: template.metadata.name,
            env: environment(parts).map(containerVariable),
            resources: resourcesOf(parts),
            volumeMounts: mounts.map(({ volume, path }) => ({ name: volume, mountPath: path })),
          },
          volumes: mounts.map(({ volume, claim }) => ({
            name: volume,
            persistentVolumeClaim: { claimName: claim },
          })),
        },
      },
    },
    { owned: true },
  );
}

/** Also those of the route. */
export function servingLabels({
  service,
  template,
  model,
}: Pick<LegacyServingParts, 'service' | 'template' | 'model'>): Record<string, string> {
  const { group } = LegacyAIMService;
  const { metric, precision } = template.status?.profile?.metadata ?? {};
  const weights = template.status?.modelSources?.[0]?.name ?? template.spec?.modelName ?? '';
  return {
    [appLabel]: 'aim-service',
    [componentLabel]: 'inference-service',
    [managedByLabel]: 'aim-controller',
    [serviceLabel]: nameLabel(service.metadata.name),
    [`${group}/template`]: nameLabel(template.metadata.name),
    [`${group}/model-id`]: legacyLabelValue(weights),
    [`${group}/aim-image`]: legacyLabelValue(model.spec?.image ?? ''),
    ...(metric ? { [`${group}/template.metric`]: metric } : {}),
    ...(precision ? { [`${group}/template.precision`]: precision } : {}),
  };
}

function pullSecrets(spec: ServiceSpec, { spec: template }: LegacyAIMServiceTemplate) {
  const named = [...(spec.imagePullSecrets ?? []), ...(template?.imagePullSecrets ?? [])];
  return [...new Map(named.map((secret) => [secret.name, secret])).values()];
}

/** The image finds its profile by what the template is for; what the service sets wins. */
function environment({ spec, template }: LegacyServingParts): EnvVar[] {
  const { metric, precision, env } = template.spec ?? {};
  const base = [
    { name: 'AIM_CACHE_PATH', value: modelDirectory },
    ...(metric === undefined ? [] : [{ name: 'AIM_METRIC', value: metric }]),
    ...(precision === undefined ? [] : [{ name: 'AIM_PRECISION', value: precision }]),
  ];
  return mergeEnv(mergeEnv(base, env), spec.env);
}

/** Of service, template and model the first that has any, over what its GPUs need. */
function resourcesOf({ spec, template, model }: LegacyServingParts): core.ResourceRequirements {
  const count = template.status?.profile?.metadata?.gpu_count ?? template.spec?.gpuSelector?.count ?? 0;
  const chosen = spec.resources ?? template.spec?.resources ?? model.spec?.resources;
  const gpus = gpuResources(count, template.spec?.gpuSelector?.resourceName ?? defaultGpuResource);
  const { requests, limits } = mergeResources(gpus, chosen);
  const text = (quantities: NonNullable<typeof requests>) =>
    Object.fromEntries(Object.entries(quantities).map(([resource, quantity]) => [resource, String(quantity)]));
  return {
    ...(requests === undefined ? {} : { requests: text(requests) }),
    ...(limits === undefined ? {} : { limits: text(limits) }),
    ...(chosen?.claims === undefined ? {} : { claims: chosen.claims }),
  };
}
