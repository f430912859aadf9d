import { Type } from '../../type.ts';
import { conditions } from '../../schema.ts';
import { defineAimKind } from '../define.ts';
import { legacyDialect } from '../dialect.ts';
import {
  ageColumn,
  observedGeneration,
  overallStatus,
  resolvedReference,
  resourceStatuses,
  runtimeConfigName,
  serviceAccountName,
  statusColumn,
  stringColumn,
  type AimObject,
} from '../fields.ts';
import { imageMetadata } from '../imagemetadata.ts';
import { imagePullSecrets, resourceRequirements } from '../../core/fields.ts';

/** AIMModel and AIMClusterModel [L]: an image that serves a model (aim.md 11.1). */

const spec = Type.Object({
  image: Type.String({ description: 'Container image of the model.', minLength: 1 }),
  discovery: Type.Optional(
    Type.Object(
      {
        enabled: Type.Optional(Type.Boolean({ description: "Whether the registry is asked for the image's labels." })),
        autoCreateTemplates: Type.Optional(Type.Boolean({ description: 'Whether templates are made.' })),
      },
      { description: 'What is found out from the image.' },
    ),
  ),
  defaultServiceTemplate: Type.Optional(Type.String({ description: 'Template of services that name none.' })),
  runtimeConfigName: Type.Optional(runtimeConfigName({ default: 'default' })),
  imagePullSecrets: Type.Optional(imagePullSecrets()),
  serviceAccountName: Type.Optional(serviceAccountName()),
  resources: Type.Optional(resourceRequirements({ description: 'Resources of the container.' })),
});

const status = Type.Object({
  status: Type.Optional(overallStatus(resourceStatuses)),
  observedGeneration: Type.Optional(observedGeneration()),
  conditions: Type.Optional(conditions()),
  resolvedRuntimeConfig: Type.Optional(resolvedReference('The runtime configuration.')),
  imageMetadata: Type.Optional(imageMetadata('What the image holds.')),
});

const columns = [statusColumn, stringColumn('Image', '.spec.image'), ageColumn];

export type LegacyAIMModel = AimObject<typeof spec, typeof status>;
export type LegacyAIMClusterModel = LegacyAIMModel;

export const LegacyAIMModel = defineAimKind<LegacyAIMModel>(legacyDialect, {
  kind: 'AIMModel',
  plural: 'aimmodels',
  shortName: 'aimmdl',
  description: 'An image that serves a model, for services of its namespace.',
  spec,
  status,
  columns,
});

export const LegacyAIMClusterModel = defineAimKind<LegacyAIMClusterModel>(legacyDialect, {
  kind: 'AIMClusterModel',
  plural: 'aimclustermodels',
  shortName: 'aimclmdl',
  description: 'An image that serves a model, for services of all namespaces.',
  namespaced: false,
  spec,
  status,
  columns,
});
