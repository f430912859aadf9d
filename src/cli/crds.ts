import { stringify } from 'yaml';
import { definitionOf, isCustom } from '../kinds/apiextensions/printed.ts';
import { allKinds } from '../kinds/registry.ts';

/** Groups whose controllers Headgate takes the place of. The definitions of others are installed by their owners: ours would overwrite them. */
const ownGroups: ReadonlySet<string> = new Set([
  'aigateway.envoyproxy.io',
  'aim.eai.amd.com',
  'aim.silogen.ai',
  'airunway.ai',
  'kubeairunway.ai',
]);

export interface CrdsFlags {
  /** Only this group. */
  readonly group?: string | undefined;
  /** Those of Gateway API, the Inference Extension, Envoy Gateway, KServe, KEDA and others, too. */
  readonly all?: boolean | undefined;
}

/** The CustomResourceDefinitions of Headgate's kinds as YAML documents. */
export function crds({ group, all = false }: CrdsFlags): string {
  const kinds = allKinds.filter(isCustom);
  const groups = [...new Set(kinds.map((kind) => kind.group))].toSorted();
  if (group !== undefined && !groups.includes(group)) {
    throw new Error(`Headgate has no kinds of group "${group}"; its groups are ${groups.join(', ')}`);
  }
  const isWanted = (of: string): boolean => (group === undefined ? all || ownGroups.has(of) : of === group);
  return kinds
    .filter((kind) => isWanted(kind.group))
    .map((kind) => stringify(definitionOf(kind), { lineWidth: 0, aliasDuplicateObjects: false }))
    .join('---\n');
}
