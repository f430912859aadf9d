import type { Readable, Writable } from 'node:stream';

/** The way into running Pods, for `kubectl exec`, `cp` and `port-forward`; the embedded node implements it. */
export interface PodAccess {
  /**
   * Starts a command beside a running container's program: in its environment and working directory, with the paths it mounts.
   * Throws an error with `code` (HTTP status), `reason` and `message` (a KubeError) when the container does not run.
   */
  exec(request: ExecRequest): ExecProcess;
}

export interface ExecRequest {
  namespace: string;
  pod: string;
  container: string;
  command: readonly string[];
}

export interface ExecProcess {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** How it ended; `startError` when it could not be started at all. Never rejects. */
  exited: Promise<{ exitCode: number; startError?: string }>;
  /** Ends it and all it started. */
  kill(): void;
}
