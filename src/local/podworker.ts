import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Container, Probe } from 'kubernetes-types/core/v1.js';
import { Pod } from '../kinds/core/pod.ts';
import { keyOf } from '../kinds/object.ts';
import { isNotFound, type KubeClient } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { Log } from '../telemetry/log.ts';
import { imageNotInCatalog, isAimDiscovery, type Catalog, type Program } from './catalog.ts';
import { logPath, openContainerLog, type ContainerLog, type LiveLogs } from './containerlog.ts';
import {
  ContainerRunner,
  NotInCatalog,
  type ContainerHost,
  type PreparedContainer,
  type RestartBackOff,
} from './containerrunner.ts';
import { containerEnvironment, type PodAddresses, type PodSources } from './environment.ts';
import { ignoredFields } from './ignoredfields.ts';
import type { ProcessRecords } from './leftovers.ts';
import { startInProcess, type InProcessPart } from './inprocess.ts';
import { launchOf, type Entry, type Launch } from './launch.ts';
import type { AddressPool } from './network.ts';
import type { PodTokens } from './podtokens.ts';
import { requestedModel } from './requestedmodel.ts';
import { initialRecords, podStatusOf, restartPolicyOf, type ContainerRecord } from './podstatus.ts';
import { startProcess, type RunningProcess } from './process.ts';
import type { WhenUnlisted } from './leaving.ts';
import type { Shims } from './shim/client.ts';
import { containerMounts, rewritePath, writeVolumes } from './volumes.ts';
import { timestamp } from '../kinds/timestamp.ts';

/** What all Pods of the node share. */
export interface PodNode {
  client: KubeClient;
  addresses: AddressPool;
  hostIP: string;
  catalog: Catalog;
  /** The part of this process that a container of this image stands for. */
  partOf: (image: string) => Promise<InProcessPart | undefined>;
  entry: Entry;
  /** Runs built-in programs. */
  shims: Shims;
  /** Run the built-in programs of each Pod in a process of its own, also without the annotation that asks for it. */
  isolatePods: boolean;
  /** The environment that every process gets. */
  baseEnv: Readonly<Record<string, string>>;
  records: ProcessRecords;
  liveLogs: LiveLogs;
  tokens: PodTokens;
  backOff: RestartBackOff;
  /** Waits until no EndpointSlice offers a Pod. */
  whenUnlisted: WhenUnlisted;
  /** How long it is left alone after that, so that nobody sends it requests any more when it is told to end. */
  leaveMs: number;
  events: EventRecorder;
  log: Log;
  /** Where the files of a Pod are kept, by uid. */
  podDir(uid: string): string;
  sources(namespace: string): PodSources;
}

/** `"true"`: the built-in programs of the Pod get a process of their own. */
export const isolateAnnotation = 'headgate.dev/isolate-pods';
/** The group of all others. */
const sharedShim = '';

const defaultGraceSeconds = 30;
const firstPublishRetryMs = 200;
const lastPublishRetryMs = 10_000;
/** Not sooner, so that a refused request for a token is not repeated at once. */
const minTokenRenewalMs = 10_000;

/** Runs one Pod from the moment it is bound to the node until it is gone, and reports its status. */
export class PodWorker {
  readonly uid: string;
  readonly #node: PodNode;
  readonly #log: Log;
  readonly #ending = new AbortController();
  readonly #init: ContainerRunner[];
  readonly #main: ContainerRunner[];
  readonly #startTime: string;
  readonly #addresses: PodAddresses;
  readonly #running: Promise<void>;
  readonly #sidecars: Promise<void>[] = [];
  #pod: Pod;
  #ended: Promise<void> | undefined;
  #endGraceMs = 0;
  #volumes: Promise<unknown> = Promise.resolve();
  #tokenRenewal: NodeJS.Timeout | undefined;
  #published = '';
  #dirty = false;
  #publishing: Promise<void> | undefined;
  #silent = false;

