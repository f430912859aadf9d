import type { InferenceModelRewrite } from '../kinds/inference/inferencemodelrewrite.ts';
import type { InferenceObjective } from '../kinds/inference/inferenceobjective.ts';
import type { PickerEndpoint } from '../picker/request.ts';

/** Where a picker learns of its pool: a Kubernetes API or a file. */
export interface PoolSource {
  /** The pool is known; false again when it is deleted (epp.md 4.2, 4.6). */
  synced(): boolean;
  close(): Promise<void>;
}

export interface PoolListener {
  endpoints(endpoints: readonly PickerEndpoint[]): void;
  objects(objectives: readonly InferenceObjective[], rewrites: readonly InferenceModelRewrite[]): void;
}
