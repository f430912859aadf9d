import type { EngineLoad, JobTiming } from '../llm/server/metrics.ts';
import type { Clock } from './clock.ts';
import { interTokenLatency, loadFactor, timeToFirstToken, type LatencySettings } from './latency.ts';
import type { PrefixCache } from './prefixcache.ts';
import type { Random } from './random.ts';

/**
 * The simulated inference engine: `maxNumSeqs` slots, a bounded waiting queue, and tokens that come at the pace of the
 * latency settings. It knows no HTTP and takes time and randomness from outside, so that a virtual clock can drive it.
 */

export interface EngineSettings {
  maxNumSeqs: number;
  maxWaitingQueueLength: number;
  /** How many different LoRA adapters may run at the same time. */
  maxLoras: number;
}

export interface Job {
  /** What keeps prompts of different models apart in the prefix cache: the model's or adapter's name. */
  model: string;
  /** The adapter that the request uses; undefined for the base model. */
  lora: string | undefined;
  promptTokens: readonly string[];
  outputTokens: number;
  remotePrefill: boolean;
  /** The request has a slot. */
  onStart?: () => void;
  /** `count` more tokens are there; called with all that are due at once. */
  onTokens(count: number): void;
  onDone(timing: JobTiming): void;
}

export interface Engine {
  /** Starts or queues a job; undefined when the queue is full. `cancel` frees its slot or place at once. */
  submit(job: Job): { cancel: () => void } | undefined;
  load(): EngineLoad;
}

interface Queued {
  job: Job;
  queuedAt: number;
}

export interface EngineOptions {
  settings: EngineSettings;
  /** Read for every token, so that changes at run time take effect at once. */
  latency: () => LatencySettings;
  clock: Clock;
  random: Random;
  cache?: PrefixCache | undefined;
  /** The load or the set of adapters changed. */
  onChange?: () => void;
}

export function createEngine(options: EngineOptions): Engine {
  const { settings } = options;
  const running = new Set<Job>();
  let waiting: Queued[] = [];
  const changed = options.onChange ?? (() => undefined);

  const lorasOf = (jobs: Iterable<Job>): string[] => {
    const loras = new Set<string>();
    for (const { lora } of jobs) if (lora !== undefined) loras.add(lora);
    return [...loras];
  };
  const canRun = (job: Job): boolean => {
    if (running.size >= settings.maxNumSeqs) return false;
    if (job.lora === undefined) return true;
    const loras = lorasOf(running);
    return loras.includes(job.lora) || loras.length < settings.maxLoras;
  };
  /** The first that can run: a job whose adapter has no place does not hold up those behind it. */
  const startNext = (): void => {
    let next = waiting.find(({ job }) => canRun(job));
    while (next !== undefined) {
      waiting.splice(waiting.indexOf(next), 1);
      start(next);
      next = waiting.find(({ job }) => canRun(job));
    }
  };
  const cancels = new Map<Job, () => void>();
  const start = (queued: Queued): void => {
    running.add(queued.job);
    changed();
    const finished = (): void => {
      running.delete(queued.job);
      cancels.delete(queued.job);
      startNext();
      changed();
    };
    cancels.set(
      queued.job,
      runJob(queued, options, () => running.size, finished),
    );
  };

  return {
    submit(job) {
      const queued = { job, queuedAt: options.clock.now() };
      if (canRun(job)) {
        start(queued);
      } else {
        if (waiting.length >= settings.maxWaitingQueueLength) return undefined;
        waiting.push(queued);
        changed();
      }
      return {
        cancel() {
          cancels.get(job)?.();
          if (!waiting.includes(queued)) return;
          waiting = waiting.filter((other) => other !== queued);
          changed();
        },
      };
    },
    load: () => ({
      running: running.size,
      waiting: waiting.length,
      runningLoras: lorasOf(running),
      waitingLoras: lorasOf(waiting.map(({ job }) => job)),
      kvCacheUsage: options.cache?.usage() ?? 0,
    }),
  };
}

/**
 * Lets one job's tokens come. `finished` is called once, when the last token was given out or the job was cancelled; the
 * returned function cancels.
 */
function runJob(queued: Queued, options: EngineOptions, runningNow: () => number, finished: () => void): () => void {
  const { job, queuedAt } = queued;
  const { clock, random, settings } = options;
  const startedAt = clock.now();
  const cached = options.cache?.acquire(job.model, job.promptTokens);
  const cachedTokens = cached?.cachedTokens ?? 0;
  const currentLoad = (): number =>
    loadFactor(options.latency().timeFactorUnderLoad, runningNow(), settings.maxNumSeqs);
  let over = false;
  let stopTimer: () => void = () => undefined;
  const finish = (): void => {
    if (over) return;
    over = true;
    stopTimer();
    cached?.release();
    finished();
  };

  // Each token is due at a moment counted from the one before, not from when its timer happened to fire: delays of the
  // event loop do not add up.
  const promptTokens = job.promptTokens.length;
  const prefill = { promptTokens, cachedTokens, remotePrefill: job.remotePrefill, loadFactor: currentLoad() };
  const firstDueAt = startedAt + timeToFirstToken(options.latency(), prefill, random);
  let dueAt = firstDueAt;
  let firstTokenAt = 0;
  let given = 0;
  const giveDueTokens = (): void => {
    const now = clock.now();
    let count = 0;
    while (given + count < job.outputTokens && dueAt <= now) {
      count++;
      if (given + count < job.outputTokens) dueAt += interTokenLatency(options.latency(), currentLoad(), random);
    }
    if (given === 0 && (count > 0 || job.outputTokens === 0)) firstTokenAt = now;
    given += count;
    if (count > 0) job.onTokens(count);
    if (over) return; // Cancelled by the callback.
    if (given >= job.outputTokens && dueAt <= now) {
      finish();
      job.onDone({ queuedAt, startedAt, firstTokenAt, doneAt: now, cachedTokens });
    } else {
      stopTimer = clock.after(dueAt - now, giveDueTokens);
    }
  };
  job.onStart?.();
  // Never within submit(): the caller has its handle before the first token comes.
  stopTimer = clock.after(Math.max(0, firstDueAt - clock.now()), giveDueTokens);
  return finish;
}
