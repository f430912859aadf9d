import type { StructuralSchema } from '../../kinds/structural.ts';
import { respondJson, type ApiRequest } from '../request.ts';
import type { Resources, Served } from '../resources.ts';

/**
 * OpenAPI v3 documents, one per group and version, from the schemas of the kinds. kubectl reads them to explain fields, to make
 * strategic merge patches and to learn that the server validates fields itself.
 */
export function respondOpenApi(resources: Resources, request: ApiRequest): boolean {
  if (request.method !== 'GET') return false;
  const [, , version, ...rest] = request.path.split('/');
  if (version === 'v2' && rest.length === 0) {
    respondEmptyV2(request);
    return true;
  }
  if (version !== 'v3') return false;
  if (rest.length === 0) {
    const paths = [...new Set(resources.all.map((served) => pathOf(served)))];
    respondJson(request, 200, {
      paths: Object.fromEntries(paths.map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}` }])),
    });
    return true;
  }
  const served = resources.all.filter((one) => pathOf(one) === rest.join('/'));
  if (served.length === 0) return false;
  respondJson(request, 200, documentOf(served));
  return true;
}

/**
 * OpenAPI v2 is empty: kubectl asks for it only about kinds it did not find in v3, to learn that they are not there either. In
 * protobuf, an empty document has no bytes.
 */
function respondEmptyV2({ raw, response }: ApiRequest): void {
  const protobuf = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
  if ((raw.headers.accept ?? '').includes('proto-openapi')) {
    response.writeHead(200, { 'content-type': protobuf, 'content-length': 0 });
    response.end();
    return;
  }
  const text = JSON.stringify({ swagger: '2.0', info: { title: 'Headgate', version: 'v1.32.0' }, paths: {} });
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

function pathOf({ kind, apiVersion }: Served): string {
  return kind.group === '' ? `api/${apiVersion}` : `apis/${apiVersion}`;
}

function documentOf(served: readonly Served[]) {
  const schemas: Record<string, unknown> = {};
  for (const one of served) addSchemas(one, schemas);
  return {
    openapi: '3.0.0',
    info: { title: 'Headgate', version: 'v1.32.0' },
    paths: Object.fromEntries(served.flatMap((one) => Object.entries(pathsOf(one)))),
    components: { schemas },
  };
}

function groupVersionKind({ kind, version }: Served) {
  return { group: kind.group, version: version.name, kind: kind.kind };
}

function schemaName({ kind, version }: Served): string {
  const group = kind.group === '' ? 'core' : kind.group;
  return `${group.split('.').toReversed().join('.')}.${version.name}.${kind.kind}`;
}

const queryParameters = ['dryRun', 'fieldManager', 'fieldValidation'].map((name) => ({
  name,
  in: 'query',
  schema: { type: 'string', uniqueItems: true },
}));

function pathsOf(served: Served): Record<string, unknown> {
  const { kind } = served;
  const scope = kind.namespaced ? '/namespaces/{namespace}' : '';
  const collection = `/${pathOf(served)}${scope}/${kind.plural}`;
  const reference = { $ref: `#/components/schemas/${schemaName(served)}` };
  const gvk = { 'x-kubernetes-group-version-kind': groupVersionKind(served) };
  const responses = { 200: { description: 'OK', content: { 'application/json': { schema: reference } } } };
  const body = (types: readonly string[]) => ({
    requestBody: { content: Object.fromEntries(types.map((type) => [type, { schema: reference }])), required: true },
  });
  const operation = (action: string, types: readonly string[]) => ({
    'x-kubernetes-action': action,
    ...gvk,
    ...(types.length > 0 && { ...body(types), parameters: queryParameters }),
    responses,
  });
  const json = ['application/json', 'application/yaml'];
  const patches = [
    'application/json-patch+json',
    'application/merge-patch+json',
    ...(kind.builtin ? ['application/strategic-merge-patch+json'] : []),
  ];
  return {
    [collection]: { get: operation('list', []), post: operation('post', json) },
    [`${collection}/{name}`]: {
      get: operation('get', []),
      put: operation('put', json),
      patch: operation('patch', patches),
      delete: operation('delete', []),
    },
  };
}

function addSchemas(served: Served, schemas: Record<string, unknown>): void {
  const { structural } = served.schema();
  schemas[schemaName(served)] = {
    ...convert({ ...structural, 'x-model': '' }, schemas),
    'x-kubernetes-group-version-kind': [groupVersionKind(served)],
  };
}

/** Keywords only the server needs stay out of the document. */
const hidden = new Set([
  'x-model',
  'x-kubernetes-validations',
  'properties',
  'items',
  'additionalProperties',
  'required',
]);

function convert(schema: StructuralSchema, schemas: Record<string, unknown>): Record<string, unknown> {
  const { properties, items, additionalProperties, required } = schema;
  const keywords = Object.fromEntries(Object.entries(schema).filter(([name]) => !hidden.has(name)));
  const intOrString = schema['x-kubernetes-int-or-string'] === true && schema.type === undefined;
  return {
    ...keywords,
    ...(intOrString && { oneOf: [{ type: 'integer' }, { type: 'string' }] }),
    ...(required !== undefined && required.length > 0 && { required }),
    ...(properties !== undefined && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, field]) => [name, reference(field, schemas)]),
      ),
    }),
    ...(items !== undefined && { items: reference(items, schemas) }),
    ...(additionalProperties !== undefined && {
      additionalProperties:
        typeof additionalProperties === 'object' ? reference(additionalProperties, schemas) : additionalProperties,
    }),
  };
}

/** Kubernetes' own types become schemas of their own, once per document. */
function reference(schema: StructuralSchema, schemas: Record<string, unknown>): Record<string, unknown> {
  const model = schema['x-model'];
  if (model === undefined) return convert(schema, schemas);
  const name = `io.k8s.${model}`;
  if (schemas[name] === undefined) {
    schemas[name] = {};
    const { default: _default, ...plain } = schema;
    schemas[name] = convert(plain, schemas);
  }
  return {
    allOf: [{ $ref: `#/components/schemas/${name}` }],
    ...(schema.default !== undefined && { default: schema.default }),
  };
}
