import { Gateway } from '../../kinds/gateway/gateway.ts';
import { matchesLabels } from '../../kinds/labels.ts';
import type { Child } from '../../reconcile/children.ts';

/** The label that every namespace carries its name in. */
const nameLabel = 'kubernetes.io/metadata.name';

type Listener = Gateway['spec']['listeners'][number];

/**
 * Has a Gateway take the routes of deployments in other namespaces (airunway.md 4.3, step 6): listeners that admit their own
 * namespace only get a list with the missing ones. Listeners that admit them already, whatever way, and what the list has from
 * before stay as they are (trap 14). Undefined: nothing is missing.
 */
export function allowedRoutesChild(gateway: Gateway | undefined, namespaces: readonly string[]): Child | undefined {
  if (gateway === undefined) return undefined;
  const { name, namespace = '' } = gateway.metadata;
  const listeners = gateway.spec.listeners.flatMap((listener) => {
    const missing = namespaces.filter((one) => !admits(listener, one, namespace));
    if (missing.length === 0) return [];
    const values = [...new Set([namespace, ...listed(listener), ...missing])].toSorted();
    const selector = { matchExpressions: [{ key: nameLabel, operator: 'In', values }] };
    // What identifies the listener, and the list: the rest stays its owner's.
    const { name: listenerName, port, protocol } = listener;
    return [{ name: listenerName, port, protocol, allowedRoutes: { namespaces: { from: 'Selector', selector } } }];
  });
  if (listeners.length === 0) return undefined;
  return { kind: Gateway, owned: false, object: { metadata: { name, namespace }, spec: { listeners } } };
}

function admits({ allowedRoutes }: Listener, namespace: string, own: string): boolean {
  const { from = 'Same', selector } = allowedRoutes?.namespaces ?? {};
  if (from === 'All') return true;
  if (from === 'Same') return namespace === own;
  return from === 'Selector' && selector !== undefined && matchesLabels(selector, { [nameLabel]: namespace });
}

/** Namespaces that a listener's list has by name. */
function listed({ allowedRoutes }: Listener): string[] {
  const { matchExpressions = [], matchLabels = {} } = allowedRoutes?.namespaces?.selector ?? {};
  const label = matchLabels[nameLabel];
  return [
    ...matchExpressions.flatMap(({ key, operator, values = [] }) =>
      key === nameLabel && operator === 'In' ? values : [],
    ),
    ...(label === undefined ? [] : [label]),
  ];
}
