import { apiVersionOf } from '../../kinds/kind.ts';
import type { KubeObject, OwnerReference } from '../../kinds/object.ts';
import type { Controller } from '../../kube/controller.ts';
import type { Child, DesiredObject, Parent } from '../../reconcile/children.ts';
import {
  startDefinition,
  type ControllerEnvironment,
  type Definition,
  type PlannedObject,
} from '../../reconcile/pass.ts';
import { managedByLabel, nameLabel, propagatedLabels } from './labels.ts';

/** How all AIM controllers name, label and pause (aim.md 2.4, 3.1 to 3.3). */

/** `name` is `service`, `model`, `cluster-model`, `template-cache`, ... */
export type AimDefinition<T extends PlannedObject, Observed> = Omit<
  Definition<T, Observed>,
  'manager' | 'complete' | 'pausedBy'
>;

export function startAimController<T extends PlannedObject, Observed>(
  environment: ControllerEnvironment,
  definition: AimDefinition<T, Observed>,
): Promise<Controller> {
  return startDefinition(environment, {
    ...definition,
    manager: fieldManagerOf(definition.name),
    pausedBy: `${definition.kind.group}/reconciliation-paused`,
    complete: completeChild,
  });
}

const fieldManagerOf = (controller: string): string => `aim-${controller}-controller`;

/** The whole object to apply. */
function completeChild({ kind, object, owned }: Child, parent: Parent): KubeObject {
  const { metadata } = parent.object;
  const { group } = parent.kind;
  const inherited = {
    ...propagatedLabels(metadata.labels, group, parent.labelPropagation),
    [`${group}/${parent.controller}.name`]: nameLabel(metadata.name),
  };
  const labels = { [managedByLabel]: fieldManagerOf(parent.controller), ...inherited, ...object.metadata.labels };
  const complete = {
    ...withPodLabels(object, inherited),
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: {
      ...object.metadata,
      labels,
      ...(owned ? { ownerReferences: [ownerOf(parent)] } : {}),
    },
  };
  // As it will be on the wire: fields that are undefined are not there.
  return JSON.parse(JSON.stringify(complete)) as KubeObject;
}

/** A Job's pods carry what the Job inherits. */
function withPodLabels(object: DesiredObject, inherited: Record<string, string>): DesiredObject {
  const { spec } = object;
  if (!isRecord(spec) || !isRecord(spec['template'])) return object;
  const { template } = spec;
  const metadata = isRecord(template['metadata']) ? template['metadata'] : {};
  const own = isRecord(metadata['labels']) ? metadata['labels'] : {};
  const labelled = { ...template, metadata: { ...metadata, labels: { ...inherited, ...own } } };
  return { ...object, spec: { ...spec, template: labelled } };
}

function ownerOf({ kind, object }: Parent): OwnerReference {
  const { name, uid } = object.metadata;
  if (uid === undefined) throw new Error(`${kind.kind} ${name} has no uid: it does not come from an API server`);
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, name, uid, controller: true };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
