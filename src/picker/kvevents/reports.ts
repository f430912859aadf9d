import type { Log } from '../../telemetry/log.ts';
import type { DirectorObserver } from '../observer.ts';

/** Logs what keeps the precise prefix scorer from knowing caches. */
export function cacheReports(
  log: Log,
): Required<Pick<DirectorObserver, 'kvEventsRefused' | 'kvEventsMissed' | 'renderFailed'>> {
  return {
    kvEventsRefused(topic, reason) {
      log.debug({ topic, reason }, 'KV events cannot be read');
    },
    kvEventsMissed(topic, batches) {
      log.debug({ topic, batches }, 'KV events were lost');
    },
    renderFailed(url, reason) {
      log.debug({ url, reason }, 'no token ids: prefixes of this request are not known');
    },
  };
}
