import type { Kind } from '../kind.ts';
import { RuntimeClass } from './runtimeclass.ts';

export { RuntimeClass };

/** The kinds of node.k8s.io/v1. */
export const kinds: readonly Kind[] = [RuntimeClass];
