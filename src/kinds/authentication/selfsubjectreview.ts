import { defineBuiltin } from '../kubernetes/builtin.ts';
import type { KubeObject } from '../object.ts';

/** Asks who the asker is (`kubectl auth whoami`); answered, never stored. */
export interface SelfSubjectReview extends KubeObject {
  status?: { userInfo?: { username?: string; uid?: string; groups?: string[]; extra?: Record<string, string[]> } };
}

export const SelfSubjectReview = defineBuiltin<SelfSubjectReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  model: 'V1SelfSubjectReview',
  namespaced: false,
  status: false,
  verbs: ['create'],
  columns: [],
});
