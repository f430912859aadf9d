import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  currentSelection,
  describeRejections,
  legacySelection,
  selectTemplate,
  type Candidate,
  type SelectionRules,
  type Wish,
} from '../../../../src/controllers/aim/templates/selection.ts';

/** `mi300x/8/latency/fp8` with the profile type optimized, Ready and of the namespace unless said otherwise. */
function template(name: string, profile: string, more: Partial<Candidate> = {}): Candidate {
  const [gpuModel = '', count = '', metric = '', precision = ''] = profile.split('/');
  return {
    name,
    scope: 'Namespace',
    status: 'Ready',
    profileType: 'optimized',
    gpuModel: gpuModel === '' ? undefined : gpuModel,
    gpuCount: count === '' ? undefined : Number(count),
    metric: metric === '' ? undefined : metric,
    precision: precision === '' ? undefined : precision,
    derived: false,
    ...more,
  };
}
const cluster = { scope: 'Cluster' } as const;
const status = (text: string | undefined) => ({ status: text });
const type = (profileType: string | undefined) => ({ profileType });

const usual = 'MI300X/1/latency/fp8';
const everyGpu = ['MI325X', 'MI300X', 'MI250X', 'MI210', 'MI355X', 'MI308X'];

interface Case {
  what: string;
  candidates: Candidate[];
  wish?: Partial<Wish>;
  /** Name of the chosen one, or the outcome. */
  expected: string;
  /** Reasons of the rejected, by name. */
  rejected?: Record<string, string>;
}

