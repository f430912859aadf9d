import { describe, expect, it } from 'vitest';
import { readSizeOutput } from '../../../../src/controllers/aim/caches/artifactjobs.ts';
import { claimHealth, claimSize, displaySize } from '../../../../src/controllers/aim/caches/claims.ts';
import type { PersistentVolumeClaim } from '../../../../src/kinds/core/persistentvolumeclaim.ts';
import { parseQuantity } from '../../../../src/kinds/quantity.ts';
import { standardClass } from '../../../../src/local/persistentvolumeplan.ts';

// Golden vectors of aim.md 16.4: bytes, then the size with 10, 0 and 25 percent of headroom.
it.each([
  ['9094593249', '10Gi', '9Gi', '11Gi'],
  ['512Mi', '1Gi', '1Gi', '1Gi'],
  ['1Gi', '2Gi', '1Gi', '2Gi'],
  ['40Gi', '44Gi', '40Gi', '50Gi'],
  ['65000000000', '67Gi', '61Gi', '76Gi'],
  ['0', '1Gi', '1Gi', '1Gi'],
])('asks for whole GiB with headroom for %s', (size, ten, none, quarter) => {
  const bytes = parseQuantity(size) ?? NaN;
  expect([claimSize(bytes, 10), claimSize(bytes, 0), claimSize(bytes, 25)]).toEqual([ten, none, quarter]);
});

it.each([
  [512 * 1024 ** 2, '512 MiB'],
  [1.5 * 1024 ** 3, '1.5 GiB'],
  [42.5 * 1024 ** 3, '42.5 GiB'],
  [150 * 1024 ** 3, '150 GiB'],
  [1024, '1 KiB'],
  [3, '3 B'],
])('shows %d bytes as %s', (bytes, text) => {
  expect(displaySize(bytes)).toBe(text);
});

describe('the output of the job that measures weights', () => {
  it('is the last line', () => {
    expect(readSizeOutput('looking\n{"url":"hf://a/b","sizeBytes":12}\n')).toEqual({ sizeBytes: 12 });
    expect(readSizeOutput(`{"sizeBytes":${2 ** 50}}`)).toEqual({ sizeBytes: 2 ** 50 });
  });
  it.each([
    ['', 'no JSON'],
    ['Traceback', 'no JSON'],
    ['{"sizeBytes":1}\nbye', 'no JSON'],
    ['[]', 'whole number'],
    ['null', 'whole number'],
    ['{"sizeBytes":"12"}', 'whole number'],
    ['{"sizeBytes":1.5}', 'whole number'],
    ['{"sizeBytes":0}', '2^50'],
    ['{"sizeBytes":-1}', '2^50'],
    [`{"sizeBytes":${2 ** 50 + 1}}`, '2^50'],
  ])('is refused when it is %j', (log, problem) => {
    expect(readSizeOutput(log)).toEqual({ problem: expect.stringContaining(problem) as unknown });
  });
});

describe('a claim that waits', () => {
  const claim = (storageClassName?: string): PersistentVolumeClaim => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'c' },
    spec: storageClassName === undefined ? {} : { storageClassName },
    status: { phase: 'Pending' },
  });
  const late = { ...standardClass, metadata: { name: 'late' }, volumeBindingMode: 'WaitForFirstConsumer' };

  it.each([
    ['whose class is not there', claim('fast'), [standardClass], 'there is no StorageClass fast: create it'],
    ['without a class or a default', claim(), [late], 'no default StorageClass'],
    ['without a class', claim(), [standardClass], 'see the events'],
    ['whose class binds late', claim('late'), [late], 'when the first pod mounts it'],
    ['whose class should bind it', claim('standard'), [standardClass], 'ReadWriteMany'],
  ])('says what to do: one %s', (_, pending, classes, message) => {
    expect(claimHealth(pending, classes)).toMatchObject({ state: 'Progressing', reason: 'PvcPending' });
    expect(claimHealth(pending, classes).message).toContain(message);
  });
});
