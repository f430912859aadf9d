import type { Kind } from '../kind.ts';
import { SelfSubjectReview } from './selfsubjectreview.ts';
import { TokenReview } from './tokenreview.ts';

export { SelfSubjectReview, TokenReview };

/** The kinds of authentication.k8s.io/v1. */
export const kinds: readonly Kind[] = [TokenReview, SelfSubjectReview];
