import type { PodStatus } from 'kubernetes-types/core/v1.js';
import { expect, test } from 'vitest';
import { pendingIn } from '../../src/app/readiness.ts';
import type { Deployment } from '../../src/kinds/apps/deployment.ts';
import type { Pod } from '../../src/kinds/core/pod.ts';

const deployment: Deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default', generation: 1 },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main' }] } },
  },
  status: { observedGeneration: 1, availableReplicas: 2, updatedReplicas: 2 },
};

function pod(name: string, ready: boolean, status: PodStatus = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: 'web' } },
    spec: { containers: [{ name: 'main' }] },
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }], ...status },
  };
}

const pending = (pods: Pod[]) =>
  pendingIn({ deployments: [deployment], pods, gateways: [], httpRoutes: [], aiGatewayRoutes: [] });

test('a Deployment is ready when its status and its Pods say so', () => {
  expect(pending([pod('a', true), pod('b', true)])).toEqual([]);
});

test('a status left by an earlier run counts for nothing while the Pods are not ready', () => {
  const waiting = {
    containerStatuses: [{ name: 'main', state: { waiting: { reason: 'ImageNotInCatalog', message: 'map it' } } }],
  };
  const [first, ...rest] = pending([pod('a', true), pod('b', false, waiting as PodStatus)]);
  expect(first).toEqual({
    object: 'Deployment default/web',
    reason: '1 of 2 replicas available (ImageNotInCatalog: map it)',
  });
  expect(rest).toEqual([]);
});
