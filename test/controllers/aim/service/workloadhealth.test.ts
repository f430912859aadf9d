import { describe, expect, it } from 'vitest';
import {
  failureInLog,
  httpRouteHealth,
  imagePullFailure,
  jobHealth,
  podsHealth,
  pvcHealth,
} from '../../../../src/controllers/aim/service/workloadhealth.ts';
import type { Job } from '../../../../src/kinds/batch/job.ts';
import type { Event } from '../../../../src/kinds/core/event.ts';
import type { PersistentVolumeClaim } from '../../../../src/kinds/core/persistentvolumeclaim.ts';
import type { Pod } from '../../../../src/kinds/core/pod.ts';
import type { HTTPRoute } from '../../../../src/kinds/gateway/httproute.ts';

const metadata = { name: 'x', namespace: 'n', uid: 'u' };
const pod = (status: Pod['status']): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata,
  spec: { containers: [] },
  ...(status && { status }),
});
const ready = { type: 'Ready', status: 'True' } as const;
const container = (state: object) => [{ name: 'c', image: 'i', imageID: '', ready: false, restartCount: 0, state }];
const verdict = (health: ReturnType<typeof podsHealth>): [string, string] => {
  const [failure] = health.failures ?? [];
  return [health.state ?? failure?.category ?? '', health.reason ?? failure?.reason ?? ''];
};

describe('pods (aim.md 3.6)', () => {
  const waiting = (reason: string, message: string) => ({
    phase: 'Pending',
    containerStatuses: container({ waiting: { reason, message } }),
  });
  it.each<[string, Pod[], string, string]>([
    ['none', [], 'MissingDownstream', 'NoPods'],
    ['one that is ready', [pod({ phase: 'Running', conditions: [ready] })], 'Ready', 'PodsReady'],
    ['one that has succeeded', [pod({ phase: 'Succeeded' })], 'Ready', 'PodsReady'],
    ['one that runs', [pod({ phase: 'Running' })], 'Starting', 'PodsStarting'],
    ['one that waits', [pod({ phase: 'Pending' })], 'Pending', 'PodsPending'],
    ['no right to the image', [pod(waiting('ErrImagePull', '401 Unauthorized'))], 'Auth', 'ImagePullAuthFailure'],
    ['no such image', [pod(waiting('ImagePullBackOff', 'manifest unknown'))], 'MissingUpstream', 'ImageNotFound'],
    [
      'an image that does not come',
      [pod(waiting('ImagePullBackOff', 'i/o timeout'))],
      'Infrastructure',
      'ImagePullBackOff',
    ],
    [
      'a Secret that is missing',
      [pod(waiting('CreateContainerConfigError', 'secret "creds" not found'))],
      'Pending',
      'CreateContainerConfigError',
    ],
    [
      'an image that the node has no program for',
      [pod(waiting('ImageNotInCatalog', 'map it'))],
      'InvalidSpec',
      'ImageNotInCatalog',
    ],
    [
      'a command that the node cannot run, given up',
      [
        pod({
          phase: 'Failed',
          containerStatuses: container({ terminated: { exitCode: 128, reason: 'UnsupportedCommand', message: 'no' } }),
        }),
      ],
      'InvalidSpec',
      'UnsupportedCommand',
    ],
    [
      'out of memory',
      [pod({ phase: 'Failed', containerStatuses: container({ terminated: { exitCode: 137, reason: 'OOMKilled' } }) })],
      'ResourceExhaustion',
      'PodOOMKilled',
    ],
    ['evicted', [pod({ phase: 'Failed', reason: 'Evicted' })], 'Infrastructure', 'PodEvicted'],
    ['too slow', [pod({ phase: 'Failed', reason: 'DeadlineExceeded' })], 'InvalidSpec', 'DeadlineExceeded'],
    ['failed', [pod({ phase: 'Failed' })], 'InvalidSpec', 'PodFailed'],
    [
      'a new one beside a failed one',
      [pod({ phase: 'Failed' }), pod({ phase: 'Running', conditions: [ready] })],
      'Ready',
      'PodsReady',
    ],
  ])('%s', (_, pods, state, reason) => {
    expect(verdict(podsHealth(pods))).toEqual([state, reason]);
  });

  it('tells why a pod is pending by its newest event', () => {
    const event = (reason: string, lastTimestamp: string): Event => ({
      apiVersion: 'v1',
      kind: 'Event',
      metadata,
      involvedObject: { uid: 'u' },
      reason,
      message: reason,
      lastTimestamp,
    });
    const pods = [pod({ phase: 'Pending' })];
    const scheduling = event('FailedScheduling', '2026-01-01T00:00:00Z');
    const pulling = event('Pulling', '2026-01-01T00:01:00Z');
    expect(verdict(podsHealth(pods, { events: [scheduling] }))).toEqual(['Pending', 'FailedScheduling']);
    expect(verdict(podsHealth(pods, { events: [scheduling, pulling] }))).toEqual(['Progressing', 'Pulling']);
  });

  it.each([
    ['curl: connection refused', 'Infrastructure'],
    ['404 Client Error: not found', 'InvalidSpec'],
    ['403 Forbidden: gated repo', 'Auth'],
    ['OSError: No space left on device', 'ResourceExhaustion'],
    ['all went well', undefined],
    [`403 Forbidden\n${'line\n'.repeat(60)}`, undefined],
  ])('reads the end of a log: %j', (log, category) => {
    expect(failureInLog(log)?.category).toBe(category);
  });

  it('finds the words in any case', () => {
    expect(imagePullFailure('Access Denied').category).toBe('Auth');
  });
});

