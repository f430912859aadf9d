import type { Kind } from '../kind.ts';
import { EndpointSlice } from './endpointslice.ts';

export { EndpointSlice };

/** The kinds of discovery.k8s.io/v1. */
export const kinds: readonly Kind[] = [EndpointSlice];
