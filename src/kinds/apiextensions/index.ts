import type { Kind } from '../kind.ts';
import { CustomResourceDefinition } from './customresourcedefinition.ts';

/** The kinds of apiextensions.k8s.io. */
export const kinds: readonly Kind[] = [CustomResourceDefinition];

export { CustomResourceDefinition };