const current: Case[] = [
  // Stage 0 and 1: are there any, and are they ready?
  { what: 'no templates', candidates: [], expected: 'NoCandidates' },
  { what: 'one that is ready', candidates: [template('a', usual)], expected: 'a' },
  ...(
    [
      ['Pending', 'TemplatePending'],
      ['Progressing', 'TemplateProgressing'],
      ['NotAvailable', 'TemplateNotAvailable'],
      ['Degraded', 'TemplateDegraded'],
      ['Failed', 'TemplateFailed'],
      [undefined, 'TemplateNotReady'],
      ['Odd', 'TemplateNotReady'],
    ] as const
  ).map(([text, reason]) => ({
    what: `only one that is ${String(text)}`,
    candidates: [template('a', usual, status(text))],
    expected: 'NoneReady',
    rejected: { a: reason },
  })),
  {
    what: 'a worse one that is ready, before a better one that is not',
    candidates: [template('good', 'MI325X/1/latency/fp8', status('Pending')), template('ready', 'MI210/1//')],
    expected: 'ready',
    rejected: { good: 'TemplatePending' },
  },
  {
    what: 'not enough memory of any GPU makes a template NotAvailable',
    candidates: [template('vram', '/1/latency/fp8', status('NotAvailable')), template('a', usual)],
    expected: 'a',
    rejected: { vram: 'TemplateNotAvailable' },
  },
  // Stage 2: optimisation.
  ...(['preview', 'unoptimized', '', undefined] as const).map((text) => ({
    what: `a profile of type ${JSON.stringify(text)} is not taken`,
    candidates: [template('a', usual, type(text))],
    expected: 'NoMatch',
    rejected: { a: 'UnoptimizedTemplateFiltered' },
  })),
  ...(['preview', 'unoptimized', '', undefined] as const).map((text) => ({
    what: `a profile of type ${JSON.stringify(text)} is taken where the service allows it`,
    candidates: [template('a', usual, type(text))],
    wish: { allowUnoptimized: true },
    expected: 'a',
  })),
  {
    what: 'an optimized one on a lesser GPU before a preview on a better one, when both are allowed',
    candidates: [template('p', 'MI325X/1/latency/fp4', type('preview')), template('o', 'MI210/1/throughput/fp32')],
    wish: { allowUnoptimized: true },
    expected: 'o',
    rejected: { p: 'LowerPreferenceRank' },
  },
  {
    what: 'preview before unoptimized',
    candidates: [template('u', usual, type('unoptimized')), template('p', usual, type('preview'))],
    wish: { allowUnoptimized: true },
    expected: 'p',
  },
  {
    what: 'unoptimized before a type that is not known',
    candidates: [template('n', usual, type(undefined)), template('u', usual, type('unoptimized'))],
    wish: { allowUnoptimized: true },
    expected: 'u',
  },
  // Stage 3: overrides.
  {
    what: 'the metric that overrides want',
    candidates: [template('l', 'MI300X/1/latency/fp8'), template('t', 'MI300X/1/throughput/fp8')],
    wish: { metric: 'throughput' },
    expected: 't',
    rejected: { l: 'ServiceOverridesNotMatched' },
  },
  {
    what: 'metrics in any case',
    candidates: [template('t', 'MI300X/1/Throughput/fp8')],
    wish: { metric: 'throughput' },
    expected: 't',
  },
  {
    what: 'no metric is not the metric wanted',
    candidates: [template('a', 'MI300X/1//fp8')],
    wish: { metric: 'latency' },
    expected: 'NoMatch',
    rejected: { a: 'ServiceOverridesNotMatched' },
  },
  {
    what: 'the precision that overrides want',
    candidates: [template('8', 'MI300X/1/latency/fp8'), template('16', 'MI300X/1/latency/fp16')],
    wish: { precision: 'fp16' },
    expected: '16',
    rejected: { 8: 'ServiceOverridesNotMatched' },
  },
  {
    what: 'precisions in any case',
    candidates: [template('a', 'MI300X/1/latency/FP16')],
    wish: { precision: 'fp16' },
    expected: 'a',
  },
  {
    what: 'no precision is not the precision wanted',
    candidates: [template('a', 'MI300X/1/latency/')],
    wish: { precision: 'fp8' },
    expected: 'NoMatch',
  },
  {
    what: 'the GPU that overrides want, though another ranks before it',
    candidates: [template('325', 'MI325X/1/latency/fp8'), template('300', usual)],
    wish: { gpuModel: 'MI300X' },
    expected: '300',
    rejected: { 325: 'ServiceOverridesNotMatched' },
  },
  {
    what: 'GPUs however they are written',
    candidates: [template('a', 'AMD Instinct MI300X OAM/1/latency/fp8')],
    wish: { gpuModel: 'mi300x' },
    expected: 'a',
  },
  {
    what: 'a template for any GPU fits the GPU that overrides want',
    candidates: [template('a', '/1/latency/fp8')],
    wish: { gpuModel: 'MI300X' },
    expected: 'a',
  },
  {
    what: 'the number of GPUs that overrides want',
    candidates: [template('1', 'MI300X/1/latency/fp8'), template('4', 'MI300X/4/latency/fp8')],
    wish: { gpuCount: 4 },
    expected: '4',
    rejected: { 1: 'ServiceOverridesNotMatched' },
  },
  {
    what: 'a template without a number of GPUs fits any',
    candidates: [template('a', 'MI300X//latency/fp8')],
    wish: { gpuCount: 4 },
    expected: 'a',
  },
  {
    what: 'a number of 0 wants none in particular',
    candidates: [template('a', usual)],
    wish: { gpuCount: 0 },
    expected: 'a',
  },
  {
    what: 'all overrides at once',
    candidates: [template('a', usual), template('b', 'MI300X/2/throughput/fp16')],
    wish: { metric: 'throughput', precision: 'fp16', gpuModel: 'MI300X', gpuCount: 2 },
    expected: 'b',
  },
  {
    what: 'overrides that no template meets',
    candidates: [template('a', usual), template('b', 'MI300X/2/latency/fp16')],
    wish: { metric: 'throughput' },
    expected: 'NoMatch',
    rejected: { a: 'ServiceOverridesNotMatched', b: 'ServiceOverridesNotMatched' },
  },
  // Stage 4: GPUs of the cluster.
  {
    what: 'a GPU that no node has',
    candidates: [template('a', usual)],
    wish: { gpusInCluster: ['MI210'] },
    expected: 'NoMatch',
    rejected: { a: 'RequiredGPUNotInCluster' },
  },
  {
    what: 'a GPU when no node has any',
    candidates: [template('a', usual)],
    wish: { gpusInCluster: [] },
    expected: 'NoMatch',
    rejected: { a: 'RequiredGPUNotInCluster' },
  },
  {
    what: 'no GPU on a cluster without GPUs',
    candidates: [template('cpu', '///')],
    wish: { gpusInCluster: [] },
    expected: 'cpu',
  },
  {
    what: 'the best of those whose GPU is there',
    candidates: [
      template('325', 'MI325X/1/latency/fp8'),
      template('300', usual),
      template('210', 'MI210/1/latency/fp8'),
    ],
    wish: { gpusInCluster: ['MI210', 'MI300X'] },
    expected: '300',
    rejected: { 325: 'RequiredGPUNotInCluster', 210: 'LowerPreferenceRank' },
  },
  {
    what: 'a GPU of the nodes that is written otherwise',
    candidates: [template('a', usual)],
    wish: { gpusInCluster: ['Instinct-MI300X'] },
    expected: 'a',
  },
  // Stage 5: scope.
  { what: 'a template of the cluster alone', candidates: [template('c', usual, cluster)], expected: 'c' },
  {
    what: 'one of the namespace before a better one of the cluster',
    candidates: [template('c', 'MI325X/1/latency/fp4', cluster), template('n', 'MI210/1/throughput/fp32')],
    expected: 'n',
    rejected: { c: 'LowerPreferenceRank' },
  },
  {
    what: 'one of the cluster where that of the namespace is not ready',
    candidates: [template('n', usual, status('Failed')), template('c', usual, cluster)],
    expected: 'c',
  },
  {
    what: 'one of the cluster where that of the namespace is unoptimized',
    candidates: [template('n', usual, type('preview')), template('c', usual, cluster)],
    expected: 'c',
  },
  {
    what: 'one of the cluster where that of the namespace does not meet the overrides',
    candidates: [template('n', usual), template('c', 'MI300X/1/throughput/fp8', cluster)],
    wish: { metric: 'throughput' },
    expected: 'c',
  },
  {
    what: 'one of the cluster where the GPU of that of the namespace is missing',
    candidates: [template('n', 'MI325X/1/latency/fp8'), template('c', usual, cluster)],
    wish: { gpusInCluster: ['MI300X'] },
    expected: 'c',
  },
  {
    what: 'equal names in both scopes',
    candidates: [template('same', usual, cluster), template('same', usual)],
    expected: 'same',
    rejected: { same: 'LowerPreferenceRank' },
  },
  // Stage 6: ranks.
  ...[
    ['MI325X', 'MI300X'],
    ['MI300X', 'MI250X'],
    ['MI250X', 'MI210'],
    ['MI210', 'MI355X'],
    ['MI210', 'MI308X'],
  ].map(([better = '', worse = '']) => ({
    what: `${better} before ${worse}`,
    candidates: [template('worse', `${worse}/1/latency/fp4`), template('better', `${better}/1/throughput/fp32`)],
    expected: 'better',
    rejected: { worse: 'LowerPreferenceRank' },
  })),
  {
    what: 'a known GPU before any',
    candidates: [template('any', '/1/latency/fp8'), template('210', 'MI210/1/latency/fp8')],
    expected: '210',
  },
  {
    what: 'latency before throughput',
    candidates: [template('t', 'MI300X/1/throughput/fp4'), template('l', 'MI300X/1/latency/fp32')],
    expected: 'l',
  },
  {
    what: 'a metric before none',
    candidates: [template('none', 'MI300X/1//fp4'), template('t', 'MI300X/1/throughput/fp32')],
    expected: 't',
  },
  ...['fp4', 'int4', 'fp8', 'int8', 'fp16', 'bf16', 'fp32', 'auto'].slice(1).map((worse, at) => ({
    what: `${['fp4', 'int4', 'fp8', 'int8', 'fp16', 'bf16', 'fp32'][at]} before ${worse}`,
    candidates: [
      template('worse', `MI300X/1/latency/${worse}`),
      template('better', `MI300X/1/latency/${['fp4', 'int4', 'fp8', 'int8', 'fp16', 'bf16', 'fp32'][at]}`),
    ],
    expected: 'better',
  })),
  {
    what: 'ranks in any case',
    candidates: [template('a', 'mi300x/1/LATENCY/Fp8'), template('b', 'MI250X/1/latency/fp4')],
    wish: { gpusInCluster: ['MI300X', 'MI250X'] },
    expected: 'a',
  },
  // Ties.
  {
    what: 'two that rank the same',
    candidates: [template('a', usual), template('b', usual)],
    expected: 'Ambiguous',
    rejected: { a: 'TemplateSelectionAmbiguous', b: 'TemplateSelectionAmbiguous' },
  },
  {
    what: 'the number of GPUs does not rank',
    candidates: [template('1', 'MI300X/1/latency/fp8'), template('8', 'MI300X/8/latency/fp8')],
    expected: 'Ambiguous',
  },
  {
    what: 'two that tie behind a better one',
    candidates: [template('a', usual), template('b', usual), template('best', 'MI325X/1/latency/fp8')],
    expected: 'best',
    rejected: { a: 'LowerPreferenceRank', b: 'LowerPreferenceRank' },
  },
  {
    what: 'two GPUs that are not listed rank the same',
    candidates: [template('a', 'MI355X/1/latency/fp8'), template('b', 'MI308X/1/latency/fp8')],
    expected: 'Ambiguous',
  },
  {
    what: 'a tie that overrides resolve',
    candidates: [template('1', 'MI300X/1/latency/fp8'), template('8', 'MI300X/8/latency/fp8')],
    wish: { gpuCount: 8 },
    expected: '8',
  },
  {
    what: 'a tie within the cluster that one of the namespace resolves',
    candidates: [template('a', usual, cluster), template('b', usual, cluster), template('n', usual)],
    expected: 'n',
  },
  {
    what: 'the template before one that was derived from it for another service',
    candidates: [template('d', usual, { derived: true }), template('base', usual)],
    expected: 'base',
  },
  {
    what: 'templates derived for other services',
    candidates: [template('d', usual, { derived: true })],
    expected: 'd',
  },
];