  constructor(pod: Pod, node: PodNode) {
    this.uid = pod.metadata.uid ?? '';
    this.#pod = pod;
    this.#node = node;
    this.#log = node.log.child({ pod: keyOf(pod.metadata) });
    this.#startTime = pod.status?.startTime ?? timestamp();
    const known = pod.status?.podIP;
    const kept = known !== undefined && node.addresses.isFree(known) ? known : undefined;
    this.#addresses = { podIP: node.addresses.allocate(kept), hostIP: node.hostIP };
    const { init, main } = initialRecords(pod, new Date());
    this.#init = this.#runners(pod.spec.initContainers ?? [], init);
    this.#main = this.#runners(pod.spec.containers, main);
    const ignored = ignoredFields(pod);
    if (ignored.length > 0) {
      const message = `the embedded node runs the Pod without regard to ${ignored.join(', ')}`;
      node.events.event(pod, 'Warning', 'FieldsIgnored', message);
    }
    this.#publish();
    this.#running = this.#run().catch((error: unknown) => {
      this.#log.error({ err: error }, 'pod worker failed');
    });
  }

  /** The Pod has changed in the API. */
  update(pod: Pod): void {
    const changed = declarationOf(pod) !== declarationOf(this.#pod);
    this.#pod = pod;
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.#end((pod.metadata.deletionGracePeriodSeconds ?? this.#graceSeconds()) * 1000);
      return;
    }
    if (changed) this.refresh();
  }

  /** Begins the end; a second deletion of the Pod can only shorten the grace it has. */
  #end(graceMs: number): void {
    if (this.#ended === undefined) {
      this.#endGraceMs = graceMs;
      this.#ended = this.#terminate(graceMs);
    } else if (graceMs < this.#endGraceMs) {
      this.#endGraceMs = graceMs;
      this.#ending.abort();
      for (const runner of [...this.#main, ...this.#init]) void runner.stop(graceMs);
    }
  }

  /** The Pod, or a ConfigMap or Secret of its namespace, has changed. */
  refresh(): void {
    if (this.#ended !== undefined) return;
    const containers = [...(this.#pod.spec.initContainers ?? []), ...this.#pod.spec.containers];
    for (const runner of [...this.#init, ...this.#main]) {
      const container = containers.find(({ name }) => name === runner.record.name);
      if (container !== undefined) runner.refresh(container);
    }
    // Mounted files follow their ConfigMap; what is missing by now has been reported when the container started.
    if ((this.#pod.spec.volumes ?? []).length > 0) void this.#writeVolumes().catch(() => undefined);
  }

  /** A container of the Pod that runs now. */
  running(name: string): ReturnType<ContainerRunner['running']> {
    return [...this.#main, ...this.#init].find(({ record }) => record.name === name)?.running();
  }

  /** The Pod is gone from the API: whatever runs is ended now. Resolves when nothing of it is left. */
  async gone(): Promise<void> {
    this.#silent = true;
    await this.#stopContainers(0);
    await this.#cleanUp();
  }

  /** The node stops: processes end within `graceMs`, and the Pod stays as it is, to be started again later. */
  async shutDown(graceMs: number): Promise<void> {
    this.#silent = true;
    await this.#stopContainers(Math.min(graceMs, this.#graceSeconds() * 1000));
    await this.#publishing;
  }

  async #run(): Promise<void> {
    for (const runner of this.#init) {
      if (runner.record.sidecar) {
        this.#sidecars.push(runner.run());
        await runner.started();
      } else {
        await runner.run();
      }
      if (this.#ending.signal.aborted) return;
      if (!runner.record.sidecar && runner.record.state.terminated?.exitCode !== 0) return;
    }
    await Promise.all(this.#main.map((runner) => runner.run()));
    if (this.#ending.signal.aborted) return;
    await Promise.all(this.#init.map((runner) => runner.stop(this.#graceSeconds() * 1000)));
  }

  async #terminate(graceMs: number): Promise<void> {
    for (const { record } of this.#main) {
      if (record.state.running !== undefined) {
        this.#node.events.event(this.#pod, 'Normal', 'Killing', `Stopping container ${record.name}`);
      }
    }
    await this.#stopContainers(graceMs - (await this.#leave(graceMs)));
    await this.#publishing;
    await this.#deleteObject();
    await this.#cleanUp();
  }

  /**
   * Gives routes, and clients that watch EndpointSlices, time to forget a Pod that serves: counted from when no slice offers it
   * any more, however busy the machine is. How long that took of its grace.
   */
  async #leave(graceMs: number): Promise<number> {
    if (!this.#main.every(({ record }) => record.ready)) return 0;
    const started = performance.now();
    const over = AbortSignal.any([this.#ending.signal, AbortSignal.timeout(graceMs)]);
    await this.#node.whenUnlisted(this.uid, over);
    await delay(this.#node.leaveMs, undefined, { signal: over }).catch(() => undefined);
    return Math.min(performance.now() - started, graceMs);
  }

  async #stopContainers(graceMs: number): Promise<void> {
    this.#ending.abort();
    clearTimeout(this.#tokenRenewal);
    await Promise.all(this.#main.map((runner) => runner.stop(graceMs)));
    await Promise.all(this.#init.map((runner) => runner.stop(graceMs)));
    await this.#running;
    await Promise.all(this.#sidecars);
  }

  async #deleteObject(): Promise<void> {
    for (let retryMs = firstPublishRetryMs; !this.#silent; retryMs = Math.min(retryMs * 2, lastPublishRetryMs)) {
      try {
        await this.#node.client.delete(Pod, this.#pod.metadata, { gracePeriodSeconds: 0, uid: this.uid });
        return;
      } catch (error) {
        if (isNotFound(error)) return;
        this.#log.debug({ err: error }, 'pod not deleted, retrying');
        await delay(retryMs);
      }
    }
  }

  async #cleanUp(): Promise<void> {
    await this.#volumes.catch(() => undefined);
    clearTimeout(this.#tokenRenewal);
    this.#node.tokens.forget(this.uid);
    this.#node.addresses.release(this.#addresses.podIP);
    await rm(this.#node.podDir(this.uid), { recursive: true, force: true });
  }

  #graceSeconds(): number {
    return this.#pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds;
  }

  #runners(containers: readonly Container[], records: readonly ContainerRecord[]): ContainerRunner[] {
    const host = this.#host();
    return containers.flatMap((container, i) => {
      const record = records[i];
      if (record === undefined) return [];
      const pod = restartPolicyOf(this.#pod);
      // A failed init container is tried again unless the Pod is never to be restarted; a sidecar always.
      const policy = record.sidecar ? 'Always' : record.init && pod === 'Always' ? 'OnFailure' : pod;
      return [new ContainerRunner(container, record, policy, host)];
    });
  }

  #host(): ContainerHost {
    const { name, namespace } = this.#pod.metadata;
    const directory = this.#node.podDir(this.uid);
    return {
      podUid: this.uid,
      podLabel: `${name}_${namespace ?? ''}(${this.uid})`,
      podIP: this.#addresses.podIP,
      graceMs: this.#graceSeconds() * 1000,
      backOff: this.#node.backOff,
      prepare: (container) => this.#prepare(container),
      openLog: async (container, run) => {
        // kubectl logs -p shows the run before; older ones are dropped.
        const outdated = logPath(directory, container, run - 2);
        await Promise.all([outdated, `${outdated}.1`].map((path) => rm(path, { force: true })));
        return openContainerLog(logPath(directory, container, run), this.#node.liveLogs);
      },
      start: (launch, log) => this.#start(launch, log),
      exec: execCommand,
      event: (type, reason, message) => {
        if (!this.#silent) this.#node.events.event(this.#pod, type, reason, message);
      },
      changed: () => {
        this.#publish();
      },
    };
  }

  #start(launch: Launch, log: ContainerLog): RunningProcess {
    switch (launch.type) {
      case 'part':
        return startInProcess(launch.part, log);
      case 'process':
        return startProcess({ ...launch, cwd: process.cwd() }, log, this.#node.records);
      case 'thread': {
        const isolated = this.#node.isolatePods || this.#pod.metadata.annotations?.[isolateAnnotation] === 'true';
        return this.#node.shims.start(isolated ? this.uid : sharedShim, launch, log);
      }
    }
  }

  async #prepare(container: Container): Promise<PreparedContainer> {
    const { catalog, entry, baseEnv, partOf } = this.#node;
    const part = await partOf(container.image ?? '');
    if (part !== undefined) return { launch: { type: 'part', part, env: {}, dropped: [] }, mounts: [] };
    const program = isAimDiscovery(container) ? 'aim' : catalog.find(container.image ?? '', requestedModel(container));
    if (program === undefined) throw new NotInCatalog(imageNotInCatalog(container.image ?? ''));
    const podSources = this.#node.sources(this.#pod.metadata.namespace ?? '');
    const declaredEnv = containerEnvironment(container, this.#pod, this.#addresses, podSources);
    const mounts = await containerMounts(container, await this.#writeVolumes(), declaredEnv);
    const podName = this.#pod.metadata.name;
    const launch = launchOf(container, program, {
      entry,
      addresses: this.#addresses,
      podName,
      baseEnv,
      declaredEnv,
      mounts,
    });
    const ready = readyProbe(program, container);
    return { launch, mounts, ...(ready === undefined ? {} : { ready }) };
  }

  /** One writer at a time: containers of a Pod share its volumes. */
  #writeVolumes(): Promise<Map<string, string>> {
    const written = this.#volumes
      .catch(() => undefined)
      .then(() =>
        writeVolumes(join(this.#node.podDir(this.uid), 'volumes'), {
          pod: this.#pod,
          addresses: this.#addresses,
          sources: this.#node.sources(this.#pod.metadata.namespace ?? ''),
          token: (projection) => this.#node.tokens.get(this.#pod, projection),
        }),
      )
      .finally(() => {
        this.#scheduleTokenRenewal();
      });
    this.#volumes = written;
    return written;
  }

  /** Mounted tokens are replaced before they expire; when that fails, it is tried again until it succeeds. */
  #scheduleTokenRenewal(): void {
    clearTimeout(this.#tokenRenewal);
    const renewAt = this.#node.tokens.renewAt(this.uid);
    if (renewAt === undefined || this.#ending.signal.aborted) return;
    this.#tokenRenewal = setTimeout(
      () => {
        this.#writeVolumes().catch((error: unknown) => {
          this.#log.warn({ err: error }, 'volumes not written, retrying');
        });
      },
      Math.max(renewAt - Date.now(), minTokenRenewalMs),
    );
  }

  /** Writes the status in the background: the newest only, one write at a time, until it succeeds. */
  #publish(): void {
    this.#dirty = true;
    this.#publishing ??= this.#publishAll().finally(() => {
      this.#publishing = undefined;
    });
  }

  async #publishAll(): Promise<void> {
    // Gathers the changes of one turn of the event loop into one write.
    await Promise.resolve();
    let retryMs = firstPublishRetryMs;
    while (this.#dirty && !this.#silent) {
      this.#dirty = false;
      const status = podStatusOf(
        {
          pod: this.#pod,
          init: this.#init.map(({ record }) => record),
          main: this.#main.map(({ record }) => record),
          addresses: this.#addresses,
          startTime: this.#startTime,
        },
        new Date(),
      );
      const text = JSON.stringify(status);
      if (text === this.#published) continue;
      try {
        this.#pod = await this.#node.client.patch(Pod, this.#pod.metadata, {
          type: 'merge',
          body: { metadata: { uid: this.uid }, status },
          subresource: 'status',
        });
        this.#published = text;
        retryMs = firstPublishRetryMs;
      } catch (error) {
        if (isNotFound(error)) return;
        this.#log.debug({ err: error }, 'pod status not written, retrying');
        this.#dirty = true;
        await delay(retryMs);
        retryMs = Math.min(retryMs * 2, lastPublishRetryMs);
      }
    }
  }
}

/** What containers are made from: all but the status, whose changes are this node's own. */
function declarationOf({ spec, metadata: { labels, annotations } }: Pod): string {
  return JSON.stringify([spec, labels, annotations]);
}

function readyProbe(program: Program, container: Container): Probe | undefined {
  if (typeof program === 'string') return undefined;
  // A model of any size is loaded first.
  const ready = 'gguf' in program ? { path: '/health', port: 0 } : program.ready;
  if (ready === undefined) return undefined;
  const port = ready.port === 0 ? container.ports?.[0]?.containerPort : ready.port;
  return port === undefined ? undefined : { httpGet: { path: ready.path, port }, periodSeconds: 5 };
}

const maxExecOutput = 10 * 1024;

function execCommand(
  { launch, mounts }: PreparedContainer,
  command: readonly string[],
  timeoutMs: number,
): Promise<{ exitCode: number; output: string }> {
  const [file = '', ...args] = command.map((word) => rewritePath(word, mounts));
  return new Promise((resolve) => {
    const options = { env: launch.env, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: maxExecOutput } as const;
    execFile(file, args, options, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      const why = error === null ? '' : error.killed === true ? `command timed out after ${String(timeoutMs)} ms` : '';
      resolve({ exitCode, output: `${stdout}${stderr}` || why || (error?.message ?? '') });
    });
  });
}
