import type { Kind, KindVersion, PrinterColumn, ScaleSubresource } from '../../kinds/kind.ts';
import { isObject, listAt, objectAt, stringAt, valueAt, type JsonObject } from '../json.ts';
import { compareVersions } from '../versions.ts';
import { asStructural } from './structural.ts';

/** The kind that a CustomResourceDefinition defines. The definition has passed validation (validate.ts). */
export function kindOf(crd: JsonObject): Kind {
  const group = stringAt(crd, 'spec', 'group') ?? '';
  const names = objectAt(crd, 'spec', 'names') ?? {};
  const given = listAt(crd, 'spec', 'versions').filter(isObject);
  const stored = given.find((version) => version['storage'] === true) ?? {};
  const name = stringAt(names, 'kind') ?? '';
  const scale = scaleOf(stored);
  const withoutVersions: Omit<Kind, 'versions'> = {
    group,
    kind: name,
    plural: stringAt(names, 'plural') ?? '',
    singular: stringAt(names, 'singular') ?? name.toLowerCase(),
    listKind: stringAt(names, 'listKind') ?? `${name}List`,
    shortNames: stringsAt(names, 'shortNames'),
    categories: stringsAt(names, 'categories'),
    namespaced: stringAt(crd, 'spec', 'scope') === 'Namespaced',
    storageVersion: stringAt(stored, 'name') ?? '',
    status: objectAt(stored, 'subresources', 'status') !== undefined,
    ...(scale !== undefined && { scale }),
    builtin: false,
    userDefined: true,
    selectableFields: given.flatMap((version) =>
      listAt(version, 'selectableFields').map((field) => (stringAt(field, 'jsonPath') ?? '').replace(/^\./, '')),
    ),
  };
  const versions = given.map((version) => versionOf(version, given, withoutVersions));
  return { ...withoutVersions, versions };
}

function versionOf(version: JsonObject, all: readonly JsonObject[], kind: Omit<Kind, 'versions'>): KindVersion {
  const name = stringAt(version, 'name') ?? '';
  const deprecated = version['deprecated'] === true;
  const columns = listAt(version, 'additionalPrinterColumns').filter(isObject);
  return {
    name,
    served: version['served'] === true,
    schema: ownSchemaOf(version),
    ...(deprecated && {
      deprecationWarning: stringAt(version, 'deprecationWarning') ?? deprecationOf(name, all, kind),
    }),
    ...(columns.length > 0 && { printerColumns: columns.map(columnOf) }),
  };
}

function deprecationOf(name: string, all: readonly JsonObject[], { group, kind }: Omit<Kind, 'versions'>): string {
  const better = all
    .filter((version) => version['served'] === true && version['deprecated'] !== true)
    .map((version) => stringAt(version, 'name') ?? '')
    .toSorted(compareVersions)[0];
  const advice = better !== undefined && compareVersions(better, name) < 0 ? `; use ${group}/${better} ${kind}` : '';
  return `${group}/${name} ${kind} is deprecated${advice}`;
}

/** A version's schema without what the API itself knows: apiVersion, kind and metadata. */
function ownSchemaOf(version: JsonObject) {
  const schema = objectAt(version, 'schema', 'openAPIV3Schema') ?? {};
  const implied = new Set(['apiVersion', 'kind', 'metadata']);
  const properties = Object.entries(objectAt(schema, 'properties') ?? {}).filter(([name]) => !implied.has(name));
  const required = stringsAt(schema, 'required').filter((name) => !implied.has(name));
  const { required: _replaced, ...rest } = schema;
  return asStructural({
    ...rest,
    properties: Object.fromEntries(properties),
    ...(required.length > 0 && { required }),
  });
}

const columnTypes = ['string', 'integer', 'number', 'boolean', 'date'] as const;

function columnOf(column: JsonObject): PrinterColumn {
  const type = columnTypes.find((one) => one === column['type']) ?? 'string';
  const description = stringAt(column, 'description');
  const priority = valueAt(column, 'priority');
  return {
    name: stringAt(column, 'name') ?? '',
    type,
    jsonPath: stringAt(column, 'jsonPath') ?? '',
    ...(description !== undefined && { description }),
    ...(typeof priority === 'number' && { priority }),
  };
}

function scaleOf(version: JsonObject): ScaleSubresource | undefined {
  const scale = objectAt(version, 'subresources', 'scale');
  const specReplicasPath = stringAt(scale, 'specReplicasPath');
  const statusReplicasPath = stringAt(scale, 'statusReplicasPath');
  if (specReplicasPath === undefined || statusReplicasPath === undefined) return undefined;
  const labelSelectorPath = stringAt(scale, 'labelSelectorPath');
  return { specReplicasPath, statusReplicasPath, ...(labelSelectorPath !== undefined && { labelSelectorPath }) };
}

function stringsAt(value: unknown, ...path: readonly string[]): string[] {
  return listAt(value, ...path).filter((one) => typeof one === 'string');
}
