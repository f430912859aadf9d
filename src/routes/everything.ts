import type { Route, RouteRule } from './table.ts';

/**
 * A rule of a route for no host in particular that takes every path: what the gateway can answer by itself, such as the list of its
 * models, it does not take away.
 */
export function takesEverything({ matches }: RouteRule, route: Pick<Route, 'hostnames'> | undefined): boolean {
  if ((route?.hostnames.length ?? 0) > 0) return false;
  return matches.some(({ path }) => path === undefined || (path.type === 'PathPrefix' && path.value === '/'));
}
