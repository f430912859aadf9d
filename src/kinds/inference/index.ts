import type { Kind } from '../kind.ts';
import { InferenceModelRewrite } from './inferencemodelrewrite.ts';
import { InferenceObjective } from './inferenceobjective.ts';
import { InferencePool } from './inferencepool.ts';
import { XInferencePool } from './xinferencepool.ts';

/** The kinds of inference.networking.k8s.io and inference.networking.x-k8s.io. */
export const kinds: readonly Kind[] = [InferencePool, XInferencePool, InferenceObjective, InferenceModelRewrite];

export { InferenceModelRewrite, InferenceObjective, InferencePool, XInferencePool };
