/**
 * Endpoint pickers side by side, each a process of its own: ours and the upstream one (test/tools/epp), with the same pool in the
 * same embedded API, the same simulated endpoints, configuration and log level, without TLS.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkHealth } from '../../src/envoy/healthclient.ts';
import { createRandom } from '../../src/simulator/random.ts';
import { startTestApi, type TestApi } from '../apiserver/harness.ts';

export interface PickerProcess {
  readonly name: 'headgate' | 'upstream';
  /** Of its ext_proc service. */
  readonly url: string;
  /** Seconds of processor time that it has used, all of its threads together. */
  cpuSeconds(): Promise<number>;
  residentBytes(): Promise<number>;
  stop(): Promise<void>;
}

export interface BenchPool {
  /** @param nodeOptions of its process */
  startHeadgate(nodeOptions: readonly string[]): Promise<PickerProcess>;
  startUpstream(binary: string): Promise<PickerProcess>;
  close(): Promise<void>;
}

const poolName = 'bench';
const namespace = '/namespaces/default';

/** A pool of simulated endpoints on 127.0.0.2 and up: pages of metrics that do not change. */
export async function createBenchPool(endpoints: number): Promise<BenchPool> {
  const api = await startTestApi();
  const kubeconfig = join(api.dataDir, 'bench-kubeconfig');
  await writeFile(kubeconfig, api.server.kubeconfig(), { mode: 0o600 });
  const port = await freePort();
  const random = createRandom(1);
  const servers: Server[] = [];
  for (let at = 0; at < endpoints; at += 1) {
    const address = `127.0.0.${String(at + 2)}`;
    const page = metricsPage(Math.floor(random.next() * 4), random.next() / 2);
    const server = createHttpServer((_, response) => response.end(page)).listen(port, address);
    await once(server, 'listening');
    servers.push(server);
    await createPod(api, `server-${String(at)}`, address);
  }
  await create(api, `/apis/inference.networking.k8s.io/v1${namespace}/inferencepools`, {
    apiVersion: 'inference.networking.k8s.io/v1',
    kind: 'InferencePool',
    metadata: { name: poolName },
    spec: {
      selector: { matchLabels: { app: poolName } },
      targetPorts: [{ number: port }],
      endpointPickerRef: { name: 'picker', port: { number: 9002 } },
    },
  });
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], KUBECONFIG: kubeconfig };
  const start = async (name: PickerProcess['name'], command: string, args: readonly string[]) => {
    const ports = { grpc: await freePort(), health: await freePort(), metrics: await freePort() };
    const flags = ['--pool-name', poolName, '--pool-namespace', 'default', '--secure-serving=false'];
    // Scraping costs by time and not by request: at the default of 50 ms a loaded machine would measure mostly that, of both.
    flags.push('--refresh-metrics-interval=1s', '--metrics-endpoint-auth=false', '--tracing=false', '-v', '1');
    flags.push('--grpc-port', String(ports.grpc), '--grpc-health-port', String(ports.health));
    flags.push('--metrics-port', String(ports.metrics));
    const child = spawn(command, [...args, ...flags], {
      env,
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    await serving(name, child, ports);
    return pickerProcess(name, child, ports.grpc);
  };
  return {
    startHeadgate: (nodeOptions) => start('headgate', process.execPath, [...nodeOptions, 'src/cli/main.ts', 'epp']),
    startUpstream: (binary) => start('upstream', binary, []),
    close: async () => {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
      await api.close();
    },
  };
}

/** The path of the upstream picker, built when it is not there; undefined when it cannot be. */
export async function upstreamBinary(): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(join(import.meta.dirname, '../tools/epp/build'));
    return stdout.trim();
  } catch (error) {
    console.error(`the upstream picker cannot be built: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function metricsPage(waiting: number, kvUsage: number): string {
  const gauge = (name: string, labels: string, value: number): string =>
    `# HELP vllm:${name} .\n# TYPE vllm:${name} gauge\nvllm:${name}{${labels}} ${String(value)}\n`;
  return [
    gauge('num_requests_waiting', 'model_name="m"', waiting),
    gauge('num_requests_running', 'model_name="m"', 3),
    gauge('kv_cache_usage_perc', 'model_name="m"', kvUsage),
    gauge('lora_requests_info', 'max_lora="2",running_lora_adapters="",waiting_lora_adapters=""', 1_700_000_000),
    gauge('cache_config_info', 'block_size="16",num_gpu_blocks="32768"', 1),
  ].join('');
}

async function create(api: TestApi, path: string, body: unknown): Promise<void> {
  const answer = await api.call('POST', path, { body });
  if (answer.status !== 201) throw new Error(`${path}: ${String(answer.status)} ${answer.body.message ?? ''}`);
}

async function createPod(api: TestApi, name: string, podIP: string): Promise<void> {
  const path = `/api/v1${namespace}/pods`;
  await create(api, path, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: poolName } },
    spec: { containers: [{ name: 'server', image: 'simulated' }] },
  });
  const status = { podIP, phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
  const contentType = 'application/merge-patch+json';
  const answer = await api.call('PATCH', `${path}/${name}/status`, { body: { status }, contentType });
  if (answer.status !== 200) throw new Error(`status of ${name}: ${answer.body.message ?? ''}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function serving(name: string, child: ChildProcess, ports: { health: number; metrics: number }): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`${name} ended with code ${String(child.exitCode)}`);
    const service = 'inference-extension';
    const health = await checkHealth({ host: '127.0.0.1', port: ports.health, service, timeoutMs: 1_000 }).catch(
      () => undefined,
    );
    if (health !== undefined && /^inference_pool_ready_pods\S* [1-9]/m.test(await pageOf(ports.metrics))) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  child.kill();
  throw new Error(`${name} does not serve after a minute`);
}

async function pageOf(port: number): Promise<string> {
  try {
    return await (await fetch(`http://127.0.0.1:${String(port)}/metrics`)).text();
  } catch {
    return '';
  }
}

function pickerProcess(name: PickerProcess['name'], child: ChildProcess, port: number): PickerProcess {
  const proc = `/proc/${String(child.pid)}`;
  return {
    name,
    url: `http://127.0.0.1:${String(port)}`,
    cpuSeconds: async () => {
      // Fields 14 and 15, utime and stime in ticks of 10 ms; the second field is the only one with spaces and ends with a bracket.
      const fields = (await readFile(`${proc}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) / 100;
    },
    residentBytes: async () => {
      const line = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`${proc}/status`, 'utf8'));
      return Number(line?.[1] ?? 0) * 1024;
    },
    stop: async () => {
      if (child.exitCode !== null) return;
      child.kill();
      await once(child, 'exit');
    },
  };
}
