/** What the states of a model's templates make of the model (aim.md 6.4, 11.7). */

export type AggregateReason =
  | 'AwaitingMetadata'
  | 'CreatingTemplates'
  | 'NoTemplatesExpected'
  | 'AllTemplatesReady'
  | 'AllTemplatesFailed'
  | 'NoTemplatesAvailable'
  | 'SomeTemplatesDegraded'
  | 'TemplatesProgressing'
  | 'SomeTemplatesReady';

export interface Aggregate {
  readonly state: 'Ready' | 'Progressing' | 'Degraded' | 'Failed' | 'NotAvailable';
  readonly reason: AggregateReason;
  readonly message: string;
}

export interface TemplateState {
  readonly name: string;
  /** `status.status`; undefined while nobody has looked at the template. */
  readonly status: string | undefined;
}

/** `expected` is undefined while it is not known whether there will be templates. The first row that fits decides. */
export function aggregateTemplates(templates: readonly TemplateState[], expected: boolean | undefined): Aggregate {
  if (templates.length === 0) return withoutTemplates(expected);
  const withStatus = (...statuses: string[]): readonly TemplateState[] =>
    templates.filter(({ status }) => statuses.includes(status ?? ''));
  const all = templates.length;
  const ready = withStatus('Ready');
  const bad = withStatus('Degraded', 'Failed');
  const missing = withStatus('NotAvailable');
  const working = withStatus('Pending', 'Progressing');
  if (ready.length === all) return { state: 'Ready', reason: 'AllTemplatesReady', message: 'all templates are ready' };
  if (bad.length === all) {
    const message = `all templates have failed: see the status of ${namesOf(bad)}`;
    return { state: 'Failed', reason: 'AllTemplatesFailed', message };
  }
  if (missing.length === all) {
    const message = `the cluster has the GPUs of none of the templates: see the status of ${namesOf(missing)}`;
    return { state: 'NotAvailable', reason: 'NoTemplatesAvailable', message };
  }
  if (bad.length > 0) {
    const message = `some templates have failed: see the status of ${namesOf(bad)}`;
    return { state: 'Degraded', reason: 'SomeTemplatesDegraded', message };
  }
  if (working.length > 0) return progressing;
  if (ready.length > 0 && ready.length + missing.length === all) {
    const message = `the cluster does not have the GPUs of ${namesOf(missing)}`;
    return { state: 'Ready', reason: 'SomeTemplatesReady', message };
  }
  return progressing;
}

const progressing: Aggregate = {
  state: 'Progressing',
  reason: 'TemplatesProgressing',
  message: 'templates are being looked into',
};

function withoutTemplates(expected: boolean | undefined): Aggregate {
  if (expected === undefined) {
    return { state: 'Progressing', reason: 'AwaitingMetadata', message: 'what the image recommends is not known yet' };
  }
  return expected
    ? { state: 'Progressing', reason: 'CreatingTemplates', message: 'templates are being created' }
    : { state: 'Ready', reason: 'NoTemplatesExpected', message: 'the model has no templates of its own' };
}

const mostNames = 3;

/** Sorted, so that the message stays while the states do. */
function namesOf(templates: readonly TemplateState[]): string {
  const names = templates.map(({ name }) => name).toSorted();
  const more = names.length - mostNames;
  return more > 0 ? `${names.slice(0, mostNames).join(', ')} and ${String(more)} more` : names.join(', ');
}
