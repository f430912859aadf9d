import { createHash, randomUUID } from 'node:crypto';
import { respondJson, type ApiRequest } from '../request.ts';
import type { Resources, Served } from '../resources.ts';
import { respondOpenApiV2 } from './openapiv2.ts';
import { addSchemas, groupVersionKind, schemaName } from './schemas.ts';

const dialect = { prefix: '#/components/schemas/', version: 3 } as const;

/**
 * OpenAPI v3 documents, one per group and version, from the schemas of the kinds. kubectl reads them to explain fields, to make
 * strategic merge patches and to learn that the server validates fields itself.
 */
export function respondOpenApi(resources: Resources, request: ApiRequest): boolean {
  if (request.method !== 'GET') return false;
  const [, , version, ...rest] = request.path.split('/');
  if (version === 'v2' && rest.length === 0) {
    respondOpenApiV2(resources, request);
    return true;
  }
  if (version !== 'v3') return false;
  if (rest.length === 0) {
    const paths = [...new Set(resources.all.map((served) => pathOf(served)))];
    respondJson(request, 200, {
      paths: Object.fromEntries(
        paths.map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hashOf(resources, path)}` }]),
      ),
    });
    return true;
  }
  const served = resources.all.filter((one) => pathOf(one) === rest.join('/'));
  if (served.length === 0) return false;
  respondJson(request, 200, documentOf(served));
  return true;
}

const numbers = new WeakMap<Served, string>();

/** Changes whenever the document of a path may have changed: a definition that changes is served by a new object. */
function hashOf(resources: Resources, path: string): string {
  const hash = createHash('sha256');
  for (const served of resources.all.filter((one) => pathOf(one) === path)) {
    const number = numbers.get(served) ?? randomUUID();
    numbers.set(served, number);
    hash.update(number);
  }
  return hash.digest('hex').toUpperCase();
}

function pathOf({ kind, apiVersion }: Served): string {
  return kind.group === '' ? `api/${apiVersion}` : `apis/${apiVersion}`;
}

function documentOf(served: readonly Served[]) {
  const schemas: Record<string, unknown> = {};
  for (const one of served) addSchemas(one, schemas, dialect);
  return {
    openapi: '3.0.0',
    info: { title: 'Headgate', version: 'v1.32.0' },
    paths: Object.fromEntries(served.flatMap((one) => Object.entries(pathsOf(one)))),
    components: { schemas },
  };
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
    'application/apply-patch+yaml',
    ...(kind.builtin ? ['application/strategic-merge-patch+json'] : []),
    'application/apply-patch+yaml',
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
