import { performance } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Gives memory back when the process has become quiet. V8 collects garbage when it allocates: after a burst of writes a process
 * that then only waits would keep what the burst left, for hours. A collection takes some tens of milliseconds, at a moment
 * when hardly anybody waits for them.
 */
export function startMemoryRelease(): { stop(): void } {
  const collect = collector();
  let before = performance.eventLoopUtilization();
  let usedAfterLast = 0;
  let pauses = 0;
  const timer = setInterval(() => {
    const { utilization } = performance.eventLoopUtilization(before);
    before = performance.eventLoopUtilization();
    pauses -= 1;
    if (utilization > quietBelow || pauses > 0) return;
    if (getHeapStatistics().used_heap_size < usedAfterLast + worthwhileBytes) return;
    collect();
    usedAfterLast = getHeapStatistics().used_heap_size;
    pauses = restIntervals;
  }, intervalMs);
  timer.unref();
  return {
    stop: () => {
      clearInterval(timer);
    },
  };
}

const intervalMs = 2_000;
/** Intervals between two collections, at least. */
const restIntervals = 10;
/** Share of the time in which the event loop has work. */
const quietBelow = 0.1;
/** Less than this may be garbage that V8 clears away by itself in a moment, and is not worth the pause. */
const worthwhileBytes = 24 * 1024 * 1024;

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  // The function exists in contexts that are made after the flag was set.
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') return () => undefined;
  return () => {
    Reflect.apply(collect, undefined, [{ type: 'major', execution: 'sync', flavor: 'last-resort' }]);
  };
}
