import { stringify } from 'yaml';
import { definitionOf, isCustom } from '../kinds/apiextensions/printed.ts';
import { allKinds } from '../kinds/registry.ts';

/** The CustomResourceDefinitions of Headgate's kinds as YAML documents, all or those of one group. */
export function crds({ group }: { group?: string | undefined }): string {
  const kinds = allKinds.filter(isCustom);
  const groups = [...new Set(kinds.map((kind) => kind.group))].toSorted();
  if (group !== undefined && !groups.includes(group)) {
    throw new Error(`Headgate has no kinds of group "${group}"; its groups are ${groups.join(', ')}`);
  }
  return kinds
    .filter((kind) => group === undefined || kind.group === group)
    .map((kind) => stringify(definitionOf(kind), { lineWidth: 0, aliasDuplicateObjects: false }))
    .join('---\n');
}
