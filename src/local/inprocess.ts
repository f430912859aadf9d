import type { PassThrough } from 'node:stream';
import type { ContainerLog } from './containerlog.ts';
import type { Exit, RunningProcess } from './process.ts';

/**
 * A part of this process that has a Pod of its own, so that it is found where a cluster would have it: `kubectl logs` shows
 * what it says. It runs as long as the process does, whatever becomes of the Pod.
 */
export interface InProcessPart {
  /** Its log from now on; ended by the reader. */
  output(): PassThrough;
}

/** Images of containers that stand for parts begin so. */
export const inProcessImages = 'headgate.dev/in-process/';

/** The container that stands for a part: it runs until it is stopped. */
export function startInProcess(part: InProcessPart, log: ContainerLog): RunningProcess {
  const output = part.output();
  const copied = log.copy(output);
  const end = Promise.withResolvers<Exit>();
  const exited = end.promise.then(async (exit) => {
    output.end();
    await copied;
    await log.close();
    return exit;
  });
  return {
    pid: undefined,
    startedAt: new Date(),
    exited,
    stop: () => {
      end.resolve({ exitCode: 0, finishedAt: new Date() });
      return exited;
    },
  };
}
