import { createHash } from 'node:crypto';
import type { GpuDemand } from '../templates/gpus.ts';
import { timestamp } from '../../../kinds/timestamp.ts';

/** When a failed discovery may be tried again (aim.md 7.5). */

const firstMs = 60_000;
const lastMs = 3_600_000;

/** What is remembered of failed discoveries: `status.discovery`. */
export interface DiscoveryAttempts {
  attempts?: number;
  /** RFC 3339. */
  lastAttemptTime?: string;
  lastFailureReason?: string;
  specHash?: string;
}

/** Wait after so many failed attempts: a minute, doubling up to an hour. */
export function discoveryWaitMs(attempts: number): number {
  return attempts <= 0 ? 0 : Math.min(firstMs * 2 ** Math.min(attempts - 1, 20), lastMs);
}

/** How long the next attempt has to wait still; 0 when it may start. A changed spec starts afresh. */
export function remainingWaitMs(discovery: DiscoveryAttempts | undefined, specHash: string, now: Date): number {
  if (discovery?.lastAttemptTime === undefined || discovery.specHash !== specHash) return 0;
  const last = Date.parse(discovery.lastAttemptTime);
  if (Number.isNaN(last)) return 0;
  return Math.max(0, last + discoveryWaitMs(discovery.attempts ?? 0) - now.getTime());
}

/**
 * The memory after a failed job that ended at `failedAt`. The time is the API's, not ours, so that a failure is counted once,
 * however often it is seen, and the next one again, however wrong our clock is.
 */
export function countFailure(
  discovery: DiscoveryAttempts | undefined,
  failure: { specHash: string; failedAt: Date; reason: string },
): DiscoveryAttempts {
  const known = discovery?.specHash === failure.specHash ? discovery : undefined;
  const last = Date.parse(known?.lastAttemptTime ?? '');
  if (known !== undefined && !Number.isNaN(last) && failure.failedAt.getTime() <= last) return known;
  return {
    attempts: (known?.attempts ?? 0) + 1,
    lastAttemptTime: timestamp(failure.failedAt),
    lastFailureReason: failure.reason,
    specHash: failure.specHash,
  };
}

export interface DiscoveryInputs {
  readonly modelName: string;
  readonly image: string;
  readonly metric?: string | undefined;
  readonly precision?: string | undefined;
  readonly gpu?: GpuDemand | undefined;
  readonly profileId?: string | undefined;
}

/** Changes with everything that could make a failed discovery succeed: 16 hex digits. */
export function discoverySpecHash(inputs: DiscoveryInputs): string {
  const { modelName, image, metric = '', precision = '', gpu, profileId = '' } = inputs;
  const text = [modelName, image, metric, precision, gpu?.model ?? '', String(gpu?.requests ?? 0), profileId].join('');
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
