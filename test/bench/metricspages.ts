/** Simulated endpoints of which only metrics are asked: pages of vLLM's that do not change, on 127.0.0.2 and up with one port. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createRandom } from '../../src/simulator/random.ts';
import { freePorts } from './processes.ts';

export interface MetricsPages {
  readonly addresses: readonly string[];
  readonly port: number;
  close(): void;
}

export async function startMetricsPages(count: number): Promise<MetricsPages> {
  const [port = 0] = await freePorts(1);
  const random = createRandom(1);
  const servers: Server[] = [];
  const addresses = Array.from({ length: count }, (_, at) => `127.0.0.${at + 2}`);
  for (const address of addresses) {
    const page = metricsPage(Math.floor(random.next() * 4), random.next() / 2);
    const server = createServer((_, response) => response.end(page)).listen(port, address);
    await once(server, 'listening');
    servers.push(server);
  }
  return {
    addresses,
    port,
    close() {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

function metricsPage(waiting: number, kvUsage: number): string {
  const gauge = (name: string, labels: string, value: number): string =>
    `# HELP vllm:${name} .\n# TYPE vllm:${name} gauge\nvllm:${name}{${labels}} ${value}\n`;
  return [
    gauge('num_requests_waiting', 'model_name="m"', waiting),
    gauge('num_requests_running', 'model_name="m"', 3),
    gauge('kv_cache_usage_perc', 'model_name="m"', kvUsage),
    gauge('lora_requests_info', 'max_lora="2",running_lora_adapters="",waiting_lora_adapters=""', 1_700_000_000),
    gauge('cache_config_info', 'block_size="16",num_gpu_blocks="32768"', 1),
  ].join('');
}
