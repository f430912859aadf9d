import { Type, type Static } from '../../type.ts';
import { conditions, freeForm, int32, stringMap } from '../../schema.ts';
import { templateCaching } from '../aimservicetemplate.ts';
import { defineAimKind } from '../define.ts';
import { legacyDialect } from '../dialect.ts';
import {
  immutable,
  metric,
  observedGeneration,
  overallStatus,
  precision,
  resolvedReference,
  resourceStatuses,
  runtimeConfigName,
  serviceAccountName,
  statusColumn,
  stringColumn,
  type AimObject,
} from '../fields.ts';
import { envVars, imagePullSecrets, resourceRequirements } from '../../core/fields.ts';
import { legacyGpuSelector, legacyModelSource } from './fields.ts';

/** AIMServiceTemplate and AIMClusterServiceTemplate [L]: one way to run a model (aim.md 11.1). */

const clusterFields = {
  modelName: Type.String({ description: 'Model that it is for.', minLength: 1, ...immutable('modelName') }),
  metric: Type.Optional(metric(immutable('metric'))),
  precision: Type.Optional(precision(immutable('precision'))),
  gpuSelector: Type.Optional({ ...legacyGpuSelector, ...immutable('gpuSelector') }),
  modelSources: Type.Optional(
    Type.Array(legacyModelSource, { description: 'Weights; given, the image is not asked for its profile.' }),
  ),
  resources: Type.Optional(resourceRequirements({ description: 'Resources of the container.' })),
  imagePullSecrets: Type.Optional(imagePullSecrets()),
  serviceAccountName: Type.Optional(serviceAccountName()),
  runtimeConfigName: Type.Optional(runtimeConfigName()),
};

const clusterSpec = Type.Object(clusterFields);
// One type for both scopes: a cluster template never has env and caching.
const spec = Type.Object({
  ...clusterFields,
  env: Type.Optional(envVars({ description: 'Variables of the container.' })),
  caching: Type.Optional(templateCaching),
});

const text = (description: string) => Type.Optional(Type.String({ description }));

const profile = Type.Object(
  {
    model: text('The model.'),
    quantized_model: text('The quantized model that is loaded.'),
    engine_args: Type.Optional(freeForm({ description: 'Arguments of the engine.' })),
    env_vars: Type.Optional(stringMap({ description: 'Variables that the image sets.' })),
    metadata: Type.Optional(
      Type.Object(
        {
          engine: text('The engine.'),
          gpu: text('Model of the GPUs.'),
          gpu_count: Type.Optional(int32({ description: 'Number of GPUs.' })),
          metric: Type.Optional(metric()),
          precision: Type.Optional(precision()),
        },
        { description: 'What the profile is for.' },
      ),
    ),
  },
  { description: 'The profile that the image runs with.' },
);

const status = Type.Object({
  status: Type.Optional(overallStatus(resourceStatuses)),
  observedGeneration: Type.Optional(observedGeneration()),
  conditions: Type.Optional(conditions()),
  resolvedRuntimeConfig: Type.Optional(resolvedReference('The runtime configuration.')),
  resolvedModel: Type.Optional(resolvedReference('The model.')),
  resolvedCache: Type.Optional(resolvedReference("The template's own cache.")),
  modelSources: Type.Optional(Type.Array(legacyModelSource, { description: 'Weights that the model needs.' })),
  profile: Type.Optional(profile),
  discoveryJob: Type.Optional(resolvedReference('The Job that asks the image for its profile.')),
});

const columns = [
  statusColumn,
  stringColumn('Model', '.spec.modelName'),
  stringColumn('Engine', '.status.profile.metadata.engine'),
  stringColumn('Metric', '.status.profile.metadata.metric'),
  stringColumn('Precision', '.status.profile.metadata.precision'),
  { name: 'GPUs/replica', type: 'integer', jsonPath: '.status.profile.metadata.gpu_count' } as const,
  stringColumn('GPU', '.status.profile.metadata.gpu'),
];

export type LegacyAIMServiceTemplate = AimObject<typeof spec, typeof status>;
export type LegacyAIMClusterServiceTemplate = LegacyAIMServiceTemplate;
export type LegacyTemplateProfile = Static<typeof profile>;

export const LegacyAIMServiceTemplate = defineAimKind<LegacyAIMServiceTemplate>(legacyDialect, {
  kind: 'AIMServiceTemplate',
  plural: 'aimservicetemplates',
  shortName: 'aimst',
  description: 'One way to run a model: GPUs, precision and profile, for services of its namespace.',
  spec,
  status,
  columns,
});

export const LegacyAIMClusterServiceTemplate = defineAimKind<LegacyAIMClusterServiceTemplate>(legacyDialect, {
  kind: 'AIMClusterServiceTemplate',
  plural: 'aimclusterservicetemplates',
  shortName: 'aimclst',
  description: 'One way to run a model: GPUs, precision and profile, for services of all namespaces.',
  namespaced: false,
  spec: clusterSpec,
  status,
  columns,
});
