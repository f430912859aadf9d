import type * as batch from 'kubernetes-types/batch/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column, containerColumns, humanDuration, selectorText } from '../kubernetes/columns.ts';

export type Job = Builtin<batch.Job, 'spec'>;

export const Job = defineBuiltin<Job>({
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  plural: 'jobs',
  model: 'V1Job',
  categories: ['all'],
  columns: [
    column<Job>('Status', statusText),
    column<Job>('Completions', completionsText),
    column<Job>('Duration', durationText),
    age,
    ...containerColumns((job) => (job as Job).spec.template.spec),
    column<Job>('Selector', (job) => selectorText(job.spec.selector), { wide: true }),
  ],
});

function statusText(job: Job): string {
  const is = (type: string) => job.status?.conditions?.some((c) => c.type === type && c.status === 'True');
  if (is('Complete')) return 'Complete';
  if (is('Failed')) return 'Failed';
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (is('Suspended')) return 'Suspended';
  return is('FailureTarget') ? 'FailureTarget' : is('SuccessCriteriaMet') ? 'SuccessCriteriaMet' : 'Running';
}

function completionsText(job: Job): string {
  const succeeded = job.status?.succeeded ?? 0;
  if (job.spec.completions !== undefined) return `${succeeded}/${job.spec.completions}`;
  const parallelism = job.spec.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationText(job: Job, now: Date): string {
  const start = job.status?.startTime;
  if (start === undefined) return '';
  const end = job.status?.completionTime === undefined ? now.getTime() : Date.parse(job.status.completionTime);
  return humanDuration(end - Date.parse(start));
}
