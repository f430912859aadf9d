/** The endpoint picker program, running on free ports with a pool from a file. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveRegistry as serveMetrics } from '../../src/admin/registrymetrics.ts';
import { startEpp, type Epp } from '../../src/extproc/epp.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { startModelServer, type Load, type ModelServer } from './modelservers.ts';
import { connectProxy, type Proxy } from './proxy.ts';

export interface RunningPicker {
  epp: Epp;
  proxy: Proxy;
  servers: readonly ModelServer[];
  /** Text of GET /metrics. */
  metrics: () => Promise<string>;
  /** Value of a metric by the text before it in the page. */
  metric(name: string): Promise<number | undefined>;
  logged: () => string;
  /** Writes the pool's file anew. */
  writePool(text: string): Promise<void>;
  close: () => Promise<void>;
}

/** The documents of a pool file for these servers; `roles` where the pool is disaggregated. */
export function poolText(
  servers: readonly ModelServer[],
  objects = '',
  roles: readonly (string | undefined)[] = [],
): string {
  const endpoints = servers.map(({ port }, at) => {
    const role = roles[at];
    const labels = role === undefined ? '' : `, labels: {llm-d.ai/role: ${role}}`;
    return `- {address: 127.0.0.1, port: ${String(port)}, name: pod${String(at + 1)}${labels}}`;
  });
  return `endpoints: ${endpoints.length === 0 ? '[]' : `\n${endpoints.join('\n')}`}\n${objects}`;
}

export async function startPicker(
  loads: readonly Load[],
  options: {
    config?: string;
    objects?: string;
    argv?: readonly string[];
    env?: Readonly<Record<string, string>>;
    roles?: readonly (string | undefined)[];
  } = {},
): Promise<RunningPicker> {
  const directory = await mkdtemp(join(tmpdir(), 'headgate-picker-'));
  const servers = await Promise.all(loads.map((load) => startModelServer(load)));
  const file = join(directory, 'pool.yaml');
  await writeFile(file, poolText(servers, options.objects, options.roles));
  const lines: string[] = [];
  const log = createLog({ level: 'info', destination: { write: (line) => void lines.push(line) } });
  const ports = ['--grpc-port', '0', '--grpc-health-port', '0', '--metrics-port', '0', '--drain-timeout', '100ms'];
  const argv = ['--pool-name', 'pool', '--endpoints-file', file, '--secure-serving=false', ...ports];
  if (options.config !== undefined) argv.push('--config-text', options.config);
  const epp = await startEpp([...argv, ...(options.argv ?? [])], { serveMetrics, env: options.env ?? {}, log });
  const proxy = connectProxy(epp.url);
  const metrics = async (): Promise<string> =>
    (await fetch(`http://127.0.0.1:${String(epp.ports.metrics)}/metrics`)).text();
  const metric = async (name: string): Promise<number | undefined> => {
    const line = (await metrics()).split('\n').find((candidate) => candidate.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  };
  const picker: RunningPicker = {
    epp,
    proxy,
    servers,
    metrics,
    metric,
    logged: () => lines.join(''),
    writePool: (text) => writeFile(file, text),
    close: async () => {
      proxy.close();
      await epp.close();
      await Promise.all(servers.map((server) => server.close()));
      await rm(directory, { recursive: true });
    },
  };
  await scraped(picker, loads);
  return picker;
}

/** Waits until the picker knows these loads. */
async function scraped({ metrics }: RunningPicker, loads: readonly Load[]): Promise<void> {
  const average = loads.reduce((sum, { kv }) => sum + kv, 0) / Math.max(1, loads.length);
  const wanted = loads.map(
    ({ waiting }, at) =>
      `inference_pool_per_pod_queue_size{name="pool",model_server_pod="pod${String(at + 1)}"} ${String(waiting)}`,
  );
  const deadline = Date.now() + 10_000;
  for (;;) {
    const page = await metrics();
    const kv = Number(/^inference_pool_average_kv_cache_utilization\{name="pool"\} (.*)$/m.exec(page)?.[1]);
    if (wanted.every((line) => page.includes(`${line}\n`)) && Math.abs(kv - average) < 1e-9) return;
    if (Date.now() > deadline) throw new Error(`the picker does not know the loads:\n${page}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