const legacy: Case[] = [
  { what: 'no templates', candidates: [], expected: 'NoCandidates' },
  { what: 'none that is ready', candidates: [template('a', usual, status('Progressing'))], expected: 'NoneReady' },
  { what: 'profiles of any type', candidates: [template('a', usual, type(undefined))], expected: 'a' },
  {
    what: 'no template derived for another service',
    candidates: [template('d', usual, { derived: true })],
    expected: 'NoCandidates',
  },
  {
    what: 'overrides exclude nothing',
    candidates: [template('a', usual)],
    wish: { metric: 'throughput', precision: 'fp16', gpuCount: 4 },
    expected: 'a',
  },
  {
    what: 'the type does not rank',
    candidates: [template('a', usual, type('preview')), template('b', usual)],
    expected: 'Ambiguous',
  },
  {
    what: 'MI210 before A100',
    candidates: [template('a100', 'A100/1/latency/fp8'), template('210', 'MI210/1/latency/fp8')],
    wish: { gpusInCluster: ['A100', 'MI210'] },
    expected: '210',
  },
  {
    what: 'A100 before H100',
    candidates: [template('h100', 'H100/1/latency/fp8'), template('a100', 'A100/1/latency/fp8')],
    wish: { gpusInCluster: ['A100', 'H100'] },
    expected: 'a100',
  },
  {
    what: 'fp8 before fp16',
    candidates: [template('16', 'MI300X/1/latency/fp16'), template('8', usual)],
    expected: '8',
  },
  {
    what: 'fp16 before bf16',
    candidates: [template('b', 'MI300X/1/latency/bf16'), template('f', 'MI300X/1/latency/fp16')],
    expected: 'f',
  },
  {
    what: 'int8 is not listed',
    candidates: [template('i', 'MI300X/1/latency/int8'), template('f', 'MI300X/1/latency/fp32')],
    expected: 'f',
  },
  {
    what: 'one of the namespace before one of the cluster',
    candidates: [template('c', usual, cluster), template('n', 'MI210/1//')],
    expected: 'n',
  },
  {
    what: 'a GPU that no node has',
    candidates: [template('a', usual)],
    wish: { gpusInCluster: ['MI210'] },
    expected: 'NoMatch',
  },
];

