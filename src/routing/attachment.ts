import type { HTTPRoute } from '../kinds/gateway/httproute.ts';
import { matchesLabels } from '../kinds/labels.ts';
import { intersectHostnames } from './hostnames.ts';
import { httpRouteKind, type ListenerState, type Refusal } from './listeners.ts';
import type { Lookup } from './resources.ts';

/** Which listeners of a Gateway a parentRef attaches a route to (gatewayapi.md 5). */

export type ParentRef = NonNullable<HTTPRoute['spec']['parentRefs']>[number];

/** A listener with the hosts under which the route is reached there; none: every host. */
export interface AttachedListener {
  readonly state: ListenerState;
  readonly hosts: readonly string[];
}

export type Attachment = { readonly listeners: readonly AttachedListener[] } | { readonly refused: Refusal };

export function attach(
  lookup: Lookup,
  gatewayNamespace: string,
  listeners: readonly ListenerState[],
  route: HTTPRoute,
  parent: ParentRef,
): Attachment {
  const named = listeners.filter(
    ({ listener }) =>
      (parent.sectionName === undefined || parent.sectionName === listener.name) &&
      (parent.port === undefined || parent.port === listener.port),
  );
  if (named.length === 0) return refuse('NoMatchingParent', 'no listener has this sectionName and port');
  const admitting = named.filter((state) => admits(lookup, gatewayNamespace, state, route.metadata.namespace ?? ''));
  if (admitting.length === 0) {
    return refuse(
      'NotAllowedByListeners',
      'the allowedRoutes of the listeners do not admit HTTPRoutes of this namespace',
    );
  }
  const attached = admitting.flatMap((state) => {
    const hosts = intersectHostnames(state.listener.hostname, route.spec.hostnames);
    return hosts === undefined ? [] : [{ state, hosts }];
  });
  if (attached.length === 0) {
    return refuse('NoMatchingListenerHostname', 'no listener hostname intersects the hostnames of the route');
  }
  return { listeners: attached };
}

function refuse(reason: string, message: string): Attachment {
  return { refused: { reason, message } };
}

function admits(lookup: Lookup, gatewayNamespace: string, state: ListenerState, routeNamespace: string): boolean {
  if (!state.supportedKinds.includes(httpRouteKind)) return false;
  const { from = 'Same', selector } = state.listener.allowedRoutes?.namespaces ?? {};
  switch (from) {
    case 'All':
      return true;
    case 'Same':
      return routeNamespace === gatewayNamespace;
    case 'Selector':
      return selector !== undefined && selects(selector, lookup.namespaceLabels(routeNamespace));
  }
}

/** A selector with an operator that does not exist selects nothing. */
function selects(selector: Parameters<typeof matchesLabels>[0], labels: Parameters<typeof matchesLabels>[1]): boolean {
  try {
    return matchesLabels(selector, labels);
  } catch {
    return false;
  }
}
