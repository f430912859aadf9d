import { describe, expect, it } from 'vitest';
import { failureOf, invalidSpec, missingUpstream, type Failure } from '../../../src/controllers/aim/failures.ts';
import { assess, type Component, type Findings } from '../../../src/controllers/aim/health.ts';
import { transitionEvents } from '../../../src/controllers/aim/transitions.ts';
import type { Condition } from '../../../src/kinds/object.ts';
import { KubeError } from '../../../src/kube/client.ts';
import { HTTPRoute } from '../../../src/kinds/gateway/httproute.ts';

const now = new Date('2026-01-01T00:01:00Z');
const secondsAgo = (seconds: number): string =>
  `${new Date(now.getTime() - seconds * 1000).toISOString().slice(0, 19)}Z`;
const ready = (name: string): Component => ({ name, state: 'Ready', reason: 'Fine', message: 'fine' });
const infrastructure: Failure = { category: 'Infrastructure', reason: 'Timeout', message: 'no answer' };
const auth: Failure = { category: 'Auth', reason: 'Forbidden', message: 'not allowed' };
const was = (type: string, status: 'True' | 'False', reason: string, seconds = 3600): Condition => ({
  type,
  status,
  reason,
  message: '',
  lastTransitionTime: secondsAgo(seconds),
});
const assessed = (components: Component[], previous: Condition[] = [], more: Partial<Findings> = {}) =>
  assess({ components, ...more }, previous, now);
const typesOf = (conditions: readonly Condition[]): string[] => conditions.map(({ type }) => type);

describe('the root status (aim.md 3.5)', () => {
  it.each<[string, Component[], string, string]>([
    ['all ready', [ready('A'), ready('B')], 'Ready', 'AllComponentsReady'],
    ['nothing to report', [], 'Ready', 'AllComponentsReady'],
    ['one in progress', [ready('A'), { name: 'B', state: 'Progressing' }], 'Progressing', 'Progressing'],
    ['one starting', [{ name: 'B', state: 'Starting' }], 'Progressing', 'Progressing'],
    ['upstream in progress', [{ name: 'B', state: 'Progressing', dependency: 'Upstream' }], 'Pending', 'Progressing'],
    [
      'one pending',
      [
        { name: 'B', state: 'Pending' },
        { name: 'C', state: 'Progressing' },
      ],
      'Pending',
      'Progressing',
    ],
    ['one degraded', [{ name: 'B', state: 'Degraded', reason: 'Odd' }], 'Degraded', 'Odd'],
    ['hardware missing', [{ name: 'B', state: 'NotAvailable', reason: 'NoGPU' }], 'NotAvailable', 'NoGPU'],
    [
      'the worst of two',
      [
        { name: 'B', state: 'Degraded' },
        { name: 'C', state: 'Failed', reason: 'Bad' },
      ],
      'Failed',
      'Bad',
    ],
    [
      'a failed login first',
      [
        { name: 'B', failures: [invalidSpec('Bad', 'bad')] },
        { name: 'C', failures: [auth] },
      ],
      'Failed',
      'AuthError',
    ],
    ['a bad specification', [{ name: 'B', failures: [invalidSpec('Bad', 'bad')] }], 'Failed', 'InvalidSpec'],
    ['a reference to nothing', [{ name: 'B', failures: [missingUpstream('gone')] }], 'Failed', 'ReferenceNotFound'],
    ['dependencies that do not answer', [{ name: 'B', failures: [infrastructure] }], 'Degraded', 'InfrastructureError'],
    [
      'an error of no category',
      [{ name: 'B', failures: [failureOf(new Error('what'))] }],
      'Degraded',
      'InfrastructureError',
    ],
    [
      'something of ours that is not there yet',
      [{ name: 'B', failures: [failureOf(new KubeError(404, 'NotFound', 'no'))] }],
      'Progressing',
      'Progressing',
    ],
    [
      'out of space',
      [{ name: 'B', failures: [{ category: 'ResourceExhaustion', reason: 'StorageFull', message: 'full' }] }],
      'Failed',
      'StorageFull',
    ],
  ])('%s', (_, components, state, reason) => {
    const { conditions, state: found } = assessed(components);
    expect(found).toBe(state);
    expect(conditions.find(({ type }) => type === 'Ready')?.reason).toBe(reason);
  });

  it('is degraded while children cannot be written, though all is well', () => {
    const { conditions, state, retry } = assessed([{ name: 'A', state: 'Progressing' }], [], {
      failedWrites: [
        {
          child: { kind: HTTPRoute, ref: { namespace: 'a', name: 'b' } },
          action: 'apply',
          error: new Error('refused'),
        },
      ],
    });
    expect(state).toBe('Degraded');
    expect(retry).toBe('failed to apply HTTPRoute a/b: refused');
    expect(conditions).toContainEqual(expect.objectContaining({ type: 'DependenciesReachable', status: 'False' }));
  });

  it('counts conditions of the kind that end in Ready, and no others', () => {
    const extra = (type: string) => [{ type, status: 'False' as const, reason: 'No', message: '' }];
    expect(assessed([ready('A')], [], { extra: extra('Discovered') }).state).toBe('Ready');
    expect(assessed([ready('A')], [], { extra: extra('ExtraReady') }).state).toBe('Progressing');
  });
});

