/**
 * What the node and a shim tell each other, over Node's channel between a process and its child. Both ends are the same
 * version of Headgate, so neither checks the other's messages.
 */

/** To the shim. Each `id` is one run of one container. */
export type ShimCommand =
  | { type: 'run'; id: number; program: string; args: readonly string[]; env: Readonly<Record<string, string>> }
  /** SIGTERM and SIGKILL of a process. */
  | { type: 'terminate' | 'kill'; id: number }
  /** The next piece of output is wanted: a program that writes faster than its log is stored waits. */
  | { type: 'more'; id: number }
  | { type: 'usage'; id: number };

/** From the shim. */
export type ShimReport =
  | { type: 'output'; id: number; chunk: Uint8Array }
  /** Follows the last output. `signal`: the number of the signal that would have ended a process so. */
  | { type: 'exit'; id: number; exitCode: number; signal?: number }
  | { type: 'usage'; id: number; usage: ThreadUsage };

/** What one program has used since it was started, and holds now. */
export interface ThreadUsage {
  cpuSeconds: number;
  bytes: number;
}

/** What a thread is started with, beside its environment. */
export interface ThreadData {
  program: string;
  args: readonly string[];
  /** URL of the command line. */
  entry: string;
  /** Where compiled code is kept: a thread does not take that over from its process. */
  compileCache: string | undefined;
}

/** Told to the thread: the program is to end, as by SIGTERM. */
export const terminate = 'terminate';

/** Exit code of a process that SIGTERM ended before it listened for it. */
export const terminatedCode = 143;
