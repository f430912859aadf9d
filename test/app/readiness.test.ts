import type { Service } from '../../src/kinds/core/service.ts';
import type { PodStatus } from 'kubernetes-types/core/v1.js';
import { expect, test } from 'vitest';
import { airunway } from '../../src/app/families/airunway.ts';
import { aim } from '../../src/app/families/aim.ts';
import type { Family } from '../../src/app/families/family.ts';
import { defaultSettings } from '../../src/controllers/airunway/settings.ts';
import type { KubeObject } from '../../src/kinds/object.ts';
import { pendingIn, type Cluster } from '../../src/app/readiness.ts';
import type { AIMService } from '../../src/kinds/aim/aimservice.ts';
import type { ModelDeployment } from '../../src/kinds/airunway/modeldeployment.ts';
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

const nothing: Cluster = {
  deployments: [],
  pods: [],
  gateways: [],
  httpRoutes: [],
  declared: [],
  services: [],
};

/** Objects of the first kind that a family declares. */
const of = <T extends KubeObject>({ declared: [first] }: Family, objects: readonly T[]): Cluster['declared'] =>
  first === undefined ? [] : [{ declared: first, objects }];

const pending = (pods: Pod[]) => pendingIn({ ...nothing, deployments: [deployment], pods });

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

test.each<[NonNullable<ModelDeployment['status']>, string]>([
  [{}, 'Pending: waiting for its controller'],
  [{ phase: 'Deploying', message: 'waiting for pods' }, 'Deploying: waiting for pods'],
  [{ phase: 'Failed', message: 'Validation failed: no', observedGeneration: 2 }, 'Failed: Validation failed: no'],
  [{ phase: 'Running', message: 'All are ready', observedGeneration: 1 }, 'Running: All are ready'],
])('a ModelDeployment with status %j is waited for', (status, reason) => {
  const pendingModels = (given: NonNullable<ModelDeployment['status']>) =>
    pendingIn({
      ...nothing,
      declared: of(airunway(defaultSettings), [
        {
          apiVersion: 'kubeairunway.ai/v1alpha1',
          kind: 'ModelDeployment',
          metadata: { name: 'qwen3', namespace: 'default', generation: 2 },
          spec: { model: { id: 'm' } },
          status: given,
        } satisfies ModelDeployment,
      ]),
    });
  expect(pendingModels(status)).toEqual([{ object: 'ModelDeployment default/qwen3', reason }]);
  expect(pendingModels({ phase: 'Running', observedGeneration: 2 })).toEqual([]);
});

test.each<[NonNullable<AIMService['status']>, string]>([
  [{}, 'Pending: waiting for its controller'],
  [
    {
      status: 'Starting',
      observedGeneration: 2,
      conditions: [
        {
          type: 'Ready',
          status: 'False',
          reason: 'Progressing',
          message: 'CacheReady: 1 of 2',
          lastTransitionTime: '2026-01-01T00:00:00Z',
        },
      ],
    },
    'Starting: Progressing: CacheReady: 1 of 2',
  ],
  [{ status: 'Running', observedGeneration: 1 }, 'Running: waiting for its controller'],
  [{ status: 'Running', observedGeneration: 2 }, ''],
])('an AIMService counts as ready when it is Running as it now is: %o', (status, reason) => {
  const service: AIMService = {
    apiVersion: 'aim.eai.amd.com/v1alpha1',
    kind: 'AIMService',
    metadata: { name: 'chat', namespace: 'ml', generation: 2 },
    spec: { model: { image: 'acme/aim-a:1' } },
    status,
  };
  expect(pendingIn({ ...nothing, declared: of(aim, [service]) })).toEqual(
    reason === '' ? [] : [{ object: 'AIMService ml/chat', reason }],
  );
});

test('a Service at whose address another program answers is not ready', () => {
  const service = (status: 'True' | 'False'): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: {},
    status: {
      conditions: [
        {
          type: 'headgate.dev/AddressAvailable',
          status,
          reason: 'PortNotAvailable',
          message: 'cannot listen on 127.10.100.1:8080 (EADDRINUSE): another program answers there',
          lastTransitionTime: '2026-01-01T00:00:00Z',
        },
      ],
    },
  });
  expect(pendingIn({ ...nothing, services: [service('True')] })).toEqual([]);
  expect(pendingIn({ ...nothing, services: [service('False')] })).toEqual([
    {
      object: 'Service default/web',
      reason: 'cannot listen on 127.10.100.1:8080 (EADDRINUSE): another program answers there',
    },
  ]);
});
