import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { run, type Outcome } from './kubectl.ts';

export const bin = fileURLToPath(new URL('../../bin/headgate.js', import.meta.url));

export interface Headgate {
  readonly dataDir: string;
  readonly kubeconfig: string;
  readonly process: ChildProcess;
  /** Everything it has printed so far. */
  output(): string;
  /** Runs kubectl against it; fails the test with both outputs when kubectl does. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  tryKubectl(args: readonly string[], input?: string, timeoutMs?: number): Promise<Outcome>;
  /** `http://address[:port]` of a Gateway, once it is Programmed. */
  gatewayUrl(name: string, namespace?: string): Promise<string>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL unless it has ended, leaving the data directory. */
  kill(): Promise<void>;
  /** Removes the data directory. */
  discard(): Promise<void>;
}

/** Starts `headgate up` as a user does, in a data directory of its own (or a given one), and waits for the Ready line. */
export async function startHeadgate(
  args: readonly string[] = [],
  options: { dataDir?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<Headgate> {
  const discard = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
  const dataDir = options.dataDir ?? (await mkdtemp(path.join(tmpdir(), 'headgate-e2e-')));
  const child = spawn(process.execPath, [bin, 'up', '--data-dir', dataDir, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  });
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const exited = once(child, 'exit');
  const kubeconfig = path.join(dataDir, 'kubeconfig');
  const env = { KUBECONFIG: kubeconfig };

  await until(
    () => {
      if (child.exitCode !== null) throw new Error(`headgate up ended with ${child.exitCode}:\n${output}`);
      return /^Ready/m.test(output);
    },
    () => `headgate up is not ready:\n${output}`,
    90_000,
  );

  const tryKubectl = (words: readonly string[], input?: string, timeoutMs = 60_000): Promise<Outcome> =>
    run('kubectl', words, { env, timeoutMs, ...(input === undefined ? {} : { input }) });
  const kubectl = async (words: readonly string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await tryKubectl(words, input);
    if (code !== 0)
      throw new Error(`kubectl ${words.join(' ')}: ${code}\n${stdout}${stderr}\n--- headgate:\n${output}`);
    return stdout;
  };

  return {
    dataDir,
    kubeconfig,
    process: child,
    output: () => output,
    kubectl,
    tryKubectl,
    gatewayUrl: async (name, namespace = 'default') => {
      await kubectl(['wait', '-n', namespace, '--for=condition=Programmed', '--timeout=30s', `gateway/${name}`]);
      const gateway = JSON.parse(
        await kubectl(['get', '-n', namespace, 'gateway', name, '-o', 'json']),
      ) as GatewayStatus;
      const address = gateway.status.addresses[0]?.value ?? '';
      const declared = gateway.spec.listeners[0]?.port ?? 80;
      const messages = gateway.status.conditions.map(({ message }) => message).join('\n');
      const port = /listening on \S+:(\d+) instead of port/.exec(messages)?.[1] ?? String(declared);
      return port === '80' ? `http://${address}` : `http://${address}:${port}`;
    },
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
      if (options.dataDir === undefined) await discard();
      return child.exitCode;
    },
    discard,
    kill: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await exited;
      }
    },
  };
}

interface GatewayStatus {
  spec: { listeners: { port: number }[] };
  status: { addresses: { value: string }[]; conditions: { message: string }[] };
}

/** Waits until a check holds, asking again and again; fails with what `problem` says when it does not in time. */
export async function until(
  check: () => boolean | Promise<boolean>,
  problem: () => string,
  timeoutMs = 30_000,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await check())) {
    if (performance.now() > end) throw new Error(`${problem()}\n(waited ${timeoutMs} ms)`);
    await delay(50);
  }
}

/** A chat completion through a gateway. */
export function chat(url: string, model: string, fields: Record<string, unknown> = {}): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hi. Say this is a test' }], ...fields }),
  });
}
