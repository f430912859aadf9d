import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../src/kinds/core/pod.ts';
import { podProblem } from '../../../src/controllers/airunway/podproblem.ts';

type Statuses = NonNullable<NonNullable<Pod['status']>['containerStatuses']>;
type State = NonNullable<Statuses[number]['state']>;

const container = (state: State): Statuses[number] => ({
  name: 'c',
  image: 'i',
  imageID: '',
  ready: false,
  restartCount: 0,
  state,
});
const pod = (status: NonNullable<Pod['status']>): Pick<Pod, 'metadata' | 'status'> => ({
  metadata: { name: 'p' },
  status,
});

describe('why a deployment waits, by its pods', () => {
  it.each<[string, NonNullable<Pod['status']>, string | undefined]>([
    ['nothing is known yet', {}, undefined],
    ['it is on its way', { containerStatuses: [container({ waiting: { reason: 'ContainerCreating' } })] }, undefined],
    ['it runs', { containerStatuses: [container({ running: {} })] }, undefined],
    ['it has ended well', { containerStatuses: [container({ terminated: { exitCode: 0 } })] }, undefined],
    [
      'the image is unknown',
      { containerStatuses: [container({ waiting: { reason: 'ImageNotInCatalog', message: 'no such image' } })] },
      'pod p: ImageNotInCatalog: no such image',
    ],
    [
      'a Secret is missing',
      {
        containerStatuses: [
          container({ waiting: { reason: 'CreateContainerConfigError', message: 'secret "hf-token" not found' } }),
        ],
      },
      'pod p: CreateContainerConfigError: secret "hf-token" not found',
    ],
    [
      'it fails at the start',
      { initContainerStatuses: [container({ terminated: { exitCode: 3 } })] },
      'pod p: Error: exit code 3',
    ],
    [
      'it fails again and again',
      { containerStatuses: [container({ waiting: { reason: 'CrashLoopBackOff' } })] },
      'pod p: CrashLoopBackOff',
    ],
    [
      'no node takes it',
      { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: 'no GPU' }] },
      'pod p: Unschedulable: no GPU',
    ],
  ])('%s', (_, status, expected) => {
    expect(podProblem([pod({}), pod(status)])).toBe(expected);
  });

  it('pods that are going say nothing', () => {
    const status = { containerStatuses: [container({ waiting: { reason: 'CrashLoopBackOff' } })] };
    const going = { metadata: { name: 'p', deletionTimestamp: '2026-01-01T00:00:00Z' }, status };
    expect(podProblem([going])).toBeUndefined();
  });
});
