/** How many replicas a service has and should have (aim.md 5.2). */
export interface Replicas {
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly currentReplicas: number;
  readonly desiredReplicas: number;
}

/** `3`, or `2/4 (1-5)`: current, desired and the bounds of autoscaling. */
export function displayReplicas({ minReplicas, maxReplicas, currentReplicas, desiredReplicas }: Replicas): string {
  if (minReplicas === maxReplicas) return String(currentReplicas);
  return `${currentReplicas}/${desiredReplicas} (${minReplicas}-${maxReplicas})`;
}
