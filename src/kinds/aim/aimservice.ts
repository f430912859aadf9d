import { aimServiceAdmission } from './servicename.ts';
import { Type } from '../type.ts';
import { conditions, int32, stringEnum } from '../schema.ts';
import { defineAimKind } from './define.ts';
import { currentDialect } from './dialect.ts';
import {
  ageColumn,
  hardware,
  immutable,
  metric,
  modelSource,
  observedGeneration,
  overallStatus,
  precision,
  resolvedReference,
  routing,
  runtimeConfigName,
  serviceAccountName,
  statusColumn,
  storage,
  stringColumn,
  type AimObject,
} from './fields.ts';
import { envVars, imagePullSecrets, resourceRequirements } from '../core/fields.ts';

/** AIMService [H]: serve this model (aim.md 5.1, 5.2). */

const custom = Type.Object(
  {
    baseImage: Type.String({ description: 'Image of the runtime.' }),
    modelSources: Type.Array(modelSource, { description: 'Weights of the model.', minItems: 1, maxItems: 1 }),
    hardware: hardware(),
  },
  { description: 'A model made of a runtime image and weights.' },
);

const model = Type.Object(
  {
    name: Type.Optional(Type.String({ description: 'An AIMModel of the namespace, else an AIMClusterModel.' })),
    image: Type.Optional(Type.String({ description: 'Container image; its AIMModel is found or made.' })),
    custom: Type.Optional(custom),
  },
  {
    description: 'What is served: a model by name, by image or a custom one.',
    'x-kubernetes-validations': [
      {
        rule: '[has(self.name), has(self.image), has(self.custom)].filter(given, given).size() == 1',
        message: 'exactly one of name, image and custom must be set',
      },
      { rule: 'self == oldSelf', message: 'model is immutable' },
    ],
  },
);

const template = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        description:
          'An AIMServiceTemplate of the namespace, else an AIMClusterServiceTemplate; chosen for the cluster when absent.',
      }),
    ),
    allowUnoptimized: Type.Optional(
      Type.Boolean({ description: 'Whether profiles that are preview or unoptimized may be chosen.' }),
    ),
  },
  { description: 'How the model is run.', ...immutable('template') },
);

const caching = Type.Object(
  {
    mode: Type.Optional(
      stringEnum(['Dedicated', 'Shared', 'Auto', 'Always', 'Never'], {
        description: 'Whether the cache is shared. Auto and Always mean Shared, Never means Dedicated.',
        default: 'Shared',
      }),
    ),
  },
  { description: 'How the weights are cached.', ...immutable('caching') },
);

const podMetric = Type.Object(
  {
    metric: Type.Object(
      {
        backend: Type.Optional(
          stringEnum(['opentelemetry'], { description: 'Where the metric comes from.', default: 'opentelemetry' }),
        ),
        serverAddress: Type.Optional(Type.String({ description: 'Address of the metrics server.' })),
        metricNames: Type.Optional(Type.Array(Type.String(), { description: 'Names of the metrics.' })),
        query: Type.Optional(Type.String({ description: 'Query of the metrics.' })),
        operationOverTime: Type.Optional(Type.String({ description: 'How values over time become one.' })),
      },
      { description: 'What is measured.' },
    ),
    target: Type.Object(
      {
        type: stringEnum(['Value', 'AverageValue', 'Utilization'], { description: 'Which of the values is aimed at.' }),
        value: Type.Optional(Type.String({ description: 'Target of the metric.' })),
        averageValue: Type.Optional(Type.String({ description: 'Target of its average over the pods.' })),
        averageUtilization: Type.Optional(int32({ description: 'Target of its average, in percent.' })),
      },
      { description: 'What it should be.' },
    ),
  },
  { description: 'A metric of the pods.' },
);

