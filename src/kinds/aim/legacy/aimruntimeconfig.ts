import { Type } from '../../type.ts';
import { conditions, int32 } from '../../schema.ts';
import { defineAimKind } from '../define.ts';
import { legacyDialect } from '../dialect.ts';
import { observedGeneration, routingWithoutAnnotations, type AimObject } from '../fields.ts';

/** AIMRuntimeConfig and AIMClusterRuntimeConfig [L]: defaults of services (aim.md 11.1). */

const spec = Type.Object({
  defaultStorageClassName: Type.Optional(
    Type.String({ description: "StorageClass of the caches; absent means the cluster's default." }),
  ),
  pvcHeadroomPercent: Type.Optional(
    int32({ description: 'Space of a cache beyond the size of the model, in percent.', minimum: 0, default: 10 }),
  ),
  model: Type.Optional(
    Type.Object(
      {
        autoDiscovery: Type.Optional(
          Type.Boolean({ description: 'Whether models that do not say it are found out about.', default: true }),
        ),
      },
      { description: 'How models are found out about.' },
    ),
  ),
  routing: Type.Optional(
    Type.Object(routingWithoutAnnotations, { description: 'How services are reached through a Gateway.' }),
  ),
});

// Without a status subresource, as the original has it: never written.
const status = Type.Object({
  observedGeneration: Type.Optional(observedGeneration()),
  conditions: Type.Optional(conditions()),
});

export type LegacyAIMRuntimeConfig = AimObject<typeof spec, typeof status>;
export type LegacyAIMClusterRuntimeConfig = LegacyAIMRuntimeConfig;

export const LegacyAIMRuntimeConfig = defineAimKind<LegacyAIMRuntimeConfig>(legacyDialect, {
  kind: 'AIMRuntimeConfig',
  plural: 'aimruntimeconfigs',
  shortName: 'aimrcfg',
  description: 'Defaults of the services of a namespace; they win over those of the cluster.',
  spec,
  status,
  statusSubresource: false,
});

export const LegacyAIMClusterRuntimeConfig = defineAimKind<LegacyAIMClusterRuntimeConfig>(legacyDialect, {
  kind: 'AIMClusterRuntimeConfig',
  plural: 'aimclusterruntimeconfigs',
  shortName: 'aimcrcfg',
  description: 'Defaults of the services of all namespaces.',
  namespaced: false,
  spec,
  status,
  statusSubresource: false,
});
