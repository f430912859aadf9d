import type { Kind } from '../kind.ts';
import { Lease } from './lease.ts';

export { Lease };

/** The kinds of coordination.k8s.io/v1. */
export const kinds: readonly Kind[] = [Lease];
