import { Type, type Static } from '../../type.ts';
import { int32 } from '../../schema.ts';
import { sourceUri } from '../fields.ts';
import { envVars, quantity } from '../../core/fields.ts';

/** Value types of the kinds of aim.silogen.ai (aim.md 11.1). */

export const legacyGpuSelector = Type.Object(
  {
    count: int32({ description: 'Number of GPUs.', minimum: 1 }),
    model: Type.String({ description: 'Model of the GPUs, such as MI300X.', minLength: 1 }),
    resourceName: Type.Optional(
      Type.String({ description: 'Resource that is requested for the GPUs.', default: 'amd.com/gpu' }),
    ),
  },
  { description: 'GPUs that are needed.' },
);

export type LegacyGpuSelector = Static<typeof legacyGpuSelector>;

export const legacyModelSource = Type.Object({
  name: Type.String({ description: 'Name of the model.', minLength: 1 }),
  sourceUri: sourceUri(),
  size: quantity({ description: 'Size of the weights.' }),
  env: Type.Optional(envVars({ description: 'Variables of the download, such as credentials.' })),
});

export type LegacyModelSource = Static<typeof legacyModelSource>;
