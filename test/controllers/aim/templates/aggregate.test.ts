import { describe, expect, it } from 'vitest';
import { aggregateTemplates } from '../../../../src/controllers/aim/templates/aggregate.ts';

const of = (...statuses: (string | undefined)[]) => statuses.map((status, i) => ({ name: `t${String(i)}`, status }));

describe('what templates make of their model (aim.md 6.4)', () => {
  it.each([
    [of(), undefined, 'Progressing', 'AwaitingMetadata'],
    [of(), true, 'Progressing', 'CreatingTemplates'],
    [of(), false, 'Ready', 'NoTemplatesExpected'],
    [of('Ready', 'Ready'), true, 'Ready', 'AllTemplatesReady'],
    [of('Ready'), false, 'Ready', 'AllTemplatesReady'],
    [of('Failed', 'Degraded'), true, 'Failed', 'AllTemplatesFailed'],
    [of('NotAvailable', 'NotAvailable'), true, 'NotAvailable', 'NoTemplatesAvailable'],
    [of('Ready', 'Failed'), true, 'Degraded', 'SomeTemplatesDegraded'],
    [of('Pending', 'Degraded'), true, 'Degraded', 'SomeTemplatesDegraded'],
    [of('NotAvailable', 'Failed'), true, 'Degraded', 'SomeTemplatesDegraded'],
    [of('Ready', 'Pending'), true, 'Progressing', 'TemplatesProgressing'],
    [of('NotAvailable', 'Progressing'), true, 'Progressing', 'TemplatesProgressing'],
    [of('Ready', 'NotAvailable'), true, 'Ready', 'SomeTemplatesReady'],
    [of(undefined, 'Ready'), true, 'Progressing', 'TemplatesProgressing'],
    [of(undefined), true, 'Progressing', 'TemplatesProgressing'],
  ])('%j, expected %s: %s, %s', (templates, expected, state, reason) => {
    expect(aggregateTemplates(templates, expected)).toMatchObject({ state, reason });
  });

  it('names the first few of those that are not ready, in a stable order', () => {
    const failed = ['d', 'b', 'a', 'c'].map((name) => ({ name, status: 'Failed' }));
    const { message } = aggregateTemplates(failed, true);
    expect(message).toContain('a, b, c and 1 more');
    expect(aggregateTemplates(failed.toReversed(), true).message).toBe(message);
  });
});
