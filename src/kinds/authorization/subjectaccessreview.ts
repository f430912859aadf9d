import type * as authorization from 'kubernetes-types/authorization/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';

/** Asks what somebody may do; answered, never stored. */
export type SubjectAccessReview = Builtin<authorization.SubjectAccessReview>;

export const SubjectAccessReview = defineBuiltin<SubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  model: 'V1SubjectAccessReview',
  namespaced: false,
  status: false,
  verbs: ['create'],
  columns: [],
});
