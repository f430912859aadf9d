import type { Kind } from '../kind.ts';
import { Ingress } from './ingress.ts';
import { IngressClass } from './ingressclass.ts';
import { NetworkPolicy } from './networkpolicy.ts';

export { Ingress, IngressClass, NetworkPolicy };

/** The kinds of networking.k8s.io/v1: stored, nothing here acts on them. */
export const kinds: readonly Kind[] = [Ingress, IngressClass, NetworkPolicy];
