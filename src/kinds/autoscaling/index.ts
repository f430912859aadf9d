import type { Kind } from '../kind.ts';
import { HorizontalPodAutoscaler } from './horizontalpodautoscaler.ts';

export { HorizontalPodAutoscaler };

/** The kinds of autoscaling: v2, and v1 as a view of it. */
export const kinds: readonly Kind[] = [HorizontalPodAutoscaler];
