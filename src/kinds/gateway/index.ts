import type { Kind } from '../kind.ts';
import { BackendTLSPolicy } from './backendtlspolicy.ts';
import { Gateway } from './gateway.ts';
import { GatewayClass } from './gatewayclass.ts';
import { HTTPRoute } from './httproute.ts';
import { ReferenceGrant } from './referencegrant.ts';

/** The kinds of gateway.networking.k8s.io. */
export const kinds: readonly Kind[] = [GatewayClass, Gateway, HTTPRoute, ReferenceGrant, BackendTLSPolicy];

export { BackendTLSPolicy, Gateway, GatewayClass, HTTPRoute, ReferenceGrant };
