import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { Pod } from '../kinds/core/pod.ts';
import { KubeError } from '../kube/client.ts';
import type { Informer } from '../kube/informer.ts';
import type { PreparedContainer } from './containerrunner.ts';
import { signalGroup, type ProcessRecords } from './leftovers.ts';
import { rewritePath } from './volumes.ts';

/** The way into running Pods, for `kubectl exec` and `kubectl cp`. */
export interface PodAccess {
  /**
   * Starts a command beside a running container's program, with its environment, working directory and mounted paths.
   *
   * @throws KubeError when the container does not run.
   */
  exec(request: { namespace: string; pod: string; container: string; command: readonly string[] }): ExecProcess;
  /** Ends all commands. */
  stop(): void;
}

export interface ExecProcess {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  exited: Promise<{ exitCode: number; startError?: string }>;
  kill(): void;
}

export function createPodAccess(options: {
  pods: Informer<Pod>;
  /** The container as it runs now. */
  running(podUid: string, container: string): PreparedContainer | undefined;
  records: ProcessRecords;
}): PodAccess {
  const processes = new Set<ExecProcess>();
  return {
    exec({ namespace, pod: name, container, command }) {
      const pod = options.pods.get({ namespace, name });
      const prepared = options.running(pod?.metadata.uid ?? '', container);
      if (prepared === undefined) {
        throw new KubeError(400, 'BadRequest', `container ${container} of pod ${name} is not running`);
      }
      const process = startCommand(prepared, command, options.records);
      processes.add(process);
      void process.exited.finally(() => processes.delete(process));
      return process;
    },
    stop: () => {
      for (const process of processes) process.kill();
    },
  };
}

function startCommand(
  { launch, mounts }: PreparedContainer,
  command: readonly string[],
  records: ProcessRecords,
): ExecProcess {
  const [file = '', ...args] = command.map((word) => rewritePath(word, mounts));
  const { HEADGATE_PARENT_PIPE: _ours, ...env } = launch.env;
  // A process group of its own, so that what the command starts ends with it.
  const child = spawn(file, args, { env, cwd: process.cwd(), detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  const { pid } = child;
  if (pid !== undefined) void records.add(pid).catch(() => undefined);
  const exited = new Promise<{ exitCode: number; startError?: string }>((resolve) => {
    child.once('error', (error) => {
      if (pid === undefined) resolve({ exitCode: 127, startError: `exec: "${file}": ${error.message}` });
    });
    child.once('exit', (code, signal) => {
      resolve({ exitCode: signal === null ? (code ?? 0) : 128 + constants.signals[signal] });
    });
  }).then(async (exit) => {
    if (pid !== undefined) {
      signalGroup(pid, 'SIGKILL');
      await records.remove(pid).catch(() => undefined);
    }
    return exit;
  });
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    kill: () => {
      if (pid !== undefined && child.exitCode === null && child.signalCode === null) signalGroup(pid, 'SIGKILL');
    },
  };
}
