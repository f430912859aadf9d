import type { Kind } from '../kind.ts';
import { LocalSubjectAccessReview } from './localsubjectaccessreview.ts';
import { SelfSubjectAccessReview } from './selfsubjectaccessreview.ts';
import { SelfSubjectRulesReview } from './selfsubjectrulesreview.ts';
import { SubjectAccessReview } from './subjectaccessreview.ts';

export { LocalSubjectAccessReview, SelfSubjectAccessReview, SelfSubjectRulesReview, SubjectAccessReview };

/** The kinds of authorization.k8s.io/v1. */
export const kinds: readonly Kind[] = [
  SubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  LocalSubjectAccessReview,
];
