import { isObject, listAt, stringAt, valueAt, type JsonObject } from '../json.ts';
import type { ApiRequest } from '../request.ts';
import type { Resources } from '../resources.ts';
import { addSchemas, type SchemaSet } from './schemas.ts';

/**
 * OpenAPI v2: the schemas of all kinds in one document, for clients that do not read v3 (kubectl before 1.27, Helm, Argo CD's diff).
 * It has no paths. client-go asks for it in protobuf: gnostic's openapiv2.Document, of which this file knows the numbers.
 */

const dialect = { prefix: '#/definitions/', version: 2 } as const;
const protobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

export function respondOpenApiV2(resources: Resources, { raw, response }: ApiRequest): void {
  const definitions: SchemaSet = {};
  for (const served of resources.all) addSchemas(served, definitions, dialect);
  const wantsProtobuf = (raw.headers.accept ?? '').includes('proto-openapi');
  const body = wantsProtobuf
    ? encodeDocument(definitions)
    : Buffer.from(JSON.stringify({ swagger: '2.0', info, paths: {}, definitions }));
  response.writeHead(200, {
    'content-type': wantsProtobuf ? protobufType : 'application/json',
    'content-length': body.length,
  });
  response.end(body);
}

const info = { title: 'Headgate', version: 'v1.32.0' };

function encodeDocument(definitions: SchemaSet): Buffer {
  const schemas = Object.entries(definitions).map(([name, schema]) => bytes(1, named(name, encodeSchema(schema))));
  return Buffer.concat([
    text(1, '2.0'),
    bytes(2, Buffer.concat([text(1, info.title), text(2, info.version)])),
    bytes(8, Buffer.alloc(0)),
    bytes(9, Buffer.concat(schemas)),
  ]);
}

/** openapi.v2.Schema. Limits are left out: clients read names, types and extensions. */
function encodeSchema(schema: unknown): Buffer {
  if (!isObject(schema)) return Buffer.alloc(0);
  const optional = (number: number, name: string) => {
    const value = stringAt(schema, name);
    return value === undefined ? [] : [text(number, value)];
  };
  const type = stringAt(schema, 'type');
  const { items, additionalProperties } = schema;
  const properties = Object.entries(isObject(schema['properties']) ? schema['properties'] : {});
  return Buffer.concat([
    ...optional(1, '$ref'),
    ...optional(2, 'format'),
    ...optional(4, 'description'),
    ...(schema['default'] === undefined ? [] : [bytes(5, yaml(schema['default']))]),
    ...optional(13, 'pattern'),
    ...listAt(schema, 'required').map((name) => text(19, String(name))),
    ...listAt(schema, 'enum').map((value) => bytes(20, yaml(value))),
    ...(additionalProperties === undefined ? [] : [bytes(21, additional(additionalProperties))]),
    ...(type === undefined ? [] : [bytes(22, text(1, type))]),
    ...(items === undefined ? [] : [bytes(23, bytes(1, encodeSchema(items)))]),
    ...(properties.length === 0
      ? []
      : [bytes(25, Buffer.concat(properties.map(([name, field]) => bytes(1, named(name, encodeSchema(field))))))]),
    ...extensions(schema),
  ]);
}

/** AdditionalPropertiesItem: a schema or a flag. */
function additional(value: unknown): Buffer {
  if (isObject(value)) return bytes(1, encodeSchema(value));
  return Buffer.from([0x10, value === true ? 1 : 0]);
}

function extensions(schema: JsonObject): Buffer[] {
  return Object.keys(schema)
    .filter((name) => name.startsWith('x-'))
    .map((name) => bytes(31, named(name, yaml(valueAt(schema, name)))));
}

/** NamedSchema and NamedAny: a name and what it names. */
function named(name: string, value: Buffer): Buffer {
  return Buffer.concat([text(1, name), bytes(2, value)]);
}

/** openapi.v2.Any holds YAML, of which JSON is a part. */
function yaml(value: unknown): Buffer {
  return text(2, JSON.stringify(value));
}

function text(number: number, value: string): Buffer {
  return bytes(number, Buffer.from(value));
}

/** A length-delimited protobuf field. */
function bytes(number: number, value: Buffer): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(value.length), value]);
}

function varint(value: number): Buffer {
  const result: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    result.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  result.push(rest);
  return Buffer.from(result);
}
