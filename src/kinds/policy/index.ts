import type { Kind } from '../kind.ts';
import { PodDisruptionBudget } from './poddisruptionbudget.ts';

export { PodDisruptionBudget };

/** The kinds of policy/v1. */
export const kinds: readonly Kind[] = [PodDisruptionBudget];
