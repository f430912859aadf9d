import { Type } from '../type.ts';
import { group, kind, objectName } from '../gateway/fields.ts';

/** A reference to an InferencePool of the same namespace (epp.md 1.3). */
export function poolReference() {
  return Type.Object({
    group: Type.Optional(group({ default: 'inference.networking.k8s.io' })),
    kind: Type.Optional(kind({ default: 'InferencePool' })),
    name: objectName(),
  });
}
