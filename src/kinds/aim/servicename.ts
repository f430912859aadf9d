import { invalidValue } from '../fielderror.ts';
import type { KindAdmission } from '../kind.ts';
import type { KubeObject } from '../object.ts';

/**
 * The InferenceService and Services of an AIMService are named after it. Dots and length are mended (aim.md 2.3, 11.3); a digit at the
 * beginning cannot be, and Services would be refused for ever.
 */
export const aimServiceAdmission = <T extends KubeObject>(): KindAdmission<T> => ({
  complete: (object) => object,
  review: ({ metadata: { name } }, old) => ({
    errors:
      old !== undefined || /^[a-z]/.test(name)
        ? []
        : [invalidValue('metadata.name', name, 'Services are named after it: it must begin with a letter')],
    warnings: [],
  }),
});
