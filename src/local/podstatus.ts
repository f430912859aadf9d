import type {
  ContainerState,
  ContainerStateTerminated,
  ContainerStatus,
  PodCondition,
  PodStatus,
} from 'kubernetes-types/core/v1.js';
import type { Pod } from '../kinds/core/pod.ts';
import type { PodAddresses } from './environment.ts';
import type { Exit } from './process.ts';
import { timestamp } from '../kinds/timestamp.ts';

/** What the node knows of one container; becomes its ContainerStatus. */
export interface ContainerRecord {
  name: string;
  image: string;
  /** Init containers count as ready once they have completed, the others when their probe says so. */
  init: boolean;
  /** An init container that stays (restartPolicy Always). */
  sidecar: boolean;
  state: ContainerState;
  lastState: ContainerState;
  /** The number of the current or latest run, from 0. */
  restartCount: number;
  /** Of the latest run; absent before the first. */
  containerID?: string;
  started: boolean;
  ready: boolean;
}

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

const scheme = 'headgate://';

/** Names one run of a container, so that its log can be found. */
export function containerID(uid: string, container: string, run: number): string {
  return `${scheme}${uid}/${container}/${String(run)}`;
}

/** The run that a container id made by `containerID` names. */
export function runOf(id: string | undefined): number | undefined {
  if (id?.startsWith(scheme) !== true) return undefined;
  const run = Number(id.slice(id.lastIndexOf('/') + 1));
  return Number.isInteger(run) ? run : undefined;
}

export function terminatedState(
  exit: Pick<Exit, 'exitCode' | 'signal' | 'startError' | 'finishedAt'>,
  run: { startedAt: Date; containerID: string },
): ContainerStateTerminated {
  return {
    exitCode: exit.exitCode,
    ...(exit.signal === undefined ? {} : { signal: exit.signal }),
    reason: exit.startError !== undefined ? 'StartError' : exit.exitCode === 0 ? 'Completed' : 'Error',
    ...(exit.startError === undefined ? {} : { message: exit.startError }),
    startedAt: timestamp(run.startedAt),
    finishedAt: timestamp(exit.finishedAt),
    containerID: run.containerID,
  };
}

export function shouldRestart(policy: RestartPolicy, exitCode: number): boolean {
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

export function restartPolicyOf(pod: Pod): RestartPolicy {
  const { restartPolicy } = pod.spec;
  return restartPolicy === 'Never' || restartPolicy === 'OnFailure' ? restartPolicy : 'Always';
}

/** The records of a Pod's containers when the node takes it up, with what an earlier node has reported. */
export function initialRecords(pod: Pod, now: Date): { init: ContainerRecord[]; main: ContainerRecord[] } {
  const reported = new Map(
    [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])].map((status) => [
      status.name,
      status,
    ]),
  );
  const initContainers = pod.spec.initContainers ?? [];
  return {
    init: initContainers.map((container) => {
      const sidecar = container.restartPolicy === 'Always';
      return record(container.name, container.image ?? '', { init: true, sidecar }, reported.get(container.name), now);
    }),
    main: pod.spec.containers.map((container) => {
      const waiting = initContainers.length > 0 ? 'PodInitializing' : 'ContainerCreating';
      const first = record(
        container.name,
        container.image ?? '',
        { init: false, sidecar: false },
        reported.get(container.name),
        now,
      );
      return first.state.waiting === undefined ? first : { ...first, state: { waiting: { reason: waiting } } };
    }),
  };
}

function record(
  name: string,
  image: string,
  role: { init: boolean; sidecar: boolean },
  reported: ContainerStatus | undefined,
  now: Date,
): ContainerRecord {
  const terminated = lastTermination(reported, now);
  const fresh: ContainerRecord = {
    name,
    image,
    ...role,
    state: { waiting: { reason: 'ContainerCreating' } },
    lastState: terminated === undefined ? {} : { terminated },
    restartCount: reported?.restartCount ?? 0,
    started: false,
    ready: false,
  };
  if (terminated === undefined) return fresh;
  const known = terminated.containerID === undefined ? fresh : { ...fresh, containerID: terminated.containerID };
  // What had ended stays ended until the restart policy is asked.
  return reported?.state?.waiting === undefined ? { ...known, state: { terminated } } : known;
}

/** A container last seen running was killed with its node. */
function lastTermination(reported: ContainerStatus | undefined, now: Date): ContainerStateTerminated | undefined {
  const running = reported?.state?.running;
  if (running === undefined) return reported?.state?.terminated ?? reported?.lastState?.terminated;
  return {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the node was restarted',
    ...(running.startedAt === undefined ? {} : { startedAt: running.startedAt }),
    finishedAt: timestamp(now),
    ...(reported?.containerID === undefined ? {} : { containerID: reported.containerID }),
  };
}

/**
 * The status of a Pod whose node was stopped or killed: nothing of it runs, so it is not ready, whatever the last report says.
 * Undefined for Pods that have ended for good.
 */
