import path from 'node:path';
import { applyPatch, type Operation } from 'rfc6902';
import { strategicMergePatch } from '../../apiserver/patch/strategic.ts';
import { parseSelector, matchesLabels } from '../../kinds/labels.ts';
import { groupOf, type KubeObject } from '../../kinds/object.ts';
import { allKinds } from '../../kinds/registry.ts';
import { structuralSchemaOf, type StructuralSchema } from '../../kinds/structural.ts';
import { readText } from '../manifests/text.ts';
import { isRecord, ManifestError, readYaml } from '../manifests/yaml.ts';
import { insideOf } from './generate.ts';
import type { Kustomization, Patch, PatchTarget } from './kustomization.ts';
import { isCalled, type Resource } from './resource.ts';

/** Changes the resources by strategic merges and JSON patches (RFC 6902). */
export async function applyPatches(kustomization: Kustomization, resources: Resource[]): Promise<void> {
  const { directory, file } = kustomization;
  for (const patch of kustomization.patches) {
    const place = patch.path === undefined ? file : path.join(directory, patch.path);
    const text = patch.patch ?? (await readText(insideOf(directory, patch.path ?? '')));
    for (const { value, source } of readYaml(text, place)) {
      const matched = targetsOf(resources, patch, value, source);
      if (matched.length === 0) throw new ManifestError(`${source}: no resource is what the patch is for`);
      for (const resource of matched) change(resources, resource, value, source);
    }
  }
}

function targetsOf(resources: readonly Resource[], { target }: Patch, value: unknown, source: string): Resource[] {
  if (target !== undefined) return resources.filter((resource) => isTarget(resource, target));
  if (!isRecord(value)) throw new ManifestError(`${source}: a list of operations needs a target`);
  const metadata = isRecord(value['metadata']) ? value['metadata'] : {};
  const { name, namespace } = metadata;
  return resources.filter(
    (resource) =>
      resource.object.kind === value['kind'] &&
      groupOf(resource.object.apiVersion) === groupOf(String(value['apiVersion'])) &&
      isCalled(resource, String(name)) &&
      (namespace === undefined || resource.object.metadata.namespace === namespace),
  );
}

function isTarget(resource: Resource, target: PatchTarget): boolean {
  const { apiVersion, kind, metadata } = resource.object;
  const fits = (pattern: string | undefined, ...values: (string | undefined)[]): boolean =>
    pattern === undefined || values.some((value) => new RegExp(`^(?:${pattern})$`).test(value ?? ''));
  const selects = (selector: string | undefined, labels: Record<string, string> | undefined): boolean =>
    selector === undefined || matchesLabels({ matchExpressions: parseSelector(selector) }, labels);
  return (
    fits(target.group, groupOf(apiVersion)) &&
    fits(target.version, apiVersion.slice(apiVersion.indexOf('/') + 1)) &&
    fits(target.kind, kind) &&
    fits(target.name, metadata.name, ...resource.formerNames) &&
    fits(target.namespace, metadata.namespace) &&
    selects(target.labelSelector, metadata.labels) &&
    selects(target.annotationSelector, metadata.annotations)
  );
}

function change(resources: Resource[], resource: Resource, value: unknown, source: string): void {
  if (Array.isArray(value)) {
    const copy: unknown = structuredClone(resource.object);
    // Each operation is checked as it is applied.
    const [failed] = applyPatch(copy, value as Operation[]).filter((error) => error !== null);
    if (failed !== undefined) throw new ManifestError(`${source}: ${describe(resource)}: ${failed.message}`);
    resource.object = copy as KubeObject;
    return;
  }
  if (!isRecord(value)) throw new ManifestError(`${source}: a patch is an object or a list of operations`);
  if (value['$patch'] === 'delete') {
    resources.splice(resources.indexOf(resource), 1);
    return;
  }
  const { name, namespace } = resource.object.metadata;
  const merged = strategicMergePatch(schemaOf(resource.object), resource.object, value) as KubeObject;
  // The patch names its target; that is no change.
  merged.metadata = { ...merged.metadata, name, ...(namespace === undefined ? {} : { namespace }) };
  resource.object = merged;
}

/** Says by which key lists are merged; lists of custom resources are replaced. */
function schemaOf({ apiVersion, kind }: KubeObject): StructuralSchema | undefined {
  const known = allKinds.find((candidate) => candidate.kind === kind && candidate.group === groupOf(apiVersion));
  if (known?.builtin !== true) return undefined;
  const name = apiVersion.slice(apiVersion.indexOf('/') + 1);
  const version = known.versions.find((candidate) => candidate.name === name);
  return version === undefined ? undefined : structuralSchemaOf(version);
}

const describe = ({ object }: Resource): string => `${object.kind} ${object.metadata.name}`;
