import { aimServiceAdmission } from '../servicename.ts';
import { Type } from '../../type.ts';
import { conditions, int32, mapOf } from '../../schema.ts';
import { defineAimKind } from '../define.ts';
import { legacyDialect } from '../dialect.ts';
import {
  ageColumn,
  cachedModel,
  cacheStatuses,
  immutable,
  metric,
  observedGeneration,
  overallStatus,
  precision,
  resolvedReference,
  routing,
  runtimeConfigName,
  serviceAccountName,
  statusColumn,
  stringColumn,
  type AimObject,
} from '../fields.ts';
import { envVars, imagePullSecrets, resourceRequirements } from '../../core/fields.ts';
import { legacyGpuSelector } from './fields.ts';

/** AIMService [L]: serve this model (aim.md 11.2). */

const model = Type.Object(
  {
    ref: Type.Optional(Type.String({ description: 'An AIMModel of the namespace, else an AIMClusterModel.' })),
    image: Type.Optional(Type.String({ description: 'Container image; its AIMModel is found or made.' })),
  },
  {
    description: 'What is served: a model by name or by image.',
    'x-kubernetes-validations': [
      { rule: 'has(self.ref) != has(self.image)', message: 'exactly one of ref and image must be set' },
    ],
  },
);

const overrides = Type.Object(
  {
    metric: Type.Optional(metric(immutable('metric'))),
    precision: Type.Optional(precision(immutable('precision'))),
    gpuSelector: Type.Optional({ ...legacyGpuSelector, ...immutable('gpuSelector') }),
  },
  { description: 'What the template is changed to.' },
);

const spec = Type.Object({
  model,
  templateRef: Type.Optional(
    Type.String({
      description:
        'An AIMServiceTemplate of the namespace, else an AIMClusterServiceTemplate; chosen for the cluster when absent.',
    }),
  ),
  cacheModel: Type.Optional(
    Type.Boolean({ description: 'Whether the weights are cached before the service starts.', default: false }),
  ),
  replicas: Type.Optional(int32({ description: 'Number of replicas.', default: 1, minimum: 0 })),
  runtimeConfigName: Type.Optional(runtimeConfigName({ default: 'default' })),
  resources: Type.Optional(
    resourceRequirements({ description: "Resources of the container, over the defaults of the template's GPUs." }),
  ),
  overrides: Type.Optional(overrides),
  routing: Type.Optional(routing),
  env: Type.Optional(envVars({ description: 'Variables of the container and of the downloads.' })),
  imagePullSecrets: Type.Optional(imagePullSecrets()),
  serviceAccountName: Type.Optional(serviceAccountName()),
});

const status = Type.Object({
  status: Type.Optional(overallStatus(['Pending', 'Starting', 'Running', 'Failed', 'Degraded'])),
  observedGeneration: Type.Optional(observedGeneration()),
  conditions: Type.Optional(conditions()),
  resolvedRuntimeConfig: Type.Optional(resolvedReference('The runtime configuration.')),
  resolvedImage: Type.Optional(resolvedReference('The model.')),
  resolvedTemplate: Type.Optional(resolvedReference('The template.')),
  resolvedTemplateCache: Type.Optional(resolvedReference('The template cache that is used.')),
  modelCaches: Type.Optional(
    mapOf(cachedModel(cacheStatuses), { description: 'The caches that hold the weights, by name.' }),
  ),
  routing: Type.Optional(
    Type.Object(
      { path: Type.Optional(Type.String({ description: 'Path of the service on the Gateway.' })) },
      { description: 'How the service is reached.' },
    ),
  ),
  // Beyond the original: without it the scale subresource has nothing to show.
  replicas: Type.Optional(int32({ description: 'Replicas there are, for kubectl scale.' })),
});

export type LegacyAIMService = AimObject<typeof spec, typeof status>;

export const LegacyAIMService = defineAimKind<LegacyAIMService>(legacyDialect, {
  kind: 'AIMService',
  plural: 'aimservices',
  shortName: 'aimsvc',
  admission: aimServiceAdmission(),
  description: 'Serves a model: its image, the template it runs with, and how it is reached.',
  spec,
  status,
  scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
  columns: [
    statusColumn,
    stringColumn('Model', '.status.resolvedImage.name'),
    stringColumn('Template', '.status.resolvedTemplate.name'),
    { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
    ageColumn,
  ],
});
