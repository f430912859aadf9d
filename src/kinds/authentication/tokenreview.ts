import type * as authentication from 'kubernetes-types/authentication/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';

/** Asks whose a bearer token is; answered, never stored. */
export type TokenReview = Builtin<authentication.TokenReview>;

export const TokenReview = defineBuiltin<TokenReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenReview',
  plural: 'tokenreviews',
  model: 'V1TokenReview',
  namespaced: false,
  status: false,
  verbs: ['create'],
  columns: [],
});
