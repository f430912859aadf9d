import type { PolicyRule } from 'kubernetes-types/rbac/v1.js';
import { matchesLabels } from '../../kinds/labels.ts';
import { ClusterRole } from '../../kinds/rbac/role.ts';
import type { Log } from '../../telemetry/log.ts';
import { equalJson } from '../json.ts';
import type { Objects } from '../objects.ts';
import type { Resources } from '../resources.ts';
import { ApiError } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import type { Store } from '../store/store.ts';

interface Dependencies {
  store: Store;
  resources: Resources;
  objects: Objects;
  log: Log;
}

/**
 * Keeps the rules of ClusterRoles with an aggregationRule equal to those of the ClusterRoles it selects, such as of `view`, so
 * that a role with the right label extends it. Returns the function that stops it.
 */
export function startRoleAggregation({ store, resources, objects, log }: Dependencies): () => void {
  const roles = resources.find(ClusterRole.group, ClusterRole.storageVersion, ClusterRole.plural);
  if (roles === undefined) return () => undefined;
  // Stored ClusterRoles have been validated against the schema that the type stands for.
  const all = () => store.list(roles.id) as unknown as readonly ClusterRole[];
  let running: Promise<void> | undefined;
  let again = false;

  const aggregate = async () => {
    for (const role of all()) {
      if (role.aggregationRule === undefined) continue;
      const rules = aggregatedRules(role, all());
      if (equalJson(rules, role.rules ?? [])) continue;
      const change = (current: StoredObject): StoredObject => ({ ...current, rules });
      await objects.update(roles, role.metadata, change, { dryRun: false }).catch((error: unknown) => {
        // The role went meanwhile.
        if (!(error instanceof ApiError)) throw error;
      });
    }
  };
  const run = async () => {
    // Roles that come together are looked at together.
    await Promise.resolve();
    try {
      while (again) {
        again = false;
        await aggregate();
      }
    } catch (error) {
      log.error({ error }, 'aggregation of ClusterRoles failed');
    } finally {
      // In the same step as the last look at `again`: a change that comes later starts anew.
      running = undefined;
    }
  };
  const schedule = () => {
    again = true;
    running ??= run();
  };
  schedule();
  return store.history.subscribe((event) => {
    if (event.resource === roles.id) schedule();
  });
}

/** The rules of all selected roles in order of their names, each once. */
function aggregatedRules(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const selectors = role.aggregationRule?.clusterRoleSelectors ?? [];
  const rules: PolicyRule[] = [];
  for (const other of all) {
    if (other.metadata.name === role.metadata.name) continue;
    if (!selectors.some((selector) => matchesLabels(selector, other.metadata.labels))) continue;
    for (const rule of other.rules ?? []) if (!rules.some((known) => equalJson(known, rule))) rules.push(rule);
  }
  return rules;
}
