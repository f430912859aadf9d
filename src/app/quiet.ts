import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

const windowMs = 50;
/** Share of a window in which the event loop has work. */
const quietBelow = 0.4;

/**
 * Resolves when the event loop has little to do, and after `limitMs` at the latest: what takes it for long, as loading much code
 * does, then holds up nothing that was under way.
 */
export async function untilQuiet(limitMs: number): Promise<void> {
  const end = performance.now() + limitMs;
  let before = performance.eventLoopUtilization();
  while (performance.now() < end) {
    await delay(windowMs);
    if (performance.eventLoopUtilization(before).utilization < quietBelow) return;
    before = performance.eventLoopUtilization();
  }
}
