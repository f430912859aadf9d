import type { Kind, KindVersion } from '../kind.ts';
import { structuralSchemaOf } from '../structural.ts';

/** A CustomResourceDefinition as it is written in YAML: without what the API adds. */
export interface PrintedDefinition {
  apiVersion: 'apiextensions.k8s.io/v1';
  kind: 'CustomResourceDefinition';
  metadata: { name: string; labels?: Readonly<Record<string, string>>; annotations?: Readonly<Record<string, string>> };
  spec: Record<string, unknown>;
}

/** Kinds that Kubernetes does not have: a cluster knows them by their CustomResourceDefinitions. */
export function isCustom(kind: Kind): boolean {
  return !kind.builtin;
}

/** The CustomResourceDefinition of one of Headgate's kinds: what `headgate crds` prints and the embedded API keeps. */
export function definitionOf(kind: Kind): PrintedDefinition {
  const { group, plural, singular, shortNames, categories, labels, annotations } = kind;
  const names = {
    plural,
    singular,
    kind: kind.kind,
    listKind: kind.listKind ?? `${kind.kind}List`,
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
  };
  const spec = {
    group,
    names,
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    conversion: { strategy: 'None' },
    versions: kind.versions.map((version) => printedVersion(kind, version)),
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, ...(labels && { labels }), ...(annotations && { annotations }) },
    spec: plain(spec),
  };
}

function printedVersion(kind: Kind, version: KindVersion) {
  if (version.toStorage !== undefined || version.fromStorage !== undefined) {
    throw new Error(`${kind.kind} ${version.name} converts in code, which no CustomResourceDefinition can say`);
  }
  const { deprecationWarning, printerColumns } = version;
  const subresources = { ...(kind.status && { status: {} }), ...(kind.scale && { scale: kind.scale }) };
  return {
    name: version.name,
    served: version.served,
    storage: version.name === kind.storageVersion,
    ...(deprecationWarning !== undefined && { deprecated: true, deprecationWarning }),
    schema: { openAPIV3Schema: wholeSchema(version) },
    ...(Object.keys(subresources).length > 0 && { subresources }),
    ...(printerColumns !== undefined && { additionalPrinterColumns: printerColumns }),
  };
}

function wholeSchema(version: KindVersion) {
  const own = structuralSchemaOf(version);
  const { properties, required, ...rest } = own;
  return {
    ...rest,
    type: 'object',
    properties: {
      apiVersion: { type: 'string', description: 'Version of the schema this object is written in.' },
      kind: { type: 'string', description: 'Name of the resource this object is one of.' },
      metadata: { type: 'object' },
      ...properties,
    },
    ...(required !== undefined && required.length > 0 && { required }),
  };
}

/** Schemas carry marks of the library that made them; YAML and the API want none. */
function plain(spec: object): Record<string, unknown> {
  return JSON.parse(JSON.stringify(spec)) as Record<string, unknown>;
}
