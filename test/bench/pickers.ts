/**
 * Endpoint pickers side by side, each a process of its own: ours and the upstream one (test/tools/epp). Both find their endpoints in an
 * InferencePool with its pods in an embedded API, with the same command line.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startApiServer } from '../../src/apiserver/server.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { connectTo } from '../apiserver/harness.ts';
import { bin } from '../e2e/headgate.ts';
import { freePorts, startProgram, waitFor, type Program } from './processes.ts';

export interface BenchPool {
  readonly kubeconfig: string;
  close(): Promise<void>;
}

/** @param addresses of the pods, which all listen on `port` */
export async function startPool(addresses: readonly string[], port: number): Promise<BenchPool> {
  const directory = await mkdtemp(path.join(tmpdir(), 'headgate-bench-pool-'));
  const log = createLog({ level: 'warn' });
  const server = await startApiServer({ dataDir: path.join(directory, 'data'), kinds: allKinds, log });
  const kubeconfig = path.join(directory, 'kubeconfig');
  await writeFile(kubeconfig, server.kubeconfig(), { mode: 0o600 });
  const api = connectTo(server);
  const call = async (method: string, resource: string, body: object, contentType?: string): Promise<void> => {
    const answer = await api.call(method, resource, { body, ...(contentType !== undefined && { contentType }) });
    if (answer.status >= 300) throw new Error(`${method} ${resource}: ${answer.status} ${answer.body.message ?? ''}`);
  };
  await call('POST', '/apis/inference.networking.k8s.io/v1/namespaces/default/inferencepools', {
    apiVersion: 'inference.networking.k8s.io/v1',
    kind: 'InferencePool',
    metadata: { name: 'bench' },
    spec: {
      selector: { matchLabels: { app: 'bench' } },
      targetPorts: [{ number: port }],
      endpointPickerRef: { name: 'picker', port: { number: 9002 } },
    },
  });
  const pods = '/api/v1/namespaces/default/pods';
  for (const [at, podIP] of addresses.entries()) {
    const metadata = { name: `server-${at}`, labels: { app: 'bench' } };
    const spec = { containers: [{ name: 'server', image: 'simulated' }] };
    await call('POST', pods, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
    const status = { podIP, phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    await call('PATCH', `${pods}/${metadata.name}/status`, { status }, 'application/merge-patch+json');
  }
  return {
    kubeconfig,
    async close() {
      await api.close();
      await server.close();
      await rm(directory, { recursive: true });
    },
  };
}

export interface PickerProgram extends Program {
  readonly grpcPort: number;
}

/** Starts a picker for the pool, without any configuration, and waits until it has all endpoints. */
export async function startPicker(
  command: readonly [program: string, ...argv: string[]],
  pool: BenchPool,
  endpoints: number,
  more: readonly string[] = [],
): Promise<PickerProgram> {
  const [grpcPort = 0, healthPort = 0, metricsPort = 0] = await freePorts(3);
  const ports = ['--grpc-port', grpcPort, '--grpc-health-port', healthPort, '--metrics-port', metricsPort].map(String);
  const quiet = ['--metrics-endpoint-auth=false', '--tracing=false', '-v', '1'];
  const [program, ...argv] = command;
  const flags = [...argv, '--pool-name', 'bench', '--pool-namespace', 'default', ...ports, ...quiet, ...more];
  const picker = startProgram(program, flags, { KUBECONFIG: pool.kubeconfig });
  const ready = new RegExp(`^inference_pool_ready_pods\\{.*\\} ${endpoints}$`, 'm');
  await waitFor(picker, `waited for ${endpoints} endpoints of ${program}`, async () => {
    const metrics = await fetch(`http://127.0.0.1:${metricsPort}/metrics`).then((answer) => answer.text(), String);
    return ready.test(metrics) ? true : undefined;
  });
  return { ...picker, grpcPort };
}

export const ourPicker = [process.execPath, bin, 'epp'] as const;

/** The same with options for Node.js. */
export const ourPickerUnder = (nodeOptions: readonly string[]): readonly [string, ...string[]] => [
  process.execPath,
  ...nodeOptions,
  bin,
  'epp',
];

/** Where upstream's picker is; it is built where it is missing. undefined without Go. */
export function findUpstreamPicker(): string | undefined {
  const build = fileURLToPath(new URL('../tools/epp/build', import.meta.url));
  try {
    return execFileSync(build, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
  } catch {
    return undefined;
  }
}
