/** Model servers that misbehave: each is a real listener on a port of its own, and goes for good when it is closed. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { PickerEndpoint } from '../../src/picker/request.ts';

export const behaviours = [
  'healthy',
  'hangs',
  'drips',
  'garbage',
  'hostile numbers',
  'endless',
  'fails',
  'cuts',
] as const;
export type Behaviour = (typeof behaviours)[number];

export interface ModelServer {
  readonly endpoint: PickerEndpoint;
  behaviour: Behaviour;
  readonly scrapes: () => number;
  readonly connections: () => number;
  close(): Promise<void>;
}

let made = 0;

/** `random` in [0, 1). */
export async function startModelServer(behaviour: Behaviour, random: () => number): Promise<ModelServer> {
  let scrapes = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((request, response) => {
    scrapes += 1;
    answer(running.behaviour, request, response, random);
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  made += 1;
  const podName = `pod-${made}`;
  const running: ModelServer = {
    endpoint: {
      key: `127.0.0.1:${port}`,
      address: '127.0.0.1',
      port,
      name: `ns/${podName}-rank-0`,
      podName,
      labels: {},
    },
    behaviour,
    scrapes: () => scrapes,
    connections: () => sockets.size,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
  return running;
}

function answer(behaviour: Behaviour, request: IncomingMessage, response: ServerResponse, random: () => number): void {
  switch (behaviour) {
    case 'healthy':
      response.end(page(Math.floor(random() * 8), Math.floor(random() * 8), random()));
      return;
    case 'hangs':
      return;
    case 'drips':
      response.write('vllm:num_requests_wai');
      return;
    case 'garbage':
      response.end(Buffer.from(Array.from({ length: 2_000 }, () => Math.floor(random() * 256))));
      return;
    case 'hostile numbers':
      response.end(
        `vllm:num_requests_waiting ${['NaN', '+Inf', '-7', '1e308', '', '0x10'][Math.floor(random() * 6)] ?? ''}\n` +
          'vllm:kv_cache_usage_perc 900\nvllm:cache_config_info{block_size="-4",num_gpu_blocks="1e99"} 1\n' +
          'vllm:lora_requests_info{max_lora="x",running_lora_adapters=",,,",waiting_lora_adapters="a"} NaN\n',
      );
      return;
    case 'endless':
      response.end('vllm:num_requests_waiting 1\n'.repeat(20_000));
      return;
    case 'fails':
      response.writeHead(500).end('no');
      return;
    case 'cuts':
      request.socket.destroy();
  }
}

function page(waiting: number, running: number, kvUsage: number): string {
  return [
    `vllm:num_requests_waiting{model_name="m"} ${waiting}`,
    `vllm:num_requests_running{model_name="m"} ${running}`,
    `vllm:kv_cache_usage_perc{model_name="m"} ${kvUsage}`,
    'vllm:cache_config_info{block_size="16",num_gpu_blocks="2000"} 1',
    `vllm:lora_requests_info{max_lora="4",running_lora_adapters="a",waiting_lora_adapters=""} 1`,
  ].join('\n');
}
