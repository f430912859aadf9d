import type { Kind } from '../kind.ts';
import { Backend } from './backend.ts';
import { BackendTrafficPolicy } from './backendtrafficpolicy.ts';
import { ClientTrafficPolicy } from './clienttrafficpolicy.ts';
import { EnvoyProxy } from './envoyproxy.ts';
import { HTTPRouteFilter } from './httproutefilter.ts';

/** The kinds of gateway.envoyproxy.io. */
export const kinds: readonly Kind[] = [Backend, HTTPRouteFilter, ClientTrafficPolicy, BackendTrafficPolicy, EnvoyProxy];

export { Backend, BackendTrafficPolicy, ClientTrafficPolicy, EnvoyProxy, HTTPRouteFilter };
