import { setTimeout as delay } from 'node:timers/promises';
import type { Container, Probe } from 'kubernetes-types/core/v1.js';
import type { ContainerLog } from './containerlog.ts';
import { ContainerConfigError } from './environment.ts';
import type { Launch } from './launch.ts';
import { containerID, shouldRestart, terminatedState, type ContainerRecord, type RestartPolicy } from './podstatus.ts';
import { probeContainer } from './prober.ts';
import type { RunningProcess } from './process.ts';
import type { Mount } from './volumes.ts';
import { timestamp } from '../kinds/timestamp.ts';

/** What a container needs of its Pod and node. */
export interface ContainerHost {
  podUid: string;
  /** `name_namespace(uid)`, as kubelet's messages name a Pod. */
  podLabel: string;
  podIP: string;
  /** How long a container that is to be restarted has to end by itself. */
  graceMs: number;
  backOff: RestartBackOff;
  /** Finds out how to run the container now. Throws ContainerConfigError or NotInCatalog while it cannot be run. */
  prepare(container: Container): Promise<PreparedContainer>;
  openLog(container: string, run: number): Promise<ContainerLog>;
  start(launch: Launch, log: ContainerLog): RunningProcess;
  exec(
    prepared: PreparedContainer,
    command: readonly string[],
    timeoutMs: number,
  ): Promise<{ exitCode: number; output: string }>;
  event(type: 'Normal' | 'Warning', reason: string, message: string): void;
  /** The record has changed. */
  changed(): void;
}

export interface PreparedContainer {
  launch: Launch;
  mounts: readonly Mount[];
  /** From the catalog, for a container that declares no readiness probe. */
  ready?: Probe;
}

/** Waits between restarts: none before the first, then `firstMs` doubling up to `lastMs`; anew after running for `resetMs`. */
export interface RestartBackOff {
  firstMs: number;
  lastMs: number;
  resetMs: number;
}

export const kubeletBackOff: RestartBackOff = { firstMs: 10_000, lastMs: 300_000, resetMs: 600_000 };

/** The image is in no catalog entry. */
export class NotInCatalog extends Error {
  override readonly name = 'NotInCatalog';
}

/** The pause before the next look at a container that cannot be run as declared; a change of what it refers to ends it. */
const firstRetryMs = 1_000;
const lastRetryMs = 60_000;

/** Reasons for which a container cannot be started as long as this node runs: neither the catalog nor what it can do changes. */
const neverStarts: ReadonlySet<string> = new Set(['ImageNotInCatalog', 'UnsupportedCommand']);

/**
 * Runs one container of a Pod: starts it, probes it, and starts it again as the restart policy says. All it knows is in
 * `record`, which it alone changes.
 */
export class ContainerRunner {
  readonly record: ContainerRecord;
  readonly #host: ContainerHost;
  readonly #policy: RestartPolicy;
  readonly #stopping = new AbortController();
  readonly #startedWaiters = new Set<() => void>();
  #container: Container;
  #process: RunningProcess | undefined;
  #running: PreparedContainer | undefined;
  #restart = false;
  #wake: AbortController | undefined;

  constructor(container: Container, record: ContainerRecord, policy: RestartPolicy, host: ContainerHost) {
    this.#container = container;
    this.record = record;
    this.#policy = policy;
    this.#host = host;
  }

