import type { Kind } from '../kind.ts';
import { StorageClass } from './storageclass.ts';

/** The kinds of storage.k8s.io. */
export const kinds: readonly Kind[] = [StorageClass];

export { StorageClass };
