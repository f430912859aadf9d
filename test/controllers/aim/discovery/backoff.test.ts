import { describe, expect, it } from 'vitest';
import {
  countFailure,
  discoverySpecHash,
  discoveryWaitMs,
  remainingWaitMs,
} from '../../../../src/controllers/aim/discovery/backoff.ts';

const now = new Date('2026-01-01T00:10:00Z');
const inputs = {
  modelName: 'm',
  image: 'i:1',
  metric: 'latency',
  precision: 'fp8',
  gpu: { model: 'MI300X', requests: 1 },
};

describe('discovery back-off (aim.md 7.5)', () => {
  it.each([
    [0, 0],
    [1, 60],
    [2, 120],
    [3, 240],
    [6, 1920],
    [7, 3600],
    [1000, 3600],
  ])('after %s failures waits %s s', (attempts, seconds) => {
    expect(discoveryWaitMs(attempts)).toBe(seconds * 1000);
  });

  it.each([
    ['nothing has failed', undefined, 0],
    ['the wait has begun', { attempts: 1, lastAttemptTime: '2026-01-01T00:09:50Z', specHash: 'h' }, 50_000],
    ['the wait is over', { attempts: 1, lastAttemptTime: '2026-01-01T00:09:00Z', specHash: 'h' }, 0],
    ['the spec has changed', { attempts: 5, lastAttemptTime: '2026-01-01T00:09:50Z', specHash: 'other' }, 0],
    ['the time cannot be read', { attempts: 5, lastAttemptTime: 'yesterday', specHash: 'h' }, 0],
  ])('when %s', (_, discovery, remaining) => {
    expect(remainingWaitMs(discovery, 'h', now)).toBe(remaining);
  });

  it('counts a failed job once, and the next one again', () => {
    const failure = { specHash: 'h', failedAt: new Date('2026-01-01T00:09:59Z'), reason: 'JobFailed' };
    const first = countFailure(undefined, failure);
    expect(first).toEqual({
      attempts: 1,
      lastAttemptTime: '2026-01-01T00:09:59Z',
      lastFailureReason: 'JobFailed',
      specHash: 'h',
    });
    expect(countFailure(first, failure)).toBe(first);
    const second = countFailure(first, { ...failure, failedAt: new Date('2026-01-01T00:12:00Z') });
    expect(second.attempts).toBe(2);
    expect(countFailure(second, { ...failure, specHash: 'changed' }).attempts).toBe(1);
  });

  it.each([
    ['modelName', { modelName: 'n' }],
    ['image', { image: 'i:2' }],
    ['metric', { metric: 'throughput' }],
    ['precision', { precision: 'fp16' }],
    ['gpu model', { gpu: { model: 'MI325X', requests: 1 } }],
    ['gpu count', { gpu: { model: 'MI300X', requests: 2 } }],
    ['profileId', { profileId: 'p' }],
  ])('another %s starts afresh', (_, change) => {
    expect(discoverySpecHash({ ...inputs, ...change })).not.toBe(discoverySpecHash(inputs));
    expect(discoverySpecHash(inputs)).toMatch(/^[0-9a-f]{16}$/);
  });
});
