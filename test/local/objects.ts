import type { Container, PodSpec, PodStatus } from 'kubernetes-types/core/v1.js';
import type { Pod } from '../../src/kinds/core/pod.ts';

/** Objects for tests, as an API server would give them back. */
export function pod(
  name: string,
  options: { spec?: Partial<PodSpec>; status?: PodStatus; metadata?: Partial<Pod['metadata']> } = {},
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...options.metadata,
    },
    spec: { containers: [{ name: 'main', image: 'example.com/app' }], ...options.spec },
    ...(options.status === undefined ? {} : { status: options.status }),
  };
}

export function container(fields: Partial<Container> = {}): Container {
  return { name: 'main', image: 'example.com/app', ...fields };
}

export function readyStatus(since: string, podIP = '127.10.0.2'): PodStatus {
  return { phase: 'Running', podIP, conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: since }] };
}