  /** Resolves when the container has ended for good, by itself or by `stop`. */
  async run(): Promise<void> {
    const ended = this.record.state.terminated;
    if (ended !== undefined) {
      if (!shouldRestart(this.#policy, ended.exitCode)) return;
      this.#update({ state: { waiting: { reason: 'ContainerCreating' } }, lastState: { terminated: ended } });
    }
    let backOffMs = 0;
    for (;;) {
      const prepared = await this.#prepared();
      if (prepared === undefined) return;
      const ranMs = await this.#runOnce(prepared);
      const { terminated } = this.record.state;
      if (this.#stopping.signal.aborted || terminated === undefined) return;
      const forced = this.#restart && this.#policy !== 'Never';
      this.#restart = false;
      if (!forced && !shouldRestart(this.#policy, terminated.exitCode)) return;
      if (ranMs >= this.#host.backOff.resetMs) backOffMs = 0;
      if (backOffMs > 0) await this.#crashLoop(backOffMs);
      backOffMs = backOffMs === 0 ? this.#host.backOff.firstMs : Math.min(backOffMs * 2, this.#host.backOff.lastMs);
      if (this.#stopping.signal.aborted) return;
      this.#update({ lastState: { terminated } });
    }
  }

  /** How the container was started, and its process, while it runs. */
  running(): { prepared: PreparedContainer; process: RunningProcess } | undefined {
    return this.#process === undefined || this.#running === undefined
      ? undefined
      : { prepared: this.#running, process: this.#process };
  }

  /** Resolves when the container counts as started, or has ended. */
  async started(): Promise<void> {
    if (this.record.started || this.#stopping.signal.aborted) return;
    await new Promise<void>((resolve) => this.#startedWaiters.add(resolve));
  }

  /** The Pod, or something it refers to, has changed: a container that waits is looked at again; another image restarts it. */
  refresh(container: Container): void {
    const imageChanged = container.image !== this.#container.image;
    this.#container = container;
    this.#wake?.abort();
    if (!imageChanged) return;
    this.#update({ image: container.image ?? '' });
    if (this.#process !== undefined) {
      void this.#kill(`Container ${this.record.name} definition changed, will be restarted`);
    }
  }

  /** Ends the container within `graceMs`, and does not start it again. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    this.#wake?.abort();
    this.#release();
    await this.#process?.stop(graceMs);
  }

  async #prepared(): Promise<PreparedContainer | undefined> {
    for (let retryMs = firstRetryMs; !this.#stopping.signal.aborted; retryMs = Math.min(retryMs * 2, lastRetryMs)) {
      try {
        return await this.#host.prepare(this.#container);
      } catch (error) {
        const reason =
          error instanceof NotInCatalog
            ? 'ImageNotInCatalog'
            : error instanceof ContainerConfigError
              ? error.reason
              : 'CreateContainerError';
        const message = error instanceof Error ? error.message : String(error);
        if (this.#policy === 'Never' && neverStarts.has(reason)) {
          this.#failToStart(reason, message);
          return undefined;
        }
        const { waiting } = this.record.state;
        if (waiting?.reason !== reason || waiting.message !== message) {
          this.#update({ state: { waiting: { reason, message } } });
          this.#host.event('Warning', reason === 'ImageNotInCatalog' ? reason : 'Failed', message);
        }
        await this.#nap(retryMs);
      }
    }
    return undefined;
  }

  /** The container has ended without a run: its Pod, and with it a Job, is not to wait for what never comes. */
  #failToStart(reason: string, message: string): void {
    const at = timestamp(new Date());
    // The code that container runtimes give one that cannot be started.
    this.#update({ state: { terminated: { exitCode: 128, reason, message, startedAt: at, finishedAt: at } } });
    this.#host.event('Warning', reason === 'ImageNotInCatalog' ? reason : 'Failed', message);
    this.#release();
  }

  /** One run from start to end; how long it lasted, in ms. */
  async #runOnce(prepared: PreparedContainer): Promise<number> {
    const { name } = this.record;
    const run = this.record.containerID === undefined ? this.record.restartCount : this.record.restartCount + 1;
    const id = containerID(this.#host.podUid, name, run);
    const log = await this.#host.openLog(name, run);
    if (this.#stopping.signal.aborted) {
      await log.close();
      return 0;
    }
    this.#host.event('Normal', 'Pulled', `Image "${this.record.image}" stands for a local program`);
    this.#host.event('Normal', 'Created', `Created container: ${name}`);
    if (prepared.launch.dropped.length > 0) {
      const message = `container ${name} does not get ${prepared.launch.dropped.join(', ')}: they would change how programs run on this machine`;
      this.#host.event('Warning', 'VariablesIgnored', message);
    }
    const process = this.#host.start(prepared.launch, log);
    this.#process = process;
    this.#running = prepared;
    this.#host.event('Normal', 'Started', `Started container ${name}`);
    this.#update({
      state: { running: { startedAt: timestamp(process.startedAt) } },
      restartCount: run,
      containerID: id,
      started: false,
      ready: false,
    });
    const probing = new AbortController();
    const probes = this.#probe(prepared, probing.signal);
    const exit = await process.exited;
    this.#process = undefined;
    probing.abort();
    await probes;
    if (exit.startError !== undefined) this.#host.event('Warning', 'Failed', `Error: ${exit.startError}`);
    const terminated = terminatedState(exit, { startedAt: process.startedAt, containerID: id });
    this.#update({
      state: { terminated },
      started: false,
      ready: this.record.init && !this.record.sidecar && exit.exitCode === 0,
    });
    this.#release();
    return exit.finishedAt.getTime() - process.startedAt.getTime();
  }

  async #probe(prepared: PreparedContainer, signal: AbortSignal): Promise<void> {
    const { init, sidecar } = this.record;
    // An init container runs to its end; it has no probes.
    if (init && !sidecar) return;
    const target = {
      container: this.#container,
      podIP: this.#host.podIP,
      exec: (command: readonly string[], timeoutMs: number) => this.#host.exec(prepared, command, timeoutMs),
    };
    const reports = {
      started: (): void => {
        this.#update({ started: true });
        this.#release();
      },
      ready: (value: boolean): void => {
        this.#update({ ready: value });
      },
      failed: (kind: string, message: string): void => {
        this.#host.event('Warning', 'Unhealthy', `${kind} probe failed: ${message}`);
      },
      unhealthy: (kind: 'Startup' | 'Liveness'): void => {
        void this.#kill(`Container ${this.record.name} failed ${kind.toLowerCase()} probe, will be restarted`);
      },
    };
    await probeContainer(target, this.#container.readinessProbe ?? prepared.ready, reports, signal);
  }

  async #kill(why: string): Promise<void> {
    this.#restart = true;
    this.#host.event('Normal', 'Killing', why);
    await this.#process?.stop(this.#host.graceMs);
  }

  async #crashLoop(backOffMs: number): Promise<void> {
    const { name, state } = this.record;
    const { terminated } = state;
    const message = `back-off ${durationText(backOffMs)} restarting failed container=${name} pod=${this.#host.podLabel}`;
    this.#update({
      state: { waiting: { reason: 'CrashLoopBackOff', message } },
      ...(terminated === undefined ? {} : { lastState: { terminated } }),
    });
    this.#host.event(
      'Warning',
      'BackOff',
      `Back-off restarting failed container ${name} in pod ${this.#host.podLabel}`,
    );
    await delay(backOffMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }

  async #nap(ms: number): Promise<void> {
    const wake = new AbortController();
    this.#wake = wake;
    const signal = AbortSignal.any([wake.signal, this.#stopping.signal]);
    await delay(ms, undefined, { signal }).catch(() => undefined);
    this.#wake = undefined;
  }

  #release(): void {
    for (const resolve of this.#startedWaiters) resolve();
    this.#startedWaiters.clear();
  }

  #update(change: Partial<ContainerRecord>): void {
    Object.assign(this.record, change);
    this.#host.changed();
  }
}

/** `10s`, `2m40s`: a Go duration in whole seconds. */
export function durationText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${String(seconds)}s` : `${String(minutes)}m${String(seconds % 60)}s`;
}
