import type { RouteRule } from '../../../routes/table.ts';
import { answer } from '../../answers.ts';
import { describeBackend } from '../../walk/describe.ts';
import type { Attempt, UpstreamStep } from './attempt.ts';

/** A backend limit at or above the whole request's would never be the first to fire. */
export function limitsAttempts({ backendRequestTimeoutMs, requestTimeoutMs }: RouteRule): boolean {
  if (!backendRequestTimeoutMs) return false;
  return !requestTimeoutMs || requestTimeoutMs > backendRequestTimeoutMs;
}

/** Milliseconds from the sending of an attempt to the end of its answer. */
export const limitTime =
  (timeoutMs: number): UpstreamStep =>
  (send) =>
  (attempt) => {
    attempt.timer = setTimeout(outOfTime, timeoutMs, attempt);
    send(attempt);
  };

function outOfTime(attempt: Attempt): void {
  const backend = describeBackend(attempt.place.backend);
  attempt.cancel();
  attempt.events.onAnswer(answer('backend_request_timeout', { backend }));
}
