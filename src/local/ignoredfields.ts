import type { Container } from 'kubernetes-types/core/v1.js';
import type { Pod } from '../kinds/core/pod.ts';

/**
 * Fields of a Pod that would change how its programs run and that this node cannot honour, for an event that says so. Those that
 * only limit or place a container (resources, security contexts, affinity) are documented in docs/embedded-node.md.
 */
export function ignoredFields(pod: Pod): string[] {
  const { spec } = pod;
  const own = [
    spec.hostNetwork === true && 'spec.hostNetwork',
    spec.activeDeadlineSeconds !== undefined && 'spec.activeDeadlineSeconds',
    (spec.hostAliases ?? []).length > 0 && 'spec.hostAliases',
  ];
  const containers = [
    ...(spec.initContainers ?? []).map((container) => ['initContainers', container] as const),
    ...spec.containers.map((container) => ['containers', container] as const),
  ];
  const theirs = containers.flatMap(([list, container]) =>
    containerFields(container).map((field) => `spec.${list}[${container.name}].${field}`),
  );
  return [...own.filter((field) => field !== false), ...theirs];
}

function containerFields(container: Container): string[] {
  const fields = ['lifecycle', 'workingDir', 'volumeDevices'] as const;
  return fields.filter((field) => container[field] !== undefined);
}
