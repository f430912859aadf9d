import { Type, type TProperties } from '../type.ts';
import { conditions, int32 } from '../schema.ts';
import type { PrinterColumn } from '../kind.ts';
import { defineAimKind } from './define.ts';
import { currentDialect, legacyDialect } from './dialect.ts';
import { ageColumn, goDuration, observedGeneration, overallStatus, statusColumn, type AimObject } from './fields.ts';
import { imagePullSecrets } from '../core/fields.ts';

/** AIMClusterModelSource of both groups: a registry whose images become cluster models (aim.md 10, 11.1). */

const versions = (description: string) => Type.Optional(Type.Array(Type.String(), { description }));

const filter = Type.Object({
  image: Type.String({
    description: 'Repository, with a tag for one image; * stands for any characters: silogen/aim-*.',
    maxLength: 512,
  }),
  exclude: Type.Optional(Type.Array(Type.String(), { description: 'Repositories that are left out.' })),
  versions: versions('Constraints of the tags, such as >=0.8.5; they replace those of the source.'),
});

const commonSpec = {
  registry: Type.Optional(Type.String({ description: 'Host of the registry.', default: 'docker.io' })),
  versions: versions('Constraints of the tags where a filter has none.'),
  syncInterval: Type.Optional(goDuration({ description: 'How often the registry is asked.', default: '1h' })),
  imagePullSecrets: Type.Optional(
    imagePullSecrets({ description: 'Secrets for the registry, in the namespace of the operator.' }),
  ),
};

const filtersDescription = 'Images that are wanted.';

const spec = Type.Object({
  ...commonSpec,
  filters: Type.Array(filter, { description: filtersDescription, minItems: 1, maxItems: 100 }),
  maxModels: Type.Optional(
    int32({ description: 'How many models are made at most.', default: 100, minimum: 1, maximum: 10000 }),
  ),
});

const legacySpec = Type.Object({
  ...commonSpec,
  filters: Type.Array(filter, { description: filtersDescription, minItems: 1 }),
});

const statuses = [
  'Pending',
  'Starting',
  'Progressing',
  'Ready',
  'Running',
  'Degraded',
  'NotAvailable',
  'Failed',
] as const;

const commonStatus = {
  status: Type.Optional(overallStatus(statuses)),
  conditions: Type.Optional(conditions()),
  observedGeneration: Type.Optional(observedGeneration()),
  lastSyncTime: Type.Optional(Type.String({ description: 'When the registry was asked last.', format: 'date-time' })),
  discoveredModels: Type.Optional(int32({ description: 'How many models the source has made.' })),
} satisfies TProperties;

const status = Type.Object({
  ...commonStatus,
  availableModels: Type.Optional(int32({ description: 'How many images the filters let through.' })),
  modelsLimitReached: Type.Optional(Type.Boolean({ description: 'Whether maxModels stops further models.' })),
});

const legacyStatus = Type.Object({
  ...commonStatus,
  discoveredImages: Type.Optional(
    Type.Array(
      Type.Object({
        image: Type.String({ description: 'The image.' }),
        tag: Type.String({ description: 'Its tag.' }),
        modelName: Type.Optional(Type.String({ description: 'The AIMClusterModel made of it.' })),
        createdAt: Type.Optional(Type.String({ description: 'When the model was made.', format: 'date-time' })),
      }),
      { description: 'Images that became models.' },
    ),
  ),
});

const columns: readonly PrinterColumn[] = [
  statusColumn,
  { name: 'Models', type: 'integer', jsonPath: '.status.discoveredModels' },
  { name: 'LastSync', type: 'date', jsonPath: '.status.lastSyncTime' },
  ageColumn,
];

const definition = {
  kind: 'AIMClusterModelSource',
  plural: 'aimclustermodelsources',
  shortName: 'aimclsrc',
  description: 'Makes an AIMClusterModel of each image of a registry that its filters let through.',
  namespaced: false,
  columns,
};

export type AIMClusterModelSource = AimObject<typeof spec, typeof status>;
export type LegacyAIMClusterModelSource = AimObject<typeof legacySpec, typeof legacyStatus>;

export const AIMClusterModelSource = defineAimKind<AIMClusterModelSource>(currentDialect, {
  ...definition,
  spec,
  status,
});

export const LegacyAIMClusterModelSource = defineAimKind<LegacyAIMClusterModelSource>(legacyDialect, {
  ...definition,
  spec: legacySpec,
  status: legacyStatus,
});
