import { invalid } from '../status.ts';
import type { AdmissionPlugin } from './plugin.ts';

/** The rules that kinds have of their own, which on a cluster are webhooks (`KindAdmission`). */
export const kindRules: AdmissionPlugin = {
  handles: ({ operation, served, subresource }) =>
    operation !== 'DELETE' && subresource === undefined && served.kind.admission !== undefined,
  async mutate({ served }, object) {
    return Promise.resolve({ ...object, ...served.kind.admission?.complete(object) });
  },
  async validate(admission) {
    const { served, name, object, oldObject } = admission;
    if (object === undefined) return;
    const review = served.kind.admission?.review(object, oldObject);
    for (const warning of review?.warnings ?? []) admission.warn(warning);
    if (review !== undefined && review.errors.length > 0) throw invalid(served.kind, name, review.errors);
    await Promise.resolve();
  },
};
