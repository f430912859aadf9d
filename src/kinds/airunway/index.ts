import type { Kind } from '../kind.ts';
import { AirunwayInferenceProviderConfig, InferenceProviderConfig } from './inferenceproviderconfig.ts';
import { AirunwayModelDeployment, ModelDeployment } from './modeldeployment.ts';

export const kinds: readonly Kind[] = [
  ModelDeployment,
  InferenceProviderConfig,
  AirunwayModelDeployment,
  AirunwayInferenceProviderConfig,
];
