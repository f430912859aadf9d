import type { Kind } from '../kind.ts';
import { ScaledObject } from './scaledobject.ts';

export { ScaledObject };

/** The kinds of keda.sh that the embedded node knows. */
export const kinds: readonly Kind[] = [ScaledObject];
