import type { ApiRequest } from './request.ts';
import { ApiError } from './status.ts';

/** As many requests as kube-apiserver takes at a time by default (--max-requests-inflight and its mutating twin). */
const maxRequests = 600;

/** Counts requests under way, so that a flood is refused rather than collected in memory. */
export interface InFlight {
  /** Refuses with 429 when there are too many. Returns what is to be called at the end of the request. */
  enter(request: ApiRequest): () => void;
}

export function createInFlight(limit = maxRequests): InFlight {
  let count = 0;
  return {
    enter({ query, resource }) {
      // Watches have a limit of their own; a log that is followed may last as long, and so may what is asked of a Pod.
      if (query.has('watch') || resource?.subresource === 'log' || resource?.subresource === 'proxy')
        return () => undefined;
      if (count >= limit) {
        throw new ApiError(429, 'TooManyRequests', 'Too many requests, please try again later.', {
          retryAfterSeconds: 1,
        });
      }
      count += 1;
      return () => {
        count -= 1;
      };
    },
  };
}
