import type { Kind } from '../kind.ts';
import { HorizontalPodAutoscaler } from './horizontalpodautoscaler.ts';

export { HorizontalPodAutoscaler };

/** The kinds of autoscaling/v2. */
export const kinds: readonly Kind[] = [HorizontalPodAutoscaler];
