import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { currentPaths, legacyPaths, renderPath } from '../../../../src/controllers/aim/service/pathtemplate.ts';

const service = {
  apiVersion: 'aim.eai.amd.com/v1alpha1',
  kind: 'AIMService',
  metadata: {
    name: 'Llama-Chat',
    namespace: 'ml-team',
    uid: '12345678-90ab',
    labels: { team: 'NLP_Core', 'a/b': 'x', empty: '', long: 'z'.repeat(80) },
    annotations: { 'route.suffix': 'Team-A/B', sp: '  a b  ' },
  },
  spec: {
    model: { name: 'meta-llama-3-8b' },
    template: { allowUnoptimized: false },
    replicas: 3,
    env: [
      { name: 'A', value: '1' },
      { name: 'B', value: '2' },
    ],
  },
};
const error = Symbol('error');

/** Template, path in aim.eai.amd.com, path in aim.silogen.ai where it is another (aim.md 16.3). */
const vectors: [string, string | typeof error, string?][] = [
  ['/{.metadata.namespace}/{.metadata.name}', '/ml-team/llama-chat'],
  ['{.metadata.name}', '/llama-chat'],
  ['/models/{.metadata.name}/', '/models/llama-chat'],
  ["/{.metadata.labels['team']}/x", '/nlp-core/x'],
  ['/{.metadata.labels["team"]}/x', '/nlp-core/x'],
  ['/{.metadata.labels.team}', '/nlp-core'],
  ["/{.metadata.labels['a/b']}", '/x'],
  ["/{.metadata.labels['missing']}", error],
  ['/{.metadata.labels.missing}', error],
  ['/{.metadata.annotations.nope}', error],
  ["/{.metadata.labels['empty']}/t", '/t'],
  ["/{.metadata.labels['long']}", `/${'z'.repeat(63)}`],
  ["/{.metadata.annotations['route.suffix']}", '/team-a/b'],
  ["/{.metadata.annotations['sp']}", '/a-b'],
  ['/{.spec.model.name}', '/meta-llama-3-8b'],
  ['/{.spec.model.image}', error],
  ['/{.spec.replicas}', '/3'],
  ['/{.spec.template.allowUnoptimized}', '/false'],
  ['/{.spec.env[0].value}', '/1'],
  ['/{.spec.env[-1:].value}', '/2'],
  ["/{.spec.env[?(@.name=='B')].value}", '/2'],
  ['/{.spec.env[?(@.name=="B")].value}', '/2'],
  ['/{.spec.env[*].name}', error],
  ['/{..name}', error],
  ["/{.spec.env[?(@.name=='Z')].value}", error],
  ['/{.spec.env[9].value}', error],
  ['/{.spec.nope}', error],
  ['/{.spec.runtimeConfigName}', '/'],
  ["/{.metadata['name']}", error],
  ["/{.spec['model'].name}", error],
  ['/{.metadata[}', error],
  ['/{metadata.name}', error],
  ['/{.metadata.name,.metadata.namespace}', error],
  ['/{range .spec.env[*]}{.name}{end}', error],
  ['/{end}', error],
  ['/{ .metadata.name }', '/llama-chat'],
  ['/{$.metadata.name}', '/llama-chat'],
  ["/{'lit'}", '/lit'],
  ['/{.kind}', '/aimservice'],
  ['/{}', '/'],
  ['/a//b/../c', '/a/b/c'],
  ['/UPPER/Mixed Case/x', '/upper/mixed-case/x'],
  ['/a%20b/c?d=e', '/a-20b/c-d-e'],
  ['/héllo', '/h-llo'],
  ['/-/--/x', '/x'],
  ['/v1.2/{.metadata.name}', '/v1-2/llama-chat', '/v1.2/llama-chat'],
  ['   ', error],
  ['/', '/'],
  ['//', '/'],
  [`/${'a'.repeat(199)}`, `/${'a'.repeat(63)}`],
  [`/${'a'.repeat(200)}`, error],
  // An empty template is no template.
  ['', '/ml-team/12345678-90ab'],
  ['/{.spec.env}', error],
  ['/{.spec.env[0:2:2].value}', '/1'],
  ["/{.spec.env[?(@.name!='B')].value}", '/1'],
];

describe.each([
  ['aim.eai.amd.com', currentPaths, 1],
  ['aim.silogen.ai', legacyPaths, 2],
] as const)('the path of a service of %s', (_, dialect, column) => {
  it.each(vectors)('%j', (template, current, legacy) => {
    const expected = column === 2 ? (legacy ?? current) : current;
    const rendered = renderPath(template, service, dialect);
    if (expected === error) expect(rendered).toHaveProperty('error');
    else expect(rendered).toEqual({ path: expected });
  });

  it('never has anything but plain segments', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (template) => {
        const rendered = renderPath(template, service, dialect);
        if ('error' in rendered) return;
        expect(rendered.path).toMatch(/^\/([a-z0-9.-]{1,63}(\/[a-z0-9.-]{1,63})*)?$/);
        expect(rendered.path.length).toBeLessThanOrEqual(200);
      }),
    );
  });
});

it('names the label that is missing', () => {
  expect(renderPath("/{.metadata.labels['squad']}", service, currentPaths)).toEqual({
    error: expect.stringContaining('no label "squad"') as string,
  });
});
