/** The names of Kubernetes' own types in OpenAPI documents: those of their Go packages, which clients know. */

/** The package of a group's types, without the version. */
export function packageOf(group: string): string {
  if (group === 'meta') return 'io.k8s.apimachinery.pkg.apis.meta';
  if (group === 'apiextensions.k8s.io') return 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions';
  if (group === 'metrics.k8s.io') return 'io.k8s.metrics.pkg.apis.metrics';
  return `io.k8s.api.${group === '' ? 'core' : (group.split('.', 1)[0] ?? group)}`;
}

/** Types that other groups use; everything below them is of their group, too. */
const groupOfShared: Readonly<Record<string, string>> = {
  V1ObjectMeta: 'meta',
  V1ListMeta: 'meta',
  V1OwnerReference: 'meta',
  V1ManagedFieldsEntry: 'meta',
  V1LabelSelector: 'meta',
  V1LabelSelectorRequirement: 'meta',
  V1FieldSelectorRequirement: 'meta',
  V1Condition: 'meta',
  V1ObjectReference: '',
  V1PodTemplateSpec: '',
  V1PersistentVolumeClaim: '',
  V1NodeSelector: '',
  V1TopologySelectorTerm: '',
};

/** `V1PodSpec`, met in core, is `io.k8s.api.core.v1.PodSpec`; `RbacV1Subject` says its group itself. */
export function modelName(model: string, metIn: string): { name: string; group: string } {
  const [, prefix, version, type] = /^([A-Z][a-z]+)?(V\d+(?:(?:alpha|beta)\d+)?)(.+)$/.exec(model) ?? [];
  if (version === undefined || type === undefined) return { name: `io.k8s.${model}`, group: metIn };
  const group = groupOfShared[model] ?? (prefix === undefined ? metIn : groupOfPrefix(prefix));
  return { name: `${packageOf(group)}.${version.toLowerCase()}.${type}`, group };
}

function groupOfPrefix(prefix: string): string {
  if (prefix === 'Core') return '';
  return prefix === 'Apiextensions' ? 'apiextensions.k8s.io' : prefix.toLowerCase();
}
