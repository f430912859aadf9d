import { parse } from '@marcbachmann/cel-js';
import { describe, expect, it } from 'vitest';
import { kinds as aim } from '../../src/kinds/aim/index.ts';
import { kinds as aigateway } from '../../src/kinds/aigateway/index.ts';
import { kinds as envoygateway } from '../../src/kinds/envoygateway/index.ts';
import { kinds as gateway } from '../../src/kinds/gateway/index.ts';
import { kinds as inference } from '../../src/kinds/inference/index.ts';
import { kinds as kserve } from '../../src/kinds/kserve/index.ts';

const kinds = [...gateway, ...inference, ...aigateway, ...envoygateway, ...aim, ...kserve];

/** JSON Schema words that a CRD's structural schema may carry (apiextensions.k8s.io/v1 JSONSchemaProps). */
const allowed = new Set(
  [
    'type format description default enum properties required items additionalProperties',
    'minimum maximum minLength maxLength pattern minItems maxItems minProperties maxProperties',
    'x-kubernetes-validations x-kubernetes-list-type x-kubernetes-list-map-keys x-kubernetes-map-type',
    'x-kubernetes-int-or-string x-kubernetes-preserve-unknown-fields',
  ].flatMap((words) => words.split(' ')),
);

interface Node {
  path: string;
  schema: Record<string, unknown>;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

function* nodesOf(path: string, schema: unknown): Generator<Node> {
  if (!isRecord(schema)) throw new Error(`${path} is no schema`);
  yield { path, schema };
  if (isRecord(schema['properties'])) {
    for (const [name, child] of Object.entries(schema['properties'])) yield* nodesOf(`${path}.${name}`, child);
  }
  if (schema['items'] !== undefined) yield* nodesOf(`${path}[]`, schema['items']);
  if (schema['additionalProperties'] !== undefined) yield* nodesOf(`${path}{}`, schema['additionalProperties']);
}

const versions = kinds.flatMap((kind) =>
  kind.versions.map((version) => {
    const schema: unknown = typeof version.schema === 'function' ? version.schema() : version.schema;
    return { name: `${kind.group}/${version.name} ${kind.kind}`, nodes: [...nodesOf('', schema)] };
  }),
);

describe.each(versions)('$name', ({ nodes }) => {
  it('is a structural schema', () => {
    const foreign = nodes.flatMap(({ path, schema }) =>
      Object.keys(schema)
        .filter((word) => !allowed.has(word))
        .map((word) => `${path}: ${word}`),
    );
    expect(foreign).toEqual([]);
    const untyped = nodes.filter(
      ({ schema }) => schema['type'] === undefined && schema['x-kubernetes-int-or-string'] !== true,
    );
    expect(untyped.map(({ path }) => path)).toEqual([]);
  });

  it('has patterns that compile', () => {
    for (const { schema } of nodes) {
      if (typeof schema['pattern'] === 'string') expect(() => new RegExp(String(schema['pattern']), 'u')).not.toThrow();
    }
  });

  it('has CEL rules that parse and messages of one line', () => {
    for (const { path, schema } of nodes) {
      const rules = schema['x-kubernetes-validations'];
      if (!Array.isArray(rules)) continue;
      for (const rule of rules as { rule: string; message: string }[]) {
        // The embedded API's CEL knows has() of fields only, not of list elements.
        expect(rule.rule).not.toMatch(/has\([^()]*\[/);
        expect(() => parse(rule.rule), `${path}: ${rule.rule}`).not.toThrow();
        expect(rule.message).toMatch(/^[^\n]+$/);
      }
    }
  });

  it('keys its list maps by fields that are required or have a default', () => {
    for (const { path, schema } of nodes) {
      if (schema['x-kubernetes-list-type'] !== 'map') continue;
      const items = schema['items'] as { properties: Record<string, { default?: unknown }>; required?: string[] };
      for (const key of schema['x-kubernetes-list-map-keys'] as string[]) {
        const known = items.required?.includes(key) === true || items.properties[key]?.default !== undefined;
        expect(known, `${path} key ${key}`).toBe(true);
      }
    }
  });
});
