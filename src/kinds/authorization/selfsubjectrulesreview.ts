import type * as authorization from 'kubernetes-types/authorization/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';

/** Asks for all that the asker may do in a namespace (`kubectl auth can-i --list`); answered, never stored. */
export type SelfSubjectRulesReview = Builtin<authorization.SelfSubjectRulesReview>;

export const SelfSubjectRulesReview = defineBuiltin<SelfSubjectRulesReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectRulesReview',
  plural: 'selfsubjectrulesreviews',
  model: 'V1SelfSubjectRulesReview',
  namespaced: false,
  status: false,
  verbs: ['create'],
  columns: [],
});