export function stoppedPodStatus(pod: Pod, now: Date): PodStatus | undefined {
  const { phase, podIP, hostIP, startTime = timestamp(now) } = pod.status ?? {};
  if (phase === 'Succeeded' || phase === 'Failed') return undefined;
  const addresses = podIP === undefined || hostIP === undefined ? undefined : { podIP, hostIP };
  return podStatusOf({ pod, ...initialRecords(pod, now), addresses, startTime }, now);
}

export interface PodObservation {
  pod: Pod;
  init: readonly ContainerRecord[];
  main: readonly ContainerRecord[];
  /** Absent until the Pod has its address. */
  addresses: PodAddresses | undefined;
  startTime: string;
}

/** The status of a Pod as kubelet writes it (generateAPIPodStatus in pkg/kubelet/kubelet_pods.go). */
export function podStatusOf(observed: PodObservation, now: Date): PodStatus {
  const { pod, init, main, addresses, startTime } = observed;
  const phase = phaseOf(init, main, restartPolicyOf(pod));
  return {
    phase,
    conditions: conditionsOf(observed, phase, now),
    ...(addresses === undefined
      ? {}
      : {
          hostIP: addresses.hostIP,
          hostIPs: [{ ip: addresses.hostIP }],
          podIP: addresses.podIP,
          podIPs: [{ ip: addresses.podIP }],
        }),
    startTime,
    ...(init.length === 0 ? {} : { initContainerStatuses: init.map(containerStatus) }),
    containerStatuses: main.map(containerStatus),
    qosClass: 'BestEffort',
  };
}

function containerStatus(container: ContainerRecord): ContainerStatus {
  return {
    name: container.name,
    image: container.image,
    imageID: container.containerID === undefined ? '' : container.image,
    ...(container.containerID === undefined ? {} : { containerID: container.containerID }),
    state: container.state,
    lastState: container.lastState,
    restartCount: container.restartCount,
    started: container.started,
    ready: container.ready,
  };
}

/** Init containers that have done their part: completed, or started for one that stays. */
export function initialized(init: readonly ContainerRecord[]): boolean {
  return init.every(initDone);
}

function initDone(container: ContainerRecord): boolean {
  return container.sidecar ? container.started : container.state.terminated?.exitCode === 0;
}

/** getPhase in pkg/kubelet/kubelet_pods.go. */
function phaseOf(
  init: readonly ContainerRecord[],
  main: readonly ContainerRecord[],
  policy: RestartPolicy,
): 'Pending' | 'Running' | 'Succeeded' | 'Failed' {
  const pending = init.filter((container) => !initDone(container));
  if (pending.length > 0) {
    const failed = pending.some((container) => !container.sidecar && container.state.terminated !== undefined);
    return failed && policy === 'Never' ? 'Failed' : 'Pending';
  }
  if (main.some(({ state, lastState }) => state.waiting !== undefined && lastState.terminated === undefined)) {
    return 'Pending';
  }
  const ended = main.map(({ state }) => state.terminated);
  if (policy === 'Always' || ended.some((terminated) => terminated === undefined)) return 'Running';
  if (ended.every((terminated) => terminated?.exitCode === 0)) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
}

type Report = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>;

function conditionsOf({ pod, init, main, addresses }: PodObservation, phase: string, now: Date): PodCondition[] {
  const unready = (what: string, reason: string, names: readonly string[]) =>
    names.length === 0
      ? { status: 'True' }
      : { status: 'False', reason, message: `containers with ${what} status: [${names.join(' ')}]` };
  const completed = phase === 'Succeeded' ? { status: 'False', reason: 'PodCompleted' } : undefined;
  const incomplete = init.filter((container) => !initDone(container)).map(({ name }) => name);
  const notReady = main.filter((container) => !container.ready).map(({ name }) => name);
  const containersReady = completed ?? unready('unready', 'ContainersNotReady', notReady);
  const gates = (pod.spec.readinessGates ?? []).filter(
    ({ conditionType }) => !pod.status?.conditions?.some((c) => c.type === conditionType && c.status === 'True'),
  );
  const [gate] = gates;
  const ready =
    containersReady.status === 'True' && gate !== undefined
      ? {
          status: 'False',
          reason: 'ReadinessGatesNotReady',
          message: `corresponding condition of pod readiness gate "${gate.conditionType}" does not exist.`,
        }
      : containersReady;
  const reports: Report[] = [
    { type: 'PodReadyToStartContainers', status: addresses === undefined ? 'False' : 'True' },
    { type: 'Initialized', ...unready('incomplete', 'ContainersNotInitialized', incomplete) },
    { type: 'Ready', ...ready },
    { type: 'ContainersReady', ...containersReady },
    { type: 'PodScheduled', status: 'True' },
  ];
  const own = new Set(reports.map(({ type }) => type));
  const current = pod.status?.conditions ?? [];
  return [...current.filter(({ type }) => !own.has(type)), ...reports.map((report) => dated(report, current, now))];
}

function dated(report: Report, current: readonly PodCondition[], now: Date): PodCondition {
  const previous = current.find(({ type }) => type === report.type);
  const since = previous?.status === report.status ? previous.lastTransitionTime : undefined;
  return { ...report, lastTransitionTime: since ?? timestamp(now) };
}
