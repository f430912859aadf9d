import type { Kind } from '../kind.ts';
import { InferenceService } from './inferenceservice.ts';
import { ClusterServingRuntime, ServingRuntime } from './servingruntime.ts';

/** The kinds of serving.kserve.io that the AIM controllers write. */
export const kinds: readonly Kind[] = [InferenceService, ServingRuntime, ClusterServingRuntime];

export { ClusterServingRuntime, InferenceService, ServingRuntime };
