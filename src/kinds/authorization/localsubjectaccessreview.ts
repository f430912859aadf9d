import type * as authorization from 'kubernetes-types/authorization/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';

/** Asks what somebody may do in one namespace; answered, never stored. */
export type LocalSubjectAccessReview = Builtin<authorization.LocalSubjectAccessReview>;

export const LocalSubjectAccessReview = defineBuiltin<LocalSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'LocalSubjectAccessReview',
  plural: 'localsubjectaccessreviews',
  model: 'V1LocalSubjectAccessReview',
  namespaced: true,
  status: false,
  verbs: ['create'],
  columns: [],
});
