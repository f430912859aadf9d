/** Model servers as an endpoint picker sees them: pages of vLLM metrics, with the numbers that a test wants. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Load {
  waiting: number;
  kv: number;
  adapters?: readonly string[];
}

export interface ModelServer {
  /** `address:port` */
  key: string;
  port: number;
  load: Load;
  close(): Promise<void>;
}

/** @param pages of metrics by path; default: one of vLLM wherever one asks */
export async function startModelServer(load: Load, pages?: Readonly<Record<string, string>>): Promise<ModelServer> {
  const state = { load };
  const server = createServer(({ url = '' }, response) =>
    response.end(pages === undefined ? pageOf(state.load) : pages[url]),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    key: `127.0.0.1:${String(port)}`,
    port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

function pageOf({ waiting, kv, adapters = [] }: Load): string {
  return [
    '# TYPE vllm:num_requests_waiting gauge',
    `vllm:num_requests_waiting{model_name="m"} ${String(waiting)}`,
    '# TYPE vllm:num_requests_running gauge',
    `vllm:num_requests_running{model_name="m"} 0`,
    '# TYPE vllm:kv_cache_usage_perc gauge',
    `vllm:kv_cache_usage_perc{model_name="m"} ${String(kv)}`,
    '# TYPE vllm:lora_requests_info gauge',
    `vllm:lora_requests_info{max_lora="2",running_lora_adapters="${adapters.join(', ')}",waiting_lora_adapters=""} 1700000000`,
    '',
  ].join('\n');
}
