import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, totalmem, uptime } from 'node:os';
import { promisify } from 'node:util';
import type { Pod } from '../kinds/core/pod.ts';
import { apiVersionOf } from '../kinds/kind.ts';
import { NodeMetrics, type Usage } from '../kinds/metrics/nodemetrics.ts';
import { PodMetrics } from '../kinds/metrics/podmetrics.ts';
import type { Informer } from '../kube/informer.ts';
import type { RunningProcess } from './process.ts';
import { timestamp } from '../kinds/timestamp.ts';

/** What the node's processes use, measured when it is asked for. */
export interface NodeUsage {
  nodes(): Promise<NodeMetrics[]>;
  pods(namespace: string | undefined): Promise<PodMetrics[]>;
}

/** Processor time is a rate between two looks; two closer together than this share the first. */
const shortestWindowMs = 1_000;
/** A rate over a longer time would hide what happens now. */
const longestWindowMs = 60_000;
const maxLooks = 60;

interface Look {
  at: number;
  cpuSeconds: number;
}

export function createNodeUsage(options: {
  nodeName: string;
  pods: Informer<Pod>;
  /** A container that runs. */
  process(podUid: string, container: string): Pick<RunningProcess, 'pid' | 'startedAt' | 'usage'> | undefined;
}): NodeUsage {
  const looks = new Map<string, Look[]>();

  /** Cores used on average since an earlier look, or since the start, and over what time. */
  const rate = (id: string, cpuSeconds: number, startedAt: number): { cores: number; windowMs: number } => {
    const now = Date.now();
    const earlier = (looks.get(id) ?? []).filter(({ at }) => at >= now - longestWindowMs);
    const base = earlier.find(({ at }) => at <= now - shortestWindowMs) ?? { at: startedAt, cpuSeconds: 0 };
    looks.set(id, [...earlier, { at: now, cpuSeconds }].slice(-maxLooks));
    for (const [other, past] of looks) if ((past.at(-1)?.at ?? 0) < now - longestWindowMs) looks.delete(other);
    const windowMs = Math.max(now - base.at, 1);
    return { cores: Math.max((cpuSeconds - base.cpuSeconds) * 1000, 0) / windowMs, windowMs };
  };

  return {
    async nodes() {
      const cpuSeconds =
        cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000;
      const { cores, windowMs } = rate('', cpuSeconds, Date.now() - uptime() * 1000);
      const used = Math.min(cores, availableParallelism());
      return [
        {
          apiVersion: apiVersionOf(NodeMetrics),
          kind: NodeMetrics.kind,
          metadata: { name: options.nodeName },
          timestamp: timestamp(),
          window: windowText(windowMs),
          usage: usageOf(used, totalmem() - freemem()),
        },
      ];
    },

    async pods(namespace) {
      const containers = options.pods.list(namespace).flatMap((pod) =>
        pod.spec.containers.flatMap(({ name }) => {
          const running = options.process(pod.metadata.uid ?? '', name);
          return running === undefined ? [] : [{ pod, name, running }];
        }),
      );
      const groups = containers.flatMap(({ running: { pid } }) => (pid === undefined ? [] : [pid]));
      const used = groups.length === 0 ? new Map<number, Used>() : await usedBy(new Set(groups));
      const ofThreads = await Promise.all(containers.map(async ({ running }) => running.usage?.()));
      const measured = new Map<Pod, PodMetrics>();
      for (const [at, { pod, name, running }] of containers.entries()) {
        const now = running.pid === undefined ? ofThreads[at] : used.get(running.pid);
        if (now === undefined) continue;
        const id = `${pod.metadata.uid ?? ''} ${name} ${running.startedAt.getTime()}`;
        const { cores, windowMs } = rate(id, now.cpuSeconds, running.startedAt.getTime());
        const metrics = measured.get(pod) ?? podMetrics(pod, windowMs);
        measured.set(pod, metrics);
        metrics.containers.push({ name, usage: usageOf(cores, now.bytes) });
      }
      return [...measured.values()];
    },
  };
}

function podMetrics({ metadata: { name, namespace, labels } }: Pod, windowMs: number): PodMetrics {
  return {
    apiVersion: apiVersionOf(PodMetrics),
    kind: PodMetrics.kind,
    metadata: { name, ...(namespace !== undefined && { namespace }), ...(labels !== undefined && { labels }) },
    timestamp: timestamp(),
    window: windowText(windowMs),
    containers: [],
  };
}

function usageOf(cores: number, bytes: number): Usage {
  return { cpu: `${Math.round(cores * 1e9)}n`, memory: `${Math.round(bytes / 1024)}Ki` };
}

function windowText(ms: number): string {
  return `${(ms / 1000).toFixed(3)}s`;
}

interface Used {
  cpuSeconds: number;
  bytes: number;
}

/** Processor time and resident memory of process groups, of all their processes together. */
async function usedBy(groups: ReadonlySet<number>): Promise<Map<number, Used>> {
  const sums = new Map<number, Used>();
  const add = (group: number, cpuSeconds: number, bytes: number) => {
    const sum = sums.get(group) ?? { cpuSeconds: 0, bytes: 0 };
    sums.set(group, { cpuSeconds: sum.cpuSeconds + cpuSeconds, bytes: sum.bytes + bytes });
  };
  if (process.platform !== 'linux') {
    const options = { timeout: 5_000, maxBuffer: 16 * 1024 * 1024 };
    const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pgid=,time=,rss='], options);
    for (const line of stdout.split('\n')) {
      const [group = '', time = '', resident = ''] = line.trim().split(/\s+/);
      if (groups.has(Number(group))) add(Number(group), secondsOf(time), Number(resident) * 1024);
    }
    return sums;
  }
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    // A process may go between two looks at it.
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    // proc(5): the name in field 2 may hold spaces, so count from behind its parenthesis.
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
    const group = Number(fields[2]);
    if (!groups.has(group)) continue;
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const resident = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
    add(group, (Number(fields[11]) + Number(fields[12])) / ticksPerSecond, resident * 1024);
  }
  return sums;
}

/** The unit of times in /proc (USER_HZ), the same on every Linux. */
const ticksPerSecond = 100;

/** `[[days-]hours:]minutes:seconds[.fraction]`, as ps writes times. */
function secondsOf(time: string): number {
  const [clock = '', days = '0'] = time.split('-').toReversed();
  return Number(days) * 86_400 + clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
}
