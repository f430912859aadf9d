/** Precise prefixes where the gateway picks in process: publishers dial in, and the pool's own servers give token ids. */
import { createServer } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { JsonScan } from '../../../src/llm/scan.ts';
import { createZmqSource } from '../../../src/picker/kvevents/zmqsource.ts';
import { createPicker, type PickRequest } from '../../../src/picker/picker.ts';
import type { PickerEndpoint } from '../../../src/picker/request.ts';
import { createHttpRender } from '../../../src/picker/tokens/httprender.ts';
import { startSimulator } from '../../../src/simulator/vllm.ts';
import { createLog } from '../../../src/telemetry/log.ts';

const log = createLog({ level: 'silent' });
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

it('a prompt goes to the server that has told of it', async () => {
  const kvPort = await freePort();
  const flags = ['--model', 'm', '--port', '0', '--block-size', '4', '--event-batch-size', '1', '--enable-kvcache'];
  const simulators = await Promise.all(
    [1, 2, 3].map(() =>
      startSimulator([...flags, '--zmq-endpoint', `tcp://127.0.0.1:${String(kvPort)}`], { env: {}, log }),
    ),
  );
  for (const simulator of simulators) closers.push(() => simulator.close());
  const endpoints = simulators.map(({ url }): PickerEndpoint => {
    const { hostname, port, host } = new URL(url);
    return { key: host, address: hostname, port: Number(port) };
  });
  const { render, close } = createHttpRender();
  closers.push(close);
  const picker = createPicker({
    scrape: () => Promise.reject(new Error('no metrics here')),
    kvEvents: createZmqSource(log),
    render,
    log,
  });
  closers.push(() => {
    picker.stop();
  });
  const config = `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: precise-prefix-cache-scorer
  parameters:
    tokenProcessorConfig: {blockSize: 4}
    kvEventsConfig: {zmqEndpoint: "tcp://*:${String(kvPort)}", discoverPods: false}
`;
  picker.update(new Map([['ns/pool', endpoints]]), new Map([['ns/pool', config]]));

  const bodyOf = (text: string): Buffer => Buffer.from(JSON.stringify({ model: 'm', prompt: text, max_tokens: 1 }));
  const pick = (bytes: Buffer): Promise<string | undefined> => {
    const scan = new JsonScan();
    scan.push(bytes);
    scan.finish();
    const request: PickRequest = {
      model: 'm',
      header: () => undefined,
      scannedBody: () => ({ path: '/v1/completions', bytes, scan }),
    };
    return new Promise((resolve) => {
      const picking = picker.pick('ns/pool', endpoints, request, ([first]) => {
        resolve(first?.key);
        queueMicrotask(() => {
          picking.completed();
        });
      });
    });
  };
  for (const [at, { url }] of simulators.entries()) {
    let round = 0;
    await vi.waitUntil(
      async () => {
        round += 1;
        const body = bodyOf(`server ${String(at)} round ${String(round)} the quick brown fox jumps over the dog`);
        await fetch(`${url}/v1/completions`, { method: 'POST', body });
        const picks = [];
        for (let again = 0; again < 20; again += 1) picks.push(await pick(body));
        return picks.every((picked) => picked === endpoints[at]?.key);
      },
      { timeout: 60_000, interval: 50 },
    );
  }
  expect(await pick(bodyOf('x'))).toBeDefined();

  // A client that goes while the servers are asked is no trouble.
  const bytes = bodyOf('gone');
  const scan = new JsonScan();
  scan.push(bytes);
  scan.finish();
  const settled = vi.fn();
  const picking = picker.pick(
    'ns/pool',
    endpoints,
    { model: 'm', header: () => undefined, scannedBody: () => ({ path: '/v1/completions', bytes, scan }) },
    settled,
  );
  picking.cancel();
  expect(await pick(bodyOf('y'))).toBeDefined();
  expect(settled).not.toHaveBeenCalled();
});
