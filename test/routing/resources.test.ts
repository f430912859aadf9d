import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Pod } from '../../src/kinds/core/pod.ts';
import { matchesLabels } from '../../src/kinds/labels.ts';
import { noResources } from '../../src/routing/resources.ts';
import { lookupOf } from '../../src/routing/lookup.ts';

const labels = fc.dictionary(fc.constantFrom('app', 'tier', 'zone'), fc.constantFrom('a', 'b'), { maxKeys: 3 });
const pod = fc.record({ namespace: fc.constantFrom('one', 'two'), labels }).map((metadata, name = ''): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...metadata },
  spec: { containers: [] },
}));

it('finds the Pods that a selector selects, and no others', () => {
  fc.assert(
    fc.property(fc.array(pod, { maxLength: 30 }), labels, (pods, matchLabels) => {
      const selected = pods.filter(
        ({ metadata }) => metadata.namespace === 'one' && matchesLabels({ matchLabels }, metadata.labels),
      );
      expect(new Set(lookupOf({ ...noResources, pods }).podsWith('one', matchLabels))).toEqual(new Set(selected));
    }),
  );
});
