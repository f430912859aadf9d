import { Type } from '../type.ts';
import { conditions, int32, stringEnum } from '../schema.ts';
import { defineAimKind } from './define.ts';
import { currentDialect } from './dialect.ts';
import {
  ageColumn,
  immutable,
  modelId,
  observedGeneration,
  overallStatus,
  resolvedReference,
  resourceStatuses,
  runtimeConfigName,
  sourceUri,
  statusColumn,
  storageClassName,
  stringColumn,
  type AimObject,
} from './fields.ts';
import { envVars, imagePullSecrets, quantity } from '../core/fields.ts';

/** AIMArtifact [H]: the weights of one model on a volume (aim.md 9). */

const spec = Type.Object({
  sourceUri: sourceUri({ minLength: 1, ...immutable('sourceUri') }),
  modelId: Type.Optional(modelId()),
  size: Type.Optional(quantity({ description: 'Size of the weights; 0 or absent means that it is found out.' })),
  storageClassName: Type.Optional(storageClassName()),
  runtimeConfigName: Type.Optional(runtimeConfigName()),
  env: Type.Optional(envVars({ description: 'Variables of the download.' })),
  imagePullSecrets: Type.Optional(imagePullSecrets()),
  modelDownloadImage: Type.Optional(
    Type.String({
      description: 'Image that downloads.',
      default: 'ghcr.io/silogen/aim-artifact-downloader:0.2.0',
    }),
  ),
});

const bytes = (description: string) => Type.Optional(Type.Integer({ format: 'int64', description }));

const status = Type.Object({
  status: Type.Optional(overallStatus(resourceStatuses)),
  conditions: Type.Optional(conditions()),
  observedGeneration: Type.Optional(observedGeneration()),
  resolvedRuntimeConfig: Type.Optional(resolvedReference('The runtime configuration.')),
  mode: Type.Optional(stringEnum(['Dedicated', 'Shared'], { description: 'Dedicated when it is owned, else Shared.' })),
  progress: Type.Optional(
    Type.Object(
      {
        totalBytes: bytes('Bytes there are.'),
        downloadedBytes: bytes('Bytes that are there.'),
        percentage: Type.Optional(int32({ description: 'How far it is, in percent.', minimum: 0, maximum: 100 })),
        displayPercentage: Type.Optional(Type.String({ description: 'The same for people.' })),
      },
      { description: 'How far the download is; written by the download.' },
    ),
  ),
  download: Type.Optional(
    Type.Object(
      {
        protocol: Type.Optional(Type.String({ description: 'Protocol of this try.' })),
        attempt: Type.Optional(int32({ description: 'Number of this try.' })),
        totalAttempts: Type.Optional(int32({ description: 'How many tries there are.' })),
        protocolSequence: Type.Optional(Type.String({ description: 'Protocols in the order they are tried.' })),
        message: Type.Optional(Type.String({ description: 'What is going on.' })),
      },
      { description: 'The try that is going on; written by the download.' },
    ),
  ),
  displaySize: Type.Optional(Type.String({ description: 'Size of the weights for people.' })),
  persistentVolumeClaim: Type.Optional(Type.String({ description: 'PersistentVolumeClaim with the weights.' })),
  discoveredSizeBytes: bytes('Size of the weights that was found out.'),
  allocatedSize: Type.Optional(quantity({ description: 'Size of the volume that was asked for.' })),
  headroomPercent: Type.Optional(int32({ description: 'Space beyond the weights, in percent.' })),
  lastUsed: Type.Optional(Type.String({ description: 'Not used.', format: 'date-time' })),
});

export type AIMArtifact = AimObject<typeof spec, typeof status>;

export const AIMArtifact = defineAimKind<AIMArtifact>(currentDialect, {
  kind: 'AIMArtifact',
  plural: 'aimartifacts',
  shortName: 'aimart',
  description: 'The weights of a model, downloaded to a volume.',
  spec,
  status,
  columns: [
    statusColumn,
    stringColumn('Mode', '.status.mode'),
    stringColumn('Model Size', '.status.displaySize'),
    stringColumn('Progress', '.status.progress.displayPercentage'),
    { ...stringColumn('Protocol', '.status.download.protocol'), priority: 1 },
    { name: 'Attempt', type: 'integer', jsonPath: '.status.download.attempt', priority: 1 },
    ageColumn,
  ],
});
