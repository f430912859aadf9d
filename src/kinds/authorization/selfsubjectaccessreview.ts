import type * as authorization from 'kubernetes-types/authorization/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';

/** Asks what the asker may do (`kubectl auth can-i`); answered, never stored. */
export type SelfSubjectAccessReview = Builtin<authorization.SelfSubjectAccessReview>;

export const SelfSubjectAccessReview = defineBuiltin<SelfSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
  model: 'V1SelfSubjectAccessReview',
  namespaced: false,
  status: false,
  verbs: ['create'],
  columns: [],
});
