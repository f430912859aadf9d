import { afterAll, beforeAll, expect, test } from 'vitest';
import { Type } from 'typebox';
import { defineKind } from '../../src/kinds/kind.ts';
import type { KubeObject } from '../../src/kinds/object.ts';
import {
  conditions,
  freeForm,
  int32,
  intOrString,
  listMap,
  listSet,
  objectSchema,
  stringEnum,
} from '../../src/kinds/schema.ts';
import { startTestApi, type TestApi } from './harness.ts';

const Widget = defineKind<KubeObject>({
  group: 'test.example',
  kind: 'Widget',
  plural: 'widgets',
  namespaced: false,
  versions: [
    {
      name: 'v1',
      served: true,
      schema: objectSchema({
        spec: Type.Object(
          {
            name: Type.String({ minLength: 2, maxLength: 5, pattern: '^[a-z]+$' }),
            size: Type.Optional(int32({ minimum: 1, maximum: 9, default: 3 })),
            color: Type.Optional(stringEnum(['Red', 'Green'])),
            parts: Type.Optional(
              listMap(['id'], Type.Object({ id: Type.String(), weight: Type.Optional(Type.Number()) }), {
                maxItems: 2,
              }),
            ),
            tags: Type.Optional(listSet(Type.String(), { minItems: 1 })),
            port: Type.Optional(intOrString()),
            extra: Type.Optional(freeForm()),
            nested: Type.Optional(
              Type.Object({ level: Type.Optional(Type.String({ default: 'low' })) }, { default: {} }),
            ),
            fixed: Type.Optional(
              Type.String({ 'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'Value is immutable' }] }),
            ),
            wait: Type.Optional(Type.String()),
          },
          {
            'x-kubernetes-validations': [
              { rule: 'self.size > 1 || has(self.color)', message: 'small widgets need a color' },
              {
                rule: "!has(self.wait) || duration(self.wait) <= duration('1h')",
                messageExpression: "'wait is ' + self.wait + ', longer than 1h'",
                fieldPath: '.wait',
              },
            ],
          },
        ),
        status: Type.Optional(Type.Object({ conditions: Type.Optional(conditions()) })),
      }),
    },
  ],
});

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ kinds: [Widget] });
});
afterAll(async () => {
  await api.close();
});

const path = '/apis/test.example/v1/widgets';
const widget = (spec: unknown, name = 'w') => ({
  apiVersion: 'test.example/v1',
  kind: 'Widget',
  metadata: { name },
  spec,
});

const cases: [problem: string, spec: unknown, message: string][] = [
  ['required', {}, 'Widget.test.example "w" is invalid: spec.name: Required value'],
  ['type', { name: 5 }, 'spec.name: Invalid value: "number": spec.name in body must be of type string: "number"'],
  ['null', { name: null }, 'spec.name: Required value'],
  ['minLength', { name: 'a' }, 'spec.name: Invalid value: "a": spec.name in body should be at least 2 chars long'],
  ['maxLength', { name: 'abcdef' }, 'spec.name: Too long: may not be more than 5 bytes'],
  ['pattern', { name: 'A1' }, 'spec.name: Invalid value: "A1": spec.name in body should match \'^[a-z]+$\''],
  [
    'minimum',
    { name: 'ab', size: 0 },
    'spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1',
  ],
  [
    'maximum',
    { name: 'ab', size: 10 },
    'spec.size: Invalid value: 10: spec.size in body should be less than or equal to 9',
  ],
  ['enum', { name: 'ab', color: 'Blue' }, 'spec.color: Unsupported value: "Blue": supported values: "Red", "Green"'],
  [
    'maxItems',
    { name: 'ab', parts: [{ id: 'a' }, { id: 'b' }, { id: 'c' }] },
    'spec.parts: Too many: 3: must have at most 2 items',
  ],
  ['minItems', { name: 'ab', tags: [] }, 'spec.tags: Invalid value: 0: spec.tags in body should have at least 1 items'],
  [
    'list map',
    { name: 'ab', parts: [{ id: 'a' }, { id: 'a', weight: 1 }] },
    'spec.parts[1]: Duplicate value: map[string]interface {}{"id":"a"}',
  ],
  ['list set', { name: 'ab', tags: ['x', 'x'] }, 'spec.tags[1]: Duplicate value: "x"'],
  ['nested required', { name: 'ab', parts: [{}] }, 'spec.parts[0].id: Required value'],
  ['rule', { name: 'ab', size: 1 }, 'spec: Invalid value: "object": small widgets need a color'],
  ['message expression', { name: 'ab', wait: '2h' }, 'spec.wait: Invalid value: "object": wait is 2h, longer than 1h'],
  [
    'several',
    { size: 0 },
    'Widget.test.example "w" is invalid: [spec.name: Required value, spec.size: Invalid value: 0',
  ],
];

test.each(cases)('%s', async (_problem, spec, message) => {
  const answer = await api.call('POST', path, { body: widget(spec) });
  expect(answer.body.message).toContain(message);
  expect(answer).toMatchObject({
    status: 422,
    body: { reason: 'Invalid', details: { kind: 'Widget', group: 'test.example' } },
  });
});

test('defaults are filled in, unknown fields pruned, free-form ones kept', async () => {
  const body = widget({ name: 'ab', gone: 1, extra: { kept: { deep: 1 } }, port: 'http' }, 'defaults');
  const answer = await api.call('POST', path, { body });
  expect(answer.body.spec).toEqual({
    name: 'ab',
    size: 3,
    extra: { kept: { deep: 1 } },
    port: 'http',
    nested: { level: 'low' },
  });
});

test('transition rules compare with the object that is replaced', async () => {
  const created = await api.call('POST', path, { body: widget({ name: 'ab', fixed: 'one' }, 'fixed') });
  const spec = { ...created.body.spec, fixed: 'two' };
  const answer = await api.call('PUT', `${path}/fixed`, { body: { ...created.body, spec } });
  expect(answer.body.message).toBe(
    'Widget.test.example "fixed" is invalid: spec.fixed: Invalid value: "string": Value is immutable',
  );
});

test('a custom resource is never overwritten blindly', async () => {
  await api.call('POST', path, { body: widget({ name: 'ab' }, 'blind') });
  const answer = await api.call('PUT', `${path}/blind`, { body: widget({ name: 'cd' }, 'blind') });
  expect(answer.body.message).toContain(
    'metadata.resourceVersion: Invalid value: 0x0: must be specified for an update',
  );
});
