import type { Kind } from '../kind.ts';
import { PriorityClass } from './priorityclass.ts';

export { PriorityClass };

/** The kinds of scheduling.k8s.io/v1. */
export const kinds: readonly Kind[] = [PriorityClass];
