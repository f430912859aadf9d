/** Programs that a benchmark starts and ends. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface Program {
  readonly pid: number;
  /** What it has printed last, on both outputs. */
  output(): string;
  stop(): Promise<void>;
}

const keptOutput = 64 * 1024;

export function startProgram(command: string, argv: readonly string[], env: Record<string, string> = {}): Program {
  const child = spawn(command, argv, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  const exited = once(child, 'exit');
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-keptOutput);
    });
  }
  return {
    pid: child.pid ?? 0,
    output: () => (hasEnded(child) ? `${output}\n(ended)` : output),
    async stop() {
      child.kill('SIGTERM');
      // A program that hangs is not waited for.
      await Promise.race([exited, delay(10_000, undefined, { ref: false }).then(() => child.kill('SIGKILL'))]);
    },
  };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Waits until `check` gives something. @throws Error with the program's output when it does not within a minute */
export async function waitFor<T>(program: Program, what: string, check: () => T | Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const result = await check();
    if (result !== undefined) return result;
    const output = program.output();
    if (output.endsWith('(ended)') || Date.now() > deadline) throw new Error(`${what} in vain:\n${output}`);
    await delay(50);
  }
}

/** Ports that nobody listens on now, for programs that cannot choose one themselves. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0);
      await once(server, 'listening');
      return server;
    }),
  );
  return Promise.all(
    servers.map(async (server) => {
      const address = server.address();
      server.close();
      await once(server, 'close');
      return typeof address === 'object' && address !== null ? address.port : 0;
    }),
  );
}

/** Seconds of processor time that a process has used, all of its threads together. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  // Fields 14 and 15, utime and stime in ticks of 10 ms; the second field is the only one with spaces and ends with a bracket.
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

export async function residentBytesOf(pid: number): Promise<number> {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) * 1024;
}