function check(rules: SelectionRules, { candidates, wish, expected, rejected = {} }: Case): void {
  const selection = selectTemplate(candidates, { allowUnoptimized: false, gpusInCluster: everyGpu, ...wish }, rules);
  expect(selection.outcome === 'Selected' ? selection.chosen.name : selection.outcome).toBe(expected);
  for (const [name, reason] of Object.entries(rejected)) {
    expect(selection.rejected.filter((rejection) => rejection.name === name).map((found) => found.reason)).toContain(
      reason,
    );
  }
  // Whoever is not chosen is told why, exactly once.
  const considered = candidates.filter(({ derived }) => rules.derivedCount || !derived).length;
  expect(selection.rejected).toHaveLength(selection.outcome === 'Selected' ? considered - 1 : considered);
}

describe('template selection of aim.eai.amd.com', () => {
  it.each(current)('$what', (row) => {
    check(currentSelection, row);
  });
});

describe('template selection of aim.silogen.ai', () => {
  it.each(legacy)('$what', (row) => {
    check(legacySelection, row);
  });
});

it('does not depend on the order of the candidates', () => {
  const some = (...values: string[]) => fc.constantFrom(...values);
  const candidate = fc
    .record({
      name: fc.uuid(),
      profile: fc.tuple(
        some('MI300X', 'MI210', ''),
        some('1', '8'),
        some('latency', 'throughput'),
        some('fp8', 'fp16'),
      ),
      profileType: some('optimized', 'preview'),
      scope: some('Namespace', 'Cluster'),
    })
    .map(({ name, profile, profileType, scope }) =>
      template(name, profile.join('/'), { profileType, scope: scope === 'Cluster' ? 'Cluster' : 'Namespace' }),
    );
  const nameOf = (candidates: Candidate[]): string => {
    const selection = selectTemplate(candidates, { allowUnoptimized: true, gpusInCluster: everyGpu }, currentSelection);
    return selection.outcome === 'Selected' ? selection.chosen.name : selection.outcome;
  };
  fc.assert(
    fc.property(fc.uniqueArray(candidate, { maxLength: 8, selector: ({ name }) => name }), (candidates) => {
      expect(nameOf(candidates.toReversed())).toBe(nameOf(candidates));
    }),
  );
});

it('tells why in a message of bounded length', () => {
  const many = Array.from({ length: 20 }, (_, at) => template(`t${at}`, usual, type('preview')));
  const { rejected } = selectTemplate(many, { allowUnoptimized: false, gpusInCluster: everyGpu }, currentSelection);
  const message = describeRejections(rejected);
  expect(message).toContain('t0 (Namespace): UnoptimizedTemplateFiltered, its profile is preview');
  expect(message).toMatch(/and 12 more$/);
});
