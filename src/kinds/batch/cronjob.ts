import type * as batch from 'kubernetes-types/batch/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column, containerColumns, since } from '../kubernetes/columns.ts';

export type CronJob = Builtin<batch.CronJob, 'spec'>;

export const CronJob = defineBuiltin<CronJob>({
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  plural: 'cronjobs',
  model: 'V1CronJob',
  shortNames: ['cj'],
  categories: ['all'],
  ineffective: 'the embedded node runs no CronJobs: create Jobs of it with `kubectl create job --from`',
  columns: [
    column<CronJob>('Schedule', (job) => job.spec.schedule),
    column<CronJob>('Timezone', (job) => job.spec.timeZone ?? '<none>'),
    column<CronJob>('Suspend', (job) => (job.spec.suspend === true ? 'True' : 'False')),
    column<CronJob>('Active', (job) => job.status?.active?.length ?? 0),
    column<CronJob>('Last Schedule', (job, now) =>
      job.status?.lastScheduleTime === undefined ? '<none>' : since(job.status.lastScheduleTime, now),
    ),
    age,
    ...containerColumns((job) => (job as CronJob).spec.jobTemplate.spec?.template.spec),
  ],
});
