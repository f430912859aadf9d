import { isDeepStrictEqual } from 'node:util';
import { absent, Matcher, type Behaviour } from '../behaviour.ts';
import { jsonPatch, merge, post, refused } from './requests.ts';
import {
  definitions,
  group,
  name,
  widgets,
  w,
  version,
  definition,
  install,
  uninstall,
  widget,
  object,
  invalid,
  reject,
  string,
  integer,
} from './widget.ts';

/** What the schema of a custom resource refuses, fills in and removes. */
const specProperties = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties';

export const schemas: readonly Behaviour[] = [
  {
    name: 'a definition whose name is not plural.group is refused',
    steps: [
      post(
        definitions,
        { ...definition([version(object({}))]), metadata: { name: `gadgets.${group}` } },
        invalid(/metadata\.name: Invalid value: "gadgets\..*": must be spec\.names\.plural\+"\."\+spec\.group/),
      ),
    ],
  },
  {
    name: 'a definition without a schema is refused',
    steps: [
      post(
        definitions,
        definition([{ name: 'v1', served: true, storage: true }]),
        invalid(/spec\.versions\[0\]\.schema\.openAPIV3Schema: Required value: schemas are required/),
      ),
    ],
  },
  {
    name: 'a definition with two storage versions is refused',
    steps: [
      post(
        definitions,
        definition([version(object({})), version(object({}), { name: 'v2' })]),
        invalid(/must have exactly one version marked as storage version/),
      ),
    ],
  },
  {
    name: 'a definition whose schema is not structural is refused',
    steps: [
      post(
        definitions,
        definition([version({ properties: { a: string } })]),
        invalid(/spec\.type: Required value: must not be empty for specified object fields|\.type: Required value/),
      ),
    ],
  },
  reject(
    'a wrong type names the field and both types',
    object({ n: integer }),
    { n: 'x' },
    'Widget.{ns}.example.com "w" is invalid: spec.n: Invalid value: "string": spec.n in body must be of type integer: "string"',
  ),
  reject(
    'a missing required field',
    object({ a: string }, { required: ['a'] }),
    {},
    'Widget.{ns}.example.com "w" is invalid: spec.a: Required value',
  ),
  reject(
    'a value outside its enum',
    object({ a: { type: 'string', enum: ['x', 'y'] } }),
    { a: 'z' },
    'Widget.{ns}.example.com "w" is invalid: spec.a: Unsupported value: "z": supported values: "x", "y"',
  ),
  reject(
    'a number below its minimum',
    object({ n: { type: 'integer', minimum: 1 } }),
    { n: 0 },
    'Widget.{ns}.example.com "w" is invalid: spec.n: Invalid value: 0: spec.n in body should be greater than or equal to 1',
  ),
  reject(
    'a number above its maximum',
    object({ n: { type: 'integer', maximum: 5 } }),
    { n: 6 },
    'Widget.{ns}.example.com "w" is invalid: spec.n: Invalid value: 6: spec.n in body should be less than or equal to 5',
  ),
  reject(
    'a string that does not match its pattern',
    object({ a: { type: 'string', pattern: '^x+$' } }),
    { a: 'y' },
    'Widget.{ns}.example.com "w" is invalid: spec.a: Invalid value: "y": spec.a in body should match \'^x+$\'',
  ),
  reject(
    'a string below its minLength',
    object({ a: { type: 'string', minLength: 2 } }),
    { a: 'y' },
    'Widget.{ns}.example.com "w" is invalid: spec.a: Invalid value: "y": spec.a in body should be at least 2 chars long',
  ),
  reject(
    'a string above its maxLength',
    object({ a: { type: 'string', maxLength: 2 } }),
    { a: 'yyy' },
    'Widget.{ns}.example.com "w" is invalid: spec.a: Too long: may not be more than 2 bytes',
  ),
  reject(
    'a list above its maxItems',
    object({ l: { type: 'array', maxItems: 1, items: string } }),
    { l: ['a', 'b'] },
    'Widget.{ns}.example.com "w" is invalid: spec.l: Too many: 2: must have at most 1 items',
  ),
  reject(
    'a list below its minItems',
    object({ l: { type: 'array', minItems: 1, items: string } }),
    { l: [] },
    'Widget.{ns}.example.com "w" is invalid: spec.l: Invalid value: 0: spec.l in body should have at least 1 items',
  ),
  reject(
    'a duplicate in a list set',
    object({ l: { type: 'array', 'x-kubernetes-list-type': 'set', items: string } }),
    { l: ['a', 'a'] },
    'Widget.{ns}.example.com "w" is invalid: spec.l[1]: Duplicate value: "a"',
  ),
  reject(
    'a duplicate key in a list map',
    object({
      l: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['k'],
        items: object({ k: string }, { required: ['k'] }),
      },
    }),
    { l: [{ k: 'a' }, { k: 'a' }] },
    /spec\.l\[1\]: Duplicate value: .*"k":"a"/,
  ),
  reject(
    'a CEL rule answers with its message',
    object(
      { n: integer, m: integer },
      { 'x-kubernetes-validations': [{ rule: 'self.n <= self.m', message: 'n must not be above m' }] },
    ),
    { n: 2, m: 1 },
    /^Widget\.{ns}\.example\.com "w" is invalid: spec: Invalid value: "object": n must not be above m$/,
  ),
  reject(
    'a CEL rule without a message answers with the rule',
    object({ n: integer }, { 'x-kubernetes-validations': [{ rule: 'self.n <= 5' }] }),
    { n: 6 },
    /spec: Invalid value: "object": failed rule: self\.n <= 5/,
  ),
  reject(
    'a CEL rule may make its message',
    object({
      a: {
        ...string,
        maxLength: 10,
        'x-kubernetes-validations': [{ rule: 'self != "bad"', messageExpression: '"got " + self' }],
      },
    }),
    { a: 'bad' },
    'Widget.{ns}.example.com "w" is invalid: spec.a: Invalid value: "string": got bad',
  ),
  reject(
    'a CEL rule may name its reason and field',
    object(
      { n: integer },
      {
        'x-kubernetes-validations': [
          { rule: 'self.n <= 5', message: 'no', reason: 'FieldValueForbidden', fieldPath: '.n' },
        ],
      },
    ),
    { n: 6 },
    'Widget.{ns}.example.com "w" is invalid: spec.n: Forbidden: no',
  ),
  {
    name: 'a CEL transition rule compares with oldSelf, on updates only',
    steps: [
      ...install(
        object({
          n: { ...integer, 'x-kubernetes-validations': [{ rule: 'self >= oldSelf', message: 'n may only grow' }] },
        }),
      ),
      post(widgets, widget({ n: 5 })),
      merge(
        w,
        { spec: { n: 4 } },
        invalid('Widget.{ns}.example.com "w" is invalid: spec.n: Invalid value: "integer": n may only grow'),
      ),
      merge(w, { spec: { n: 6 } }),
      uninstall,
    ],
  },
  {
    name: 'an unchanged value that has become invalid does not block an update (ratcheting)',
    steps: [
      ...install(object({ a: string, b: string })),
      post(widgets, widget({ a: 'long', b: 'x' })),
      jsonPatch(`${definitions}/${name}`, [
        { op: 'add', path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/a/maxLength', value: 2 },
      ]),
      // The new schema is in force when a new value is refused.
      { ...merge(`${w}?dryRun=All`, { spec: { a: 'longer' } }), status: 422, eventually: true },
      merge(w, { spec: { b: 'y' } }, { expect: { spec: { a: 'long', b: 'y' } } }),
      uninstall,
    ],
  },
  {
    name: 'ratcheting excuses what is unchanged: fields, entries of list maps, whole lists, rules without oldSelf',
    steps: [
      ...install(
        object({
          map: {
            type: 'array',
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['key'],
            items: { ...object({ key: string, v: string }), required: ['key'] },
          },
          list: { type: 'array', items: string },
          o: object({ x: string, y: string }),
          n: integer,
        }),
      ),
      post(
        widgets,
        widget({
          map: [
            { key: 'a', v: 'long' },
            { key: 'b', v: 'long' },
          ],
          list: ['long', 'ok'],
          o: { x: 'long' },
          n: 1,
        }),
      ),
      jsonPatch(`${definitions}/${name}`, [
        { op: 'add', path: `${specProperties}/map/items/properties/v/maxLength`, value: 2 },
        { op: 'add', path: `${specProperties}/list/items/maxLength`, value: 2 },
        { op: 'add', path: `${specProperties}/o/required`, value: ['y'] },
        {
          op: 'add',
          path: `${specProperties}/n/x-kubernetes-validations`,
          value: [{ rule: 'self > 5', message: 'too small' }],
        },
      ]),
      { ...merge(`${w}?dryRun=All`, { spec: { n: 2 } }), ...invalid(/too small/), eventually: true },
      merge(w, { metadata: { labels: { a: 'b' } } }, { expect: { spec: { n: 1 } } }),
      merge(w, { spec: { list: ['long', 'no'] } }, invalid(/spec\.list\[0\]: Too long/)),
      merge(w, { spec: { o: { x: 'other' } } }, invalid(/spec\.o\.y: Required value/)),
      jsonPatch(w, [{ op: 'replace', path: '/spec/map/1/v', value: 'ok' }], {
        expect: { spec: { map: [{ v: 'long' }, { v: 'ok' }] } },
      }),
      jsonPatch(w, [{ op: 'replace', path: '/spec/map/1/v', value: 'longer' }], invalid(/spec\.map\[1\]\.v: Too long/)),
      jsonPatch(w, [{ op: 'remove', path: '/spec/n' }]),
      merge(w, { spec: { n: 1 } }, invalid(/too small/)),
      uninstall,
    ],
  },
  {
    name: 'a CEL rule that costs too much for an object is cut off',
    steps: [
      ...install(
        object({
          list: {
            type: 'array',
            maxItems: 1000,
            items: integer,
            'x-kubernetes-validations': [
              { rule: 'self.all(x, self.all(y, x + y >= 0))', message: 'none is below the others' },
              { rule: 'self.size() < 5', message: 'there are few' },
            ],
          },
        }),
      ),
      post(widgets, widget({ list: [1, 2, 3] })),
      merge(
        w,
        { spec: { list: Array.from({ length: 700 }, (_, index) => index) } },
        invalid(
          /spec\.list: Invalid value: "array": .*no further validation rules will be run due to call cost exceeds limit for rule: none is below the others/,
        ),
      ),
      merge(w, { spec: { list: [1, 2, 3, 4, 5] } }, invalid(/spec\.list: Invalid value: "array": there are few/)),
      uninstall,
    ],
  },
  {
    name: 'a CEL rule that does not compile refuses the definition',
    steps: [
      post(
        definitions,
        definition([version(object({ n: integer }, { 'x-kubernetes-validations': [{ rule: 'self.missing > 1' }] }))]),
        invalid(/x-kubernetes-validations\[0\]\.rule: Invalid value: .*undefined field 'missing'/),
      ),
    ],
  },
  {
    name: 'defaults are written on create and read',
    steps: [
      ...install(
        object({
          a: { type: 'string', default: 'x' },
          o: { ...object({ n: { type: 'integer', default: 3 } }), default: {} },
        }),
      ),
      post(widgets, widget({}), { expect: { spec: { a: 'x', o: { n: 3 } } } }),
      uninstall,
    ],
  },
  {
    name: 'null is the same as absent, at any depth, unless nullable; in a list it is an error',
    steps: [
      ...install(
        object({
          a: string,
          kept: { type: 'string', nullable: true },
          defaulted: { type: 'string', default: 'x' },
          map: { type: 'object', additionalProperties: string },
          list: { type: 'array', items: object({ b: string, c: integer }) },
          texts: { type: 'array', items: string },
          nested: object({ deep: object({ d: string }), other: object({}, { nullable: true }) }),
          any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          either: { 'x-kubernetes-int-or-string': true },
        }),
      ),
      post(
        widgets,
        widget({
          a: null,
          kept: null,
          defaulted: null,
          map: { x: null, y: 'z' },
          list: [{ b: null, c: 1 }],
          texts: null,
          nested: { deep: { d: null }, other: null },
          any: { free: null },
          either: null,
        }),
        {
          expect: {
            spec: new Matcher('without nulls that are not allowed', (spec) =>
              isDeepStrictEqual(spec, {
                kept: null,
                defaulted: 'x',
                map: { y: 'z' },
                list: [{ c: 1 }],
                nested: { deep: {}, other: null },
                any: { free: null },
              }),
            ),
          },
        },
      ),
      merge(w, { spec: { map: { y: null } } }, { expect: { spec: { map: { y: absent } } } }),
      post(
        widgets,
        widget({ texts: ['a', null] }, { name: 'other' }),
        invalid(/spec\.texts\[1\]: Invalid value: "null": .* must be of type string: "null"/),
      ),
      uninstall,
    ],
  },
  {
    name: 'a null for a field with a default is defaulted, unless nullable',
    steps: [
      ...install(object({ a: { type: 'string', default: 'x' }, b: { type: 'string', default: 'y', nullable: true } })),
      post(widgets, widget({ a: null, b: null }), { expect: { spec: { a: 'x', b: null } } }),
      uninstall,
    ],
  },
  {
    name: 'unknown fields are pruned with a warning',
    steps: [
      ...install(object({ a: string })),
      post(widgets, widget({ a: 'x', b: 'y' }), {
        expectHeaders: { warning: '299 - "unknown field \\"spec.b\\""' },
        expect: { spec: { a: 'x', b: absent } },
      }),
      uninstall,
    ],
  },
  {
    name: 'fieldValidation=Strict refuses unknown fields of a custom resource',
    steps: [
      ...install(object({ a: string })),
      post(
        `${widgets}?fieldValidation=Strict`,
        widget({ b: 'y' }),
        refused(400, 'BadRequest', /strict decoding error: unknown field "spec\.b"/),
      ),
      uninstall,
    ],
  },
  {
    name: 'x-kubernetes-preserve-unknown-fields keeps them',
    steps: [
      ...install(object({}, { 'x-kubernetes-preserve-unknown-fields': true })),
      post(widgets, widget({ any: { thing: [1, 'a'] } }), { expect: { spec: { any: { thing: [1, 'a'] } } } }),
      uninstall,
    ],
  },
  {
    name: 'x-kubernetes-int-or-string takes both',
    steps: [
      ...install(object({ p: { 'x-kubernetes-int-or-string': true } })),
      post(widgets, widget({ p: 1 })),
      merge(w, { spec: { p: '10%' } }, { expect: { spec: { p: '10%' } } }),
      merge(w, { spec: { p: true } }, { status: 422 }),
      uninstall,
    ],
  },
];
