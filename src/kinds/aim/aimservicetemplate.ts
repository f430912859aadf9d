import { Type, type Static } from '../type.ts';
import { conditions, freeForm, int32, stringMap } from '../schema.ts';
import { defineAimKind } from './define.ts';
import { currentDialect } from './dialect.ts';
import {
  hardware,
  immutable,
  metric,
  modelSource,
  observedGeneration,
  overallStatus,
  precision,
  profileType,
  resolvedReference,
  resourceStatuses,
  runtimeConfigName,
  serviceAccountName,
  statusColumn,
  stringColumn,
  type AimObject,
} from './fields.ts';
import { envVars, imagePullSecrets, resourceRequirements } from '../core/fields.ts';
import { nodeAffinity } from './nodeaffinity.ts';

/** AIMServiceTemplate and AIMClusterServiceTemplate [H]: one way to run a model (aim.md 7.1, 7.2). */

const clusterFields = {
  modelName: Type.String({
    description: 'AIMModel (AIMClusterModel for a cluster template) that it is for.',
    minLength: 1,
    ...immutable('modelName'),
  }),
  metric: Type.Optional(metric(immutable('metric'))),
  precision: Type.Optional(precision(immutable('precision'))),
  hardware: Type.Optional(hardware(immutable('hardware'))),
  type: Type.Optional(profileType()),
  profileId: Type.Optional(Type.String({ description: 'Profile of the image that is used.' })),
  modelSources: Type.Optional(
    Type.Array(modelSource, { description: 'Weights; given, the image is not asked for its profile.' }),
  ),
  env: Type.Optional(envVars({ description: 'Variables of the container.' })),
  resources: Type.Optional(resourceRequirements({ description: 'Resources of the container.' })),
  imagePullSecrets: Type.Optional(imagePullSecrets()),
  serviceAccountName: Type.Optional(serviceAccountName()),
  runtimeConfigName: Type.Optional(runtimeConfigName()),
};

/** Caching of a namespaced template, in both generations. */
export const templateCaching = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean({ description: 'Whether the weights are cached at once.', default: false })),
    env: Type.Optional(envVars({ description: 'Variables of the download.' })),
  },
  { description: "The template's own cache." },
);

const clusterSpec = Type.Object(clusterFields);
// One type for both scopes: a cluster template never has caching.
const spec = Type.Object({ ...clusterFields, caching: Type.Optional(templateCaching) });

const text = (description: string) => Type.Optional(Type.String({ description }));

const profile = Type.Object(
  {
    engine_args: Type.Optional(freeForm({ description: 'Arguments of the engine.' })),
    env_vars: Type.Optional(stringMap({ description: 'Variables that the image sets.' })),
    metadata: Type.Optional(
      Type.Object(
        {
          engine: text('The engine.'),
          gpu: text('Model of the GPUs.'),
          gpuCount: Type.Optional(int32({ description: 'Number of GPUs.' })),
          metric: Type.Optional(metric()),
          precision: Type.Optional(precision()),
          type: Type.Optional(profileType()),
        },
        { description: 'What the profile is for.' },
      ),
    ),
    originalDiscoveryOutput: Type.Optional(freeForm({ description: 'Not used.' })),
  },
  { description: 'The profile that the image runs with.' },
);

const status = Type.Object({
  status: Type.Optional(overallStatus(resourceStatuses)),
  conditions: Type.Optional(conditions()),
  observedGeneration: Type.Optional(observedGeneration()),
  resolvedRuntimeConfig: Type.Optional(resolvedReference('The runtime configuration.')),
  resolvedModel: Type.Optional(resolvedReference('The model.')),
  resolvedCache: Type.Optional(resolvedReference('Not used.')),
  modelSources: Type.Optional(Type.Array(modelSource, { description: 'Weights that the model needs.' })),
  profile: Type.Optional(profile),
  resolvedHardware: Type.Optional(hardware()),
  resolvedNodeAffinity: Type.Optional(nodeAffinity('Nodes that have the hardware.')),
  hardwareSummary: text('The hardware for people, such as 8 x MI300X.'),
  discoveryJob: Type.Optional(resolvedReference('The Job that asks the image for its profile.')),
  discovery: Type.Optional(
    Type.Object(
      {
        attempts: Type.Optional(int32({ description: 'How often it failed.' })),
        lastAttemptTime: Type.Optional(Type.String({ description: 'When it failed last.', format: 'date-time' })),
        lastFailureReason: text('Why it failed last.'),
        specHash: text('Hash of what was asked; another one starts anew.'),
      },
      { description: 'Failed tries to ask the image.' },
    ),
  ),
});

const columns = [
  stringColumn('Model', '.spec.modelName'),
  statusColumn,
  stringColumn('Hardware', '.status.hardwareSummary'),
  stringColumn('Metric', '.status.profile.metadata.metric'),
  stringColumn('Precision', '.status.profile.metadata.precision'),
];

export type AIMServiceTemplate = AimObject<typeof spec, typeof status>;
export type AIMClusterServiceTemplate = AIMServiceTemplate;
export type TemplateProfile = Static<typeof profile>;

export const AIMServiceTemplate = defineAimKind<AIMServiceTemplate>(currentDialect, {
  kind: 'AIMServiceTemplate',
  plural: 'aimservicetemplates',
  shortName: 'aimtpl',
  description: 'One way to run a model: hardware, precision and profile, for services of its namespace.',
  spec,
  status,
  columns,
});

export const AIMClusterServiceTemplate = defineAimKind<AIMClusterServiceTemplate>(currentDialect, {
  kind: 'AIMClusterServiceTemplate',
  plural: 'aimclusterservicetemplates',
  shortName: 'aimcltpl',
  description: 'One way to run a model: hardware, precision and profile, for services of all namespaces.',
  namespaced: false,
  spec: clusterSpec,
  status,
  columns,
});
