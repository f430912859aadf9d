import { groupOf, type KubeObject } from '../../kinds/object.ts';
import { allKinds } from '../../kinds/registry.ts';
import { isRecord } from '../manifests/yaml.ts';
import type { ImageRule, Kustomization, LabelRule } from './kustomization.ts';
import { isCalled, rename, type Resource } from './resource.ts';

/** What a kustomization does to all its resources, in kustomize's order. */
export function transform(kustomization: Kustomization, resources: readonly Resource[]): void {
  const { namespace, namePrefix, nameSuffix, labels, annotations, images, replicas } = kustomization;
  if (namespace !== undefined) setSubjects(resources, namespace);
  for (const resource of resources) {
    const { object } = resource;
    if (namespace !== undefined) setNamespace(resource, namespace);
    if (!withoutPrefix.has(object.kind)) rename(resource, `${namePrefix}${object.metadata.name}${nameSuffix}`);
    for (const rule of labels) addLabels(object, rule);
    addAnnotations(object, annotations);
    for (const { name, count } of replicas) {
      if (scaled.has(object.kind) && isCalled(resource, name)) recordAt(object, ['spec'])['replicas'] = count;
    }
    for (const image of images) setImages(object, image);
  }
}

/** Their names are given by others. */
const withoutPrefix = new Set(['Namespace', 'CustomResourceDefinition', 'APIService']);
const scaled = new Set(['Deployment', 'ReplicaSet', 'ReplicationController', 'StatefulSet']);
const workloads = new Set(['Deployment', 'ReplicaSet', 'DaemonSet', 'StatefulSet', 'ReplicationController', 'Job']);
const withSelector = new Set(['Deployment', 'ReplicaSet', 'DaemonSet', 'StatefulSet']);

function setNamespace(resource: Resource, namespace: string): void {
  const { object } = resource;
  if (object.kind === 'Namespace' && groupOf(object.apiVersion) === '') rename(resource, namespace);
  else if (isNamespaced(object)) object.metadata.namespace = namespace;
}

/** What is not known here is taken for namespaced, as kustomize takes it. */
function isNamespaced({ apiVersion, kind }: KubeObject): boolean {
  const known = allKinds.find((candidate) => candidate.kind === kind && candidate.group === groupOf(apiVersion));
  return known?.namespaced ?? true;
}

/** Bindings follow the ServiceAccounts of the kustomization, and `default`. */
function setSubjects(resources: readonly Resource[], namespace: string): void {
  const accounts = resources.filter(({ object }) => object.kind === 'ServiceAccount');
  for (const { object } of resources) {
    const subjects: unknown = object.kind.endsWith('RoleBinding') ? Reflect.get(object, 'subjects') : undefined;
    if (!Array.isArray(subjects)) continue;
    for (const subject of subjects.filter(isRecord)) {
      const name = String(subject['name']);
      const place = subject['namespace'] ?? 'default';
      const ours =
        name === 'default' ||
        accounts.some(
          (account) => isCalled(account, name) && (account.object.metadata.namespace ?? 'default') === place,
        );
      if (subject['kind'] === 'ServiceAccount' && ours) subject['namespace'] = namespace;
    }
  }
}

function addLabels(object: KubeObject, { pairs, selectors, templates }: LabelRule): void {
  if (Object.keys(pairs).length === 0) return;
  object.metadata.labels = { ...object.metadata.labels, ...pairs };
  const { kind } = object;
  if (templates && workloads.has(kind)) addTo(object, ['spec', 'template', 'metadata', 'labels'], pairs);
  if (templates && kind === 'CronJob') {
    addTo(object, ['spec', 'jobTemplate', 'metadata', 'labels'], pairs);
    addTo(object, ['spec', 'jobTemplate', 'spec', 'template', 'metadata', 'labels'], pairs);
  }
  if (!selectors) return;
  if (withSelector.has(kind)) addTo(object, ['spec', 'selector', 'matchLabels'], pairs);
  if (kind === 'Service' && hasField(object, ['spec', 'selector'])) addTo(object, ['spec', 'selector'], pairs);
  if (kind === 'ReplicationController') addTo(object, ['spec', 'selector'], pairs);
  for (const path of [
    ['spec', 'selector', 'matchLabels'],
    ['spec', 'podSelector', 'matchLabels'],
  ]) {
    const optional = kind === 'PodDisruptionBudget' || kind === 'NetworkPolicy' || kind === 'Job';
    if (optional && hasField(object, path)) addTo(object, path, pairs);
  }
}

function addAnnotations(object: KubeObject, annotations: Readonly<Record<string, string>>): void {
  if (Object.keys(annotations).length === 0) return;
  object.metadata.annotations = { ...object.metadata.annotations, ...annotations };
  if (workloads.has(object.kind)) addTo(object, ['spec', 'template', 'metadata', 'annotations'], annotations);
  if (object.kind === 'CronJob') {
    addTo(object, ['spec', 'jobTemplate', 'metadata', 'annotations'], annotations);
    addTo(object, ['spec', 'jobTemplate', 'spec', 'template', 'metadata', 'annotations'], annotations);
  }
}

/** Images of the containers, wherever an object has some. */
function setImages(value: unknown, rule: ImageRule): void {
  if (Array.isArray(value)) for (const item of value) setImages(item, rule);
  if (!isRecord(value)) return;
  for (const [field, below] of Object.entries(value)) {
    if ((field === 'containers' || field === 'initContainers') && Array.isArray(below)) {
      for (const container of below.filter(isRecord)) {
        if (typeof container['image'] === 'string') container['image'] = withImage(container['image'], rule);
      }
    } else setImages(below, rule);
  }
}

function withImage(image: string, { name, newName, newTag, digest }: ImageRule): string {
  const parts = /^(?<base>.*?)(?<tag>:[\w.{}-]*)?(?<hash>@sha256:[\w.{}-]*)?$/.exec(image)?.groups ?? {};
  const { base = image, tag = '', hash = '' } = parts;
  if (base !== name) return image;
  const end = digest !== undefined ? `@${digest}` : newTag !== undefined ? `:${newTag}` : `${tag}${hash}`;
  return `${newName ?? base}${digest !== undefined && newTag !== undefined ? `:${newTag}` : ''}${end}`;
}

function hasField(object: KubeObject, path: readonly string[]): boolean {
  let value: unknown = object;
  for (const field of path) value = isRecord(value) ? value[field] : undefined;
  return value !== undefined;
}

function addTo(object: KubeObject, path: readonly string[], pairs: Readonly<Record<string, string>>): void {
  Object.assign(recordAt(object, path), pairs);
}

/** The map at a path, made where it is not there. */
function recordAt(object: KubeObject, path: readonly string[]): Record<string, unknown> {
  let value = object as unknown as Record<string, unknown>;
  for (const field of path) {
    const below = value[field];
    const next: Record<string, unknown> = isRecord(below) ? below : {};
    value[field] = next;
    value = next;
  }
  return value;
}