const autoScaling = Type.Object(
  {
    metrics: Type.Optional(
      Type.Array(
        Type.Object({
          type: stringEnum(['PodMetric'], { description: 'Kind of metric.' }),
          podmetric: Type.Optional(podMetric),
        }),
        { description: 'Metrics that decide the number of replicas.' },
      ),
    ),
  },
  { description: 'What the number of replicas follows.' },
);

const overrides = Type.Object(
  {
    metric: Type.Optional(metric(immutable('metric'))),
    precision: Type.Optional(precision(immutable('precision'))),
    hardware: Type.Optional(hardware(immutable('hardware'))),
  },
  { description: 'What the template must be for, instead of what it says.' },
);

const spec = Type.Object({
  model,
  template: Type.Optional(template),
  caching: Type.Optional(caching),
  cacheModel: Type.Optional(Type.Boolean({ description: 'Deprecated and ignored: models are always cached.' })),
  replicas: Type.Optional(
    int32({ description: 'Number of replicas while no autoscaling field is set.', default: 1, minimum: 0 }),
  ),
  minReplicas: Type.Optional(int32({ description: 'Fewest replicas of autoscaling.', minimum: 1 })),
  maxReplicas: Type.Optional(int32({ description: 'Most replicas of autoscaling.', minimum: 1 })),
  autoScaling: Type.Optional(autoScaling),
  runtimeConfigName: Type.Optional(runtimeConfigName()),
  storage: Type.Optional(storage),
  routing: Type.Optional(routing),
  env: Type.Optional(envVars({ description: 'Variables of the container; they win over all others.' })),
  resources: Type.Optional(
    resourceRequirements({ description: "Resources of the container, over the template's by key." }),
  ),
  overrides: Type.Optional(overrides),
  imagePullSecrets: Type.Optional(imagePullSecrets()),
  serviceAccountName: Type.Optional(serviceAccountName()),
});

const replicas = (description: string) => Type.Optional(int32({ description }));

const status = Type.Object({
  status: Type.Optional(overallStatus(['Pending', 'Starting', 'Running', 'Degraded', 'Failed'])),
  conditions: Type.Optional(conditions()),
  observedGeneration: Type.Optional(observedGeneration()),
  resolvedRuntimeConfig: Type.Optional(resolvedReference('The runtime configuration.')),
  resolvedModel: Type.Optional(resolvedReference('The model.')),
  resolvedTemplate: Type.Optional(resolvedReference('The template.')),
  routing: Type.Optional(
    Type.Object(
      { path: Type.Optional(Type.String({ description: 'Path of the service on the Gateway.' })) },
      { description: 'How the service is reached.' },
    ),
  ),
  cache: Type.Optional(
    Type.Object(
      {
        templateCacheRef: Type.Optional(resolvedReference('The template cache that is used.')),
        retryAttempts: Type.Optional(int32({ description: 'How often caching was tried again.' })),
      },
      { description: 'The cache that is used.' },
    ),
  ),
  runtime: Type.Optional(
    Type.Object(
      {
        minReplicas: replicas('Fewest replicas.'),
        maxReplicas: replicas('Most replicas.'),
        currentReplicas: replicas('Replicas there are.'),
        desiredReplicas: replicas('Replicas there should be.'),
        replicas: Type.Optional(Type.String({ description: 'The same for people: 3, or 2/4 (1-5) with autoscaling.' })),
      },
      { description: 'Replicas of the service.' },
    ),
  ),
});

export type AIMService = AimObject<typeof spec, typeof status>;

export const AIMService = defineAimKind<AIMService>(currentDialect, {
  kind: 'AIMService',
  plural: 'aimservices',
  shortName: 'aimsvc',
  admission: aimServiceAdmission(),
  description: 'Serves a model: its image, the hardware and profile it runs with, and how it is reached.',
  spec,
  status,
  scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.runtime.currentReplicas' },
  columns: [
    statusColumn,
    stringColumn('Model', '.status.resolvedModel.name'),
    stringColumn('Template', '.status.resolvedTemplate.name'),
    stringColumn('Replicas', '.status.runtime.replicas'),
    ageColumn,
  ],
});
