import { describe, expect, it } from 'vitest';
import { isCustom } from '../../src/kinds/apiextensions/printed.ts';
import { describeModel } from '../../src/kinds/kubernetes/descriptions.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import { structuralSchemaOf, type StructuralSchema } from '../../src/kinds/structural.ts';

function* undescribed(schema: StructuralSchema, path: string): Generator<string> {
  if (schema.items !== undefined) yield* undescribed(schema.items, path);
  if (typeof schema.additionalProperties === 'object') yield* undescribed(schema.additionalProperties, path);
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const fieldPath = path === '' ? name : `${path}.${name}`;
    if ((field.description ?? '') === '') yield fieldPath;
    yield* undescribed(field, fieldPath);
  }
}

const versions = allKinds
  .filter(isCustom)
  .flatMap((kind) => kind.versions.map((version) => ({ name: `${kind.group}/${version.name} ${kind.kind}`, version })));

describe.each(versions)('$name', ({ version }) => {
  it('says of every field what it is for', () => {
    const schema = structuralSchemaOf(version);
    expect([...(schema.description === undefined ? ['(the kind)'] : []), ...undescribed(schema, '')]).toEqual([]);
  });
});

describe("Kubernetes' own types", () => {
  it('are described by the comments of their declarations', () => {
    expect(describeModel('V1PodSpec')).toMatchObject({
      description: 'PodSpec is a description of a pod.',
      fields: { containers: expect.stringContaining('List of containers belonging to the pod.') as unknown },
    });
  });

  it('that are not known have no descriptions', () => {
    expect(describeModel('V1Nothing')).toEqual({ fields: {} });
  });
});
