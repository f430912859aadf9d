import { execFile, execFileSync } from 'node:child_process';

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

let version: string | undefined;
try {
  version = execFileSync('kubectl', ['version', '--client', '-o', 'json'], { encoding: 'utf8' });
} catch {
  version = undefined;
}

/** Whether this machine has a kubectl; with CI=true its absence must fail, not skip. */
export const hasKubectl = version !== undefined || process.env['CI'] === 'true';
export const skipMessage = 'skipped: there is no kubectl on the PATH';

/** Runs a program to its end; a code other than 0 is an outcome, not an exception. */
export function run(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; input?: string; timeoutMs?: number } = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      args,
      {
        env: { ...process.env, ...options.env },
        encoding: 'utf8',
        timeout: options.timeoutMs ?? 60_000,
        maxBuffer: 64 * 1024 * 1024,
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ code, stdout, stderr: error !== null && stderr === '' ? error.message : stderr });
      },
    );
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}
