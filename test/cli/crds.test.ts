import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { crds } from '../../src/cli/crds.ts';
import { definitionOf, isCustom } from '../../src/kinds/apiextensions/printed.ts';
import { allKinds } from '../../src/kinds/registry.ts';

const documents = (yaml: string): unknown[] => parseAllDocuments(yaml).map((document) => document.toJS() as unknown);

test('--all prints every kind that has a definition as a document that reads back the same', () => {
  expect(documents(crds({ all: true }))).toEqual(allKinds.filter(isCustom).map(definitionOf));
});

test('by itself it prints no group that another project installs', () => {
  const groups = new Set(documents(crds({})).map((document) => (document as { spec: { group: string } }).spec.group));
  expect([...groups].toSorted()).toEqual([
    'aigateway.envoyproxy.io',
    'aim.eai.amd.com',
    'aim.silogen.ai',
    'airunway.ai',
    'kubeairunway.ai',
  ]);
});

test('--group prints the kinds of that group only', () => {
  const printed = documents(crds({ group: 'inference.networking.k8s.io' }));
  expect(printed).toMatchObject([{ metadata: { name: 'inferencepools.inference.networking.k8s.io' } }]);
});

test('a group that Headgate has no kinds of is a mistake, and the answer names those it has', () => {
  expect(() => crds({ group: 'apps' })).toThrow(
    'Headgate has no kinds of group "apps"; its groups are aigateway.envoyproxy.io, aim.eai.amd.com, aim.silogen.ai,',
  );
});
