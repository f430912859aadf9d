/** `headgate epp` as a process of its own, with a pool from a file. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { bin } from './headgate.ts';

export interface PickerProcess {
  ports: { grpc: number; health: number; metrics: number };
  output(): string;
  metrics(): Promise<string>;
  kill(signal: NodeJS.Signals): Promise<void>;
}

export async function startPickerProcess(endpointsFile: string, argv: readonly string[] = []): Promise<PickerProcess> {
  const ports = ['--grpc-port', '0', '--grpc-health-port', '0', '--metrics-port', '0'];
  const flags = ['--pool-name', 'example', '--endpoints-file', endpointsFile, ...ports, ...argv];
  const child = spawn(process.execPath, [bin, 'epp', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  let output = '';
  const { promise, resolve, reject } = Promise.withResolvers<PickerProcess['ports']>();
  const collect = (chunk: Buffer): void => {
    output += chunk.toString();
    const line = output.split('\n').find((candidate) => candidate.includes('"endpoint picker started"'));
    if (line?.endsWith('}') === true) resolve((JSON.parse(line) as { ports: PickerProcess['ports'] }).ports);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  child.on('exit', () => {
    reject(new Error(`headgate epp ended:\n${output}`));
  });
  const found = await promise;
  return {
    ports: found,
    output: () => output,
    metrics: async () => (await fetch(`http://127.0.0.1:${String(found.metrics)}/metrics`)).text(),
    kill: async (signal) => {
      child.kill(signal);
      await exited;
    },
  };
}
