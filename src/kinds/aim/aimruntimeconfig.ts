import { Type } from '../type.ts';
import { conditions, int32 } from '../schema.ts';
import { defineAimKind } from './define.ts';
import { currentDialect } from './dialect.ts';
import { observedGeneration, routing, storage, type AimObject } from './fields.ts';
import { envVars } from '../core/fields.ts';

/** AIMRuntimeConfig and AIMClusterRuntimeConfig [H]: defaults of services (aim.md 4). */

const spec = Type.Object({
  storage: Type.Optional(storage),
  routing: Type.Optional(routing),
  env: Type.Optional(envVars({ description: 'Variables of the services and of the downloads.' })),
  labelPropagation: Type.Optional(
    Type.Object(
      {
        enabled: Type.Optional(Type.Boolean({ description: 'Whether labels are handed on.', default: false })),
        match: Type.Optional(
          Type.Array(Type.String(), {
            description: 'Labels that are handed on; * stands for anything but a slash: org.example/*.',
          }),
        ),
      },
      { description: 'Labels that objects made for an object get from it.' },
    ),
  ),
  model: Type.Optional(
    Type.Object(
      { autoDiscovery: Type.Optional(Type.Boolean({ description: 'Not used.' })) },
      { description: 'How models are found out about.' },
    ),
  ),
  defaultStorageClassName: Type.Optional(
    Type.String({ description: 'Deprecated: use storage.defaultStorageClassName.' }),
  ),
  pvcHeadroomPercent: Type.Optional(int32({ description: 'Deprecated: use storage.pvcHeadroomPercent.', minimum: 0 })),
});

const status = Type.Object({
  observedGeneration: Type.Optional(observedGeneration()),
  conditions: Type.Optional(conditions()),
});

export type AIMRuntimeConfig = AimObject<typeof spec, typeof status>;
export type AIMClusterRuntimeConfig = AIMRuntimeConfig;

export const AIMRuntimeConfig = defineAimKind<AIMRuntimeConfig>(currentDialect, {
  kind: 'AIMRuntimeConfig',
  plural: 'aimruntimeconfigs',
  shortName: 'aimrc',
  description: 'Defaults of the services of a namespace; they win over those of the cluster.',
  spec,
  status,
});

export const AIMClusterRuntimeConfig = defineAimKind<AIMClusterRuntimeConfig>(currentDialect, {
  kind: 'AIMClusterRuntimeConfig',
  plural: 'aimclusterruntimeconfigs',
  shortName: 'aimclrc',
  description: 'Defaults of the services of all namespaces.',
  namespaced: false,
  spec,
  status,
});
