import { expect, it } from 'vitest';
import { sameConditions, setCondition } from '../../src/kube/conditions.ts';

const accepted = {
  type: 'Accepted',
  status: 'True',
  reason: 'Accepted',
  message: 'fine',
  observedGeneration: 1,
} as const;
const first = new Date('2026-01-01T00:00:00.900Z');
const later = new Date('2026-01-01T00:10:00Z');

it('moves lastTransitionTime only when the status changes', () => {
  const before = setCondition([], accepted, first);
  expect(before[0]?.lastTransitionTime).toBe('2026-01-01T00:00:00Z');
  const reworded = setCondition(before, { ...accepted, message: 'still fine', observedGeneration: 2 }, later);
  expect(reworded[0]).toMatchObject({ message: 'still fine', lastTransitionTime: '2026-01-01T00:00:00Z' });
  const failed = setCondition(reworded, { ...accepted, status: 'False' }, later);
  expect(failed[0]?.lastTransitionTime).toBe('2026-01-01T00:10:00Z');
});

it('keeps the conditions of others and their order', () => {
  const foreign = setCondition([], { ...accepted, type: 'Foreign' }, first);
  const both = setCondition(foreign, accepted, first);
  expect(setCondition(both, { ...accepted, type: 'Foreign', status: 'False' }, later).map(({ type }) => type)).toEqual([
    'Foreign',
    'Accepted',
  ]);
});

it('compares everything but the time', () => {
  const a = setCondition([], accepted, first);
  expect(sameConditions(a, setCondition([], accepted, later))).toBe(true);
  expect(sameConditions(a, setCondition([], { ...accepted, observedGeneration: 2 }, first))).toBe(false);
  expect(sameConditions(undefined, [])).toBe(true);
});
