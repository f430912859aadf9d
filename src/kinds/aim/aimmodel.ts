import { Type, type Static } from '../type.ts';
import { conditions, stringEnum } from '../schema.ts';
import { defineAimKind } from './define.ts';
import { currentDialect } from './dialect.ts';
import {
  ageColumn,
  hardware,
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
import { imageMetadata } from './imagemetadata.ts';
import { envVars, imagePullSecrets, resourceRequirements } from '../core/fields.ts';

/** AIMModel and AIMClusterModel [H]: an image that serves a model, and its profiles (aim.md 6.1). */

const customTemplate = Type.Object({
  name: Type.Optional(Type.String({ description: 'Short name of the template.', maxLength: 63 })),
  type: Type.Optional(profileType({ default: 'unoptimized' })),
  env: Type.Optional(envVars({ description: 'Variables of the container.', maxItems: 64 })),
  hardware: Type.Optional(hardware()),
  profile: Type.Optional(
    Type.Object(
      { metric: Type.Optional(metric()), precision: Type.Optional(precision()) },
      { description: 'What it is made for.' },
    ),
  ),
});

export type CustomTemplate = Static<typeof customTemplate>;

const spec = Type.Object(
  {
    image: Type.String({ description: 'Container image of the model.', minLength: 1 }),
    discovery: Type.Optional(
      Type.Object(
        {
          extractMetadata: Type.Optional(
            Type.Boolean({ description: "Whether the registry is asked for the image's labels.", default: true }),
          ),
          createServiceTemplates: Type.Optional(
            Type.Boolean({ description: 'Whether templates are made.', default: true }),
          ),
        },
        { description: 'What is found out from the image.' },
      ),
    ),
    defaultServiceTemplate: Type.Optional(Type.String({ description: 'Not used.' })),
    custom: Type.Optional(
      Type.Object(
        { hardware: Type.Optional(hardware()), type: Type.Optional(profileType()) },
        { description: 'Defaults of the custom templates.' },
      ),
    ),
    customTemplates: Type.Optional(
      Type.Array(customTemplate, { description: 'Templates beside those the image recommends.', maxItems: 16 }),
    ),
    modelSources: Type.Optional(
      Type.Array(modelSource, { description: 'Weights; with them the model is a custom one.', maxItems: 1 }),
    ),
    runtimeConfigName: Type.Optional(runtimeConfigName()),
    imagePullSecrets: Type.Optional(imagePullSecrets()),
    serviceAccountName: Type.Optional(serviceAccountName()),
    env: Type.Optional(envVars({ description: 'Variables of the custom templates.' })),
    resources: Type.Optional(resourceRequirements({ description: 'Resources of the container.' })),
    imageMetadata: Type.Optional(imageMetadata('What the image holds; given, the registry is not asked.')),
  },
  {
    'x-kubernetes-validations': [
      {
        rule: '!has(self.modelSources) || size(self.modelSources) == 0 || !has(self.customTemplates) || size(self.customTemplates) == 0 || (has(self.custom) && has(self.custom.hardware)) || self.customTemplates.all(t, has(t.hardware))',
        message: 'with modelSources and customTemplates, custom.hardware or the hardware of every template must be set',
      },
    ],
  },
);

const status = Type.Object({
  status: Type.Optional(overallStatus(resourceStatuses)),
  conditions: Type.Optional(conditions()),
  observedGeneration: Type.Optional(observedGeneration()),
  resolvedRuntimeConfig: Type.Optional(resolvedReference('The runtime configuration.')),
  sourceType: Type.Optional(
    stringEnum(['Image', 'Custom'], { description: 'Whether the model is that of the image or has its own weights.' }),
  ),
  imageMetadata: Type.Optional(imageMetadata('What the image holds.')),
});

const columns = [
  statusColumn,
  stringColumn('Source', '.status.sourceType'),
  stringColumn('Image', '.spec.image'),
  stringColumn('Model', '.status.imageMetadata.model.canonicalName'),
  ageColumn,
];

export type AIMModel = AimObject<typeof spec, typeof status>;
export type AIMClusterModel = AIMModel;

export const AIMModel = defineAimKind<AIMModel>(currentDialect, {
  kind: 'AIMModel',
  plural: 'aimmodels',
  shortName: 'aimmdl',
  description: 'An image that serves a model, for services of its namespace.',
  spec,
  status,
  columns,
});

export const AIMClusterModel = defineAimKind<AIMClusterModel>(currentDialect, {
  kind: 'AIMClusterModel',
  plural: 'aimclustermodels',
  shortName: 'aimclmdl',
  description: 'An image that serves a model, for services of all namespaces.',
  namespaced: false,
  spec,
  status,
  columns,
});