describe('conditions', () => {
  it('go with their components, unless those could not be looked at (trap 2)', () => {
    const previous = [was('RouteReady', 'False', 'Waiting'), was('HPAReady', 'False', 'Waiting')];
    expect(typesOf(assessed([ready('A')], previous).conditions)).toEqual(['AReady', 'Ready']);
    expect(assessed([ready('A')], previous).state).toBe('Ready');
    const kept = assessed([ready('A')], previous, { skipped: ['HPA'] });
    expect(typesOf(kept.conditions)).toEqual(['AReady', 'HPAReady', 'Ready']);
    expect(kept.state).toBe('Progressing');
  });

  it('keep their time while status and reason stay, and only then', () => {
    const previous = [was('AReady', 'True', 'Fine'), was('BReady', 'False', 'Old')];
    const { conditions } = assessed([ready('A'), { name: 'B', state: 'Progressing', reason: 'New' }], previous);
    expect(conditions[0]?.lastTransitionTime).toBe(secondsAgo(3600));
    expect(conditions[1]?.lastTransitionTime).toBe(secondsAgo(0));
  });

  it('are the same in a second look: nothing is written twice (trap 1)', () => {
    const components = [ready('A'), { name: 'B', failures: [invalidSpec('Bad', 'bad')] }];
    const first = assessed(components);
    const later = assess({ components }, first.conditions, new Date(now.getTime() + 60_000));
    expect(later.conditions).toEqual(first.conditions);
    expect(transitionEvents(first.conditions, later.conditions, later.alarms)).toEqual([]);
  });

  it('never carry a generation', () => {
    expect(assessed([ready('A')]).conditions.every((condition) => !('observedGeneration' in condition))).toBe(true);
  });

  it('tell the good side of dependencies only to those who were told the bad one', () => {
    expect(typesOf(assessed([ready('A')]).conditions)).toEqual(['AReady', 'Ready']);
    const previous = [
      was('DependenciesReachable', 'False', 'InfrastructureError'),
      was('ConfigValid', 'False', 'InvalidSpec'),
    ];
    expect(assessed([ready('A')], previous).conditions).toMatchObject([
      { type: 'AReady' },
      { type: 'DependenciesReachable', status: 'True', reason: 'Reachable' },
      { type: 'ConfigValid', status: 'True', reason: 'ConfigurationValid' },
      { type: 'Ready' },
    ]);
  });

  it('stay good for ten seconds when dependencies do not answer', () => {
    const component = { name: 'A', failures: [infrastructure] };
    const good = was('AReady', 'True', 'Fine');
    const unreachable = (seconds: number) => was('DependenciesReachable', 'False', 'InfrastructureError', seconds);
    expect(assessed([component], [good]).conditions[0]).toMatchObject({ status: 'True', reason: 'Timeout' });
    expect(assessed([component], [good, unreachable(9)]).conditions[0]?.status).toBe('True');
    expect(assessed([component], [good, unreachable(11)]).conditions[0]?.status).toBe('False');
    expect(assessed([component], [good]).retry).toBe('no answer');
  });
});

describe('events (aim.md 3.7)', () => {
  it('warn once of each component in an error state', () => {
    const { conditions, alarms } = assessed([
      ready('A'),
      { name: 'B', state: 'Failed', reason: 'Bad', message: 'so bad' },
    ]);
    expect(transitionEvents([], conditions, alarms)).toEqual([{ type: 'Warning', reason: 'Bad', message: 'so bad' }]);
    expect(transitionEvents(conditions, conditions, alarms)).toEqual([]);
  });

  it('tell when an object becomes ready, and when it is no longer', () => {
    const good = assessed([ready('A')]);
    const waiting = assessed([{ name: 'A', state: 'Progressing', message: 'wait' }]);
    expect(transitionEvents(waiting.conditions, good.conditions, [])).toMatchObject([
      { type: 'Normal', reason: 'AllComponentsReady' },
    ]);
    expect(transitionEvents(good.conditions, waiting.conditions, [])).toMatchObject([
      { type: 'Normal', reason: 'Progressing' },
    ]);
    expect(transitionEvents([], waiting.conditions, [])).toEqual([]);
  });
});

describe('errors', () => {
  it.each([
    [new KubeError(401, 'Unauthorized', ''), 'Auth', 'Unauthorized'],
    [new KubeError(403, 'Forbidden', ''), 'Auth', 'Forbidden'],
    [new KubeError(404, 'NotFound', ''), 'MissingDownstream', 'NotFound'],
    [new KubeError(409, 'Conflict', ''), 'Infrastructure', 'Conflict'],
    [new KubeError(409, 'AlreadyExists', ''), 'InvalidSpec', 'AlreadyExists'],
    [new KubeError(422, 'Invalid', ''), 'InvalidSpec', 'Invalid'],
    [new KubeError(429, 'TooManyRequests', ''), 'Infrastructure', 'RateLimited'],
    [new KubeError(503, 'ServiceUnavailable', ''), 'Infrastructure', 'ServiceUnavailable'],
    [new KubeError(500, 'InternalError', ''), 'Infrastructure', 'ServerError'],
    [new KubeError(504, 'Timeout', ''), 'Infrastructure', 'Timeout'],
    [new KubeError(418, 'Teapot', ''), 'InvalidSpec', 'ClientError'],
    [Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), 'Infrastructure', 'ConnectionRefused'],
    [
      new Error('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ENOTFOUND' }) }),
      'Infrastructure',
      'DNSFailure',
    ],
    [new DOMException('late', 'TimeoutError'), 'Infrastructure', 'NetworkTimeout'],
    ['text', 'Unknown', 'UnknownError'],
  ])('%s', (error, category, reason) => {
    expect(failureOf(error)).toMatchObject({ category, reason });
  });
});
