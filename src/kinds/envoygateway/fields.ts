import { Type } from '../type.ts';
import type { PrinterColumn } from '../kind.ts';
import { group, kind, objectName, sectionName } from '../gateway/fields.ts';
import { freeForm, int32 } from '../schema.ts';

/** Field types that Envoy Gateway's policies share. */

export const apiGroup = 'gateway.envoyproxy.io';

const targetRef = Type.Object({
  group: group(),
  kind: kind(),
  name: objectName(),
  sectionName: Type.Optional(sectionName()),
});

/** How a policy says what it applies to: one reference, several, or a label selector. */
export const policyTargets = {
  targetRef: Type.Optional(targetRef),
  targetRefs: Type.Optional(Type.Array(targetRef, { maxItems: 16 })),
  targetSelectors: Type.Optional(Type.Array(freeForm())),
};

export const policyColumns: readonly PrinterColumn[] = [
  {
    name: 'Accepted',
    type: 'string',
    jsonPath: '.status.ancestors[0].conditions[?(@.type=="Accepted")].reason',
  },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

export function targetKindRule(kinds: readonly string[], message: string) {
  const list = kinds.map((k) => `'${k}'`).join(', ');
  return [
    { rule: `has(self.targetRef) ? self.targetRef.kind in [${list}] : true`, message },
    { rule: `has(self.targetRefs) ? self.targetRefs.all(ref, ref.kind in [${list}]) : true`, message },
  ];
}

export const anyTargetRule = {
  rule: '(has(self.targetRef) && !has(self.targetRefs)) || (!has(self.targetRef) && has(self.targetRefs)) || (has(self.targetSelectors) && self.targetSelectors.size() > 0)',
  message: 'either targetRef or targetRefs must be used',
};

export const port = () => int32({ minimum: 0, maximum: 65535 });
