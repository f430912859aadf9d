import { expect, test } from 'vitest';
import { aimServiceAdmission } from '../../src/kinds/aim/servicename.ts';
import type { KubeObject } from '../../src/kinds/object.ts';

const admission = aimServiceAdmission<KubeObject>();
const named = (name: string): KubeObject => ({
  apiVersion: 'aim.eai.amd.com/v1alpha1',
  kind: 'AIMService',
  metadata: { name },
});

test.each([
  ['3b-chat', false],
  ['8b.chat', false],
  ['chat', true],
  ['llama-3.1-8b', true],
  ['a'.repeat(200), true],
])('an AIMService named %s can have Services: %s', (name, fits) => {
  expect(admission.review(named(name), undefined).errors).toHaveLength(fits ? 0 : 1);
});

test('one that is there already can be changed', () => {
  expect(admission.review(named('3b-chat'), named('3b-chat')).errors).toEqual([]);
});
