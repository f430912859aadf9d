import type { Kind } from '../kind.ts';
import { AIGatewayRoute } from './aigatewayroute.ts';
import { AIServiceBackend } from './aiservicebackend.ts';
import { BackendSecurityPolicy } from './backendsecuritypolicy.ts';
import { GatewayConfig } from './gatewayconfig.ts';

/** The kinds of aigateway.envoyproxy.io. */
export const kinds: readonly Kind[] = [AIGatewayRoute, AIServiceBackend, BackendSecurityPolicy, GatewayConfig];

export { AIGatewayRoute, AIServiceBackend, BackendSecurityPolicy, GatewayConfig };
