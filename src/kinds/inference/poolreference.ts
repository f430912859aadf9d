import { Type } from 'typebox';

/** A reference to an InferencePool of the same namespace (epp.md 1.3). */
export function poolReference() {
  return Type.Object({
    group: Type.Optional(Type.String({ default: 'inference.networking.k8s.io', maxLength: 253 })),
    kind: Type.Optional(Type.String({ default: 'InferencePool', minLength: 1, maxLength: 63 })),
    name: Type.String({ minLength: 1, maxLength: 253 }),
  });
}
