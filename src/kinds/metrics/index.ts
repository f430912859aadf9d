import type { Kind } from '../kind.ts';
import { NodeMetrics } from './nodemetrics.ts';
import { PodMetrics } from './podmetrics.ts';

export { NodeMetrics, PodMetrics };

/** The kinds of metrics.k8s.io/v1beta1. */
export const kinds: readonly Kind[] = [NodeMetrics, PodMetrics];