describe('jobs', () => {
  const job = (type?: string, reason?: string): Job => ({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata,
    spec: { template: {} },
    ...(type === undefined ? {} : { status: { conditions: [{ type, status: 'True', ...(reason && { reason }) }] } }),
  });
  it.each([
    [job(), 'Progressing', 'JobRunning'],
    [job('Complete'), 'Ready', 'JobComplete'],
    [job('Failed', 'BackoffLimitExceeded'), 'InvalidSpec', 'JobBackoffLimitExceeded'],
    [job('Failed', 'DeadlineExceeded'), 'InvalidSpec', 'DeadlineExceeded'],
    [job('Failed', 'Evicted'), 'Infrastructure', 'Evicted'],
    [job('Failed'), 'InvalidSpec', 'JobFailed'],
  ])('%#', (object, state, reason) => {
    expect(verdict(jobHealth(object))).toEqual([state, reason]);
  });
});

describe('claims', () => {
  const claim = (phase?: string): PersistentVolumeClaim => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata,
    spec: {},
    ...(phase === undefined ? {} : { status: { phase } }),
  });
  it.each([
    [claim('Bound'), 'Ready', 'PvcBound'],
    [claim('Lost'), 'Infrastructure', 'PvcLost'],
    [claim('Pending'), 'Progressing', 'PvcPending'],
    [claim(), 'Progressing', 'PvcPending'],
  ])('%#', (object, state, reason) => {
    expect(verdict(pvcHealth(object))).toEqual([state, reason]);
  });
});

describe('routes', () => {
  const said = (type: string, status: 'True' | 'False', reason: string) => ({
    type,
    status,
    reason,
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  });
  const route = (...parents: ReturnType<typeof said>[][]): HTTPRoute => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata,
    spec: {},
    status: { parents: parents.map((conditions) => ({ parentRef: { name: 'g' }, controllerName: 'c', conditions })) },
  });
  it.each([
    [route(), 'Progressing', 'HTTPRoutePending'],
    [route([said('Accepted', 'True', 'Accepted')]), 'Ready', 'HTTPRouteAccepted'],
    [route([said('Accepted', 'False', 'NoMatchingParent')]), 'InvalidSpec', 'NoMatchingParent'],
    [
      route([said('Accepted', 'True', 'Accepted'), said('ResolvedRefs', 'False', 'BackendNotFound')]),
      'Ready',
      'HTTPRouteAccepted',
    ],
    [
      route([said('ResolvedRefs', 'False', 'BackendNotFound'), said('Accepted', 'True', 'Accepted')]),
      'MissingDownstream',
      'BackendNotFound',
    ],
    [route([], [said('Accepted', 'True', 'Accepted')]), 'Ready', 'HTTPRouteAccepted'],
  ])('%#', (object, state, reason) => {
    expect(verdict(httpRouteHealth(object))).toEqual([state, reason]);
  });
});
