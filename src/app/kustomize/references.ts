import { groupOf } from '../../kinds/object.ts';
import { isRecord } from '../manifests/yaml.ts';
import type { Resource } from './resource.ts';

/** Kubernetes' own kinds, whose references kustomize knows; those of custom resources it leaves as they are. */
const groups = new Set([
  '',
  'apps',
  'batch',
  'autoscaling',
  'policy',
  'networking.k8s.io',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
]);

/** Fields whose text names an object of this kind. */
const namedBy: Readonly<Record<string, string>> = {
  secretName: 'Secret',
  claimName: 'PersistentVolumeClaim',
  serviceAccountName: 'ServiceAccount',
  serviceName: 'Service',
  priorityClassName: 'PriorityClass',
  storageClassName: 'StorageClass',
};

/** Fields whose `name` names an object of this kind. */
const holderOf: Readonly<Record<string, string>> = {
  configMap: 'ConfigMap',
  configMapRef: 'ConfigMap',
  configMapKeyRef: 'ConfigMap',
  secret: 'Secret',
  secretRef: 'Secret',
  secretKeyRef: 'Secret',
  imagePullSecrets: 'Secret',
  service: 'Service',
};

/** Fields that hold a kind and a name. */
const typed = new Set(['scaleTargetRef', 'roleRef', 'subjects']);

/** Has references say the names that objects have now. */
export function followNames(resources: readonly Resource[]): void {
  const renamed = resources.filter(({ formerNames }) => formerNames.length > 0);
  if (renamed.length === 0) return;
  for (const { object } of resources) {
    if (!groups.has(groupOf(object.apiVersion))) continue;
    const nameNow: NameNow = (kind, name, namespace = object.metadata.namespace) => {
      const found = renamed.find((other) => isReferred(other, kind, name, namespace));
      return found?.object.metadata.name ?? name;
    };
    visit(object, undefined, nameNow);
  }
}

type NameNow = (kind: string, name: string, namespace?: string) => string;

function isReferred({ object, formerNames }: Resource, kind: string, name: string, from: string | undefined): boolean {
  const { namespace = 'default' } = object.metadata;
  return (
    object.kind === kind && formerNames.includes(name) && (namespace === (from ?? 'default') || isClusterWide(kind))
  );
}

const isClusterWide = (kind: string): boolean => ['ClusterRole', 'PriorityClass', 'StorageClass'].includes(kind);

function visit(value: unknown, field: string | undefined, nameNow: NameNow): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, field, nameNow);
    return;
  }
  if (!isRecord(value)) return;
  const { name, kind, namespace } = value;
  if (field !== undefined && typeof name === 'string') {
    const named = typed.has(field) && typeof kind === 'string' ? kind : holderOf[field];
    const place = field === 'subjects' && typeof namespace === 'string' ? namespace : undefined;
    if (named !== undefined) value['name'] = nameNow(named, name, place);
  }
  for (const [below, inner] of Object.entries(value)) {
    const named = namedBy[below];
    if (named !== undefined && typeof inner === 'string') value[below] = nameNow(named, inner);
    // Labels and data are no references, whatever they are called.
    else if (below !== 'metadata' && below !== 'data' && below !== 'stringData') visit(inner, below, nameNow);
    else if (below === 'metadata' && field !== undefined) visit(inner, below, nameNow);
  }
}
