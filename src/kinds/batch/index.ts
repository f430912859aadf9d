import type { Kind } from '../kind.ts';
import { CronJob } from './cronjob.ts';
import { Job } from './job.ts';

export { CronJob, Job };

/** The kinds of batch/v1. */
export const kinds: readonly Kind[] = [Job, CronJob];
