import { Type } from '../../type.ts';
import { conditions } from '../../schema.ts';
import { defineAimKind } from '../define.ts';
import { legacyDialect } from '../dialect.ts';
import {
  ageColumn,
  cacheStatuses,
  immutable,
  observedGeneration,
  overallStatus,
  runtimeConfigName,
  sourceUri,
  statusColumn,
  storageClassName,
  stringColumn,
  type AimObject,
} from '../fields.ts';
import { envVars, imagePullSecrets, quantity } from '../../core/fields.ts';

/** AIMModelCache [L]: the weights of one model on a volume (aim.md 11.1, 11.7). */

const spec = Type.Object({
  sourceUri: sourceUri({ minLength: 1, ...immutable('sourceUri') }),
  size: quantity({ description: 'Size of the weights.' }),
  // Required as in the original; the default makes that invisible.
  modelDownloadImage: Type.String({
    description: 'Image that downloads.',
    default: 'kserve/storage-initializer:v0.16.0-rc0',
  }),
  env: Type.Optional(envVars({ description: 'Variables of the download.' })),
  storageClassName: Type.Optional(storageClassName()),
  imagePullSecrets: Type.Optional(imagePullSecrets()),
  runtimeConfigName: Type.Optional(runtimeConfigName()),
});

const status = Type.Object({
  status: Type.Optional(overallStatus(cacheStatuses)),
  observedGeneration: Type.Optional(observedGeneration()),
  conditions: Type.Optional(conditions()),
  persistentVolumeClaim: Type.Optional(Type.String({ description: 'PersistentVolumeClaim with the weights.' })),
  lastUsed: Type.Optional(Type.String({ description: 'When it was used last.', format: 'date-time' })),
});

export type LegacyAIMModelCache = AimObject<typeof spec, typeof status>;

export const LegacyAIMModelCache = defineAimKind<LegacyAIMModelCache>(legacyDialect, {
  kind: 'AIMModelCache',
  plural: 'aimmodelcaches',
  shortName: 'aimmc',
  description: 'The weights of a model, downloaded to a volume.',
  spec,
  status,
  columns: [
    stringColumn('Cache Size', '.spec.size'),
    statusColumn,
    stringColumn('PVC', '.status.persistentVolumeClaim'),
    ageColumn,
  ],
});
