import type { NodeMetrics } from '../kinds/metrics/nodemetrics.ts';
import type { PodMetrics } from '../kinds/metrics/podmetrics.ts';

/** What `kubectl top` shows; the embedded node measures it. */
export interface MetricsSource {
  nodes(): Promise<NodeMetrics[]>;
  pods(namespace: string | undefined): Promise<PodMetrics[]>;
}
