import { setTimeout as delay } from 'node:timers/promises';
import type { Probe } from 'kubernetes-types/core/v1.js';
import { noResults, runProbe, tally, timingOf, type ProbeTarget } from './probe.ts';

export type ProbeKind = 'Startup' | 'Readiness' | 'Liveness';

export interface ProbeReports {
  started(): void;
  ready(ready: boolean): void;
  /** One failed attempt, for the Unhealthy event. */
  failed(kind: ProbeKind, message: string): void;
  /** A startup or liveness probe has failed for good: the container is to be restarted. */
  unhealthy(kind: 'Startup' | 'Liveness'): void;
}

/**
 * Until a container has been ready once, its readiness probe is tried more often than its period says: after this time at
 * first, then whenever it has been waiting a quarter longer. A process on this machine is often ready long before the first period is over.
 */
const firstReadyMs = 100;

/**
 * Probes one run of a container until `signal` aborts: the startup probe first, then readiness and liveness side by side. A probe
 * that is not declared counts as passed.
 */
export async function probeContainer(
  target: ProbeTarget,
  readiness: Probe | undefined,
  reports: ProbeReports,
  signal: AbortSignal,
): Promise<void> {
  const { startupProbe, livenessProbe } = target.container;
  const sleep = (ms: number): Promise<unknown> => delay(ms, undefined, { signal }).catch(() => undefined);

  const watch = async (
    kind: ProbeKind,
    probe: Probe,
    verdict: (success: boolean) => 'go on' | 'stop',
  ): Promise<void> => {
    const timing = timingOf(probe);
    await sleep(timing.initialDelayMs);
    const began = performance.now();
    let reported = began;
    let results = noResults;
    let hurry = kind === 'Readiness';
    while (!signal.aborted) {
      const failure = await runProbe(probe, target);
      if (signal.aborted) return;
      const now = performance.now();
      // Of the tries between two periods nothing is told.
      if (failure !== undefined && (!hurry || now - reported >= timing.periodMs)) {
        reports.failed(kind, failure);
        reported = now;
      }
      const before = results.verdict;
      results = tally(results, failure === undefined, timing);
      if (results.verdict === 'success') hurry = false;
      if (results.verdict !== undefined && results.verdict !== before) {
        if (verdict(results.verdict === 'success') === 'stop') return;
      }
      await sleep(hurry ? Math.min(timing.periodMs, Math.max(firstReadyMs, (now - began) / 4)) : timing.periodMs);
    }
  };

  if (startupProbe !== undefined) {
    let passed = false;
    await watch('Startup', startupProbe, (success) => {
      passed = success;
      if (!success) reports.unhealthy('Startup');
      return 'stop';
    });
    if (!passed) return;
  }
  reports.started();
  if (readiness === undefined) reports.ready(true);
  await Promise.all([
    readiness === undefined
      ? undefined
      : watch('Readiness', readiness, (success) => {
          reports.ready(success);
          return 'go on';
        }),
    livenessProbe === undefined
      ? undefined
      : watch('Liveness', livenessProbe, (success) => {
          if (!success) reports.unhealthy('Liveness');
          return success ? 'go on' : 'stop';
        }),
  ]);
}
