/**
 * `headgate up -f` with many AIGatewayRoutes: until it says Ready, what that costs, and how soon a change of one of them is served.
 * Each route has one rule for one model; all share a backend, a small server in this process.
 */
import { createServer } from 'node:http';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AIGatewayRoute } from '../../src/kinds/aigateway/aigatewayroute.ts';
import { createKubeClient } from '../../src/kube/httpclient.ts';
import { readKubeconfig } from '../../src/kube/kubeconfig.ts';
import { cpuSecondsOf, startProgram, type Program } from './processes.ts';

export interface ScaleResult {
  readonly routes: number;
  /** From the start of the process. */
  readonly readySeconds: number;
  readonly cpuSeconds: number;
  /** Milliseconds from the API's answer to a change until the gateway serves it, ascending; empty unless asked for. */
  readonly servedMs: readonly number[];
}

const readyWithinMs = 170_000;

/** `changes`: how many changes of one route are timed once all are Ready. */
export async function scaleOf(routes: number, changes: number): Promise<ScaleResult> {
  const directory = await mkdtemp(path.join(tmpdir(), 'headgate-scale-'));
  const backend = createServer((_, response) => {
    response.setHeader('content-type', 'application/json').end('{"object":"chat.completion","choices":[]}');
  }).listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const address = backend.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const file = path.join(directory, 'routes.yaml');
  await writeFile(file, manifests(routes, port));
  const data = path.join(directory, 'data');
  const started = performance.now();
  const program = startProgram(process.execPath, [
    fileURLToPath(new URL('../../bin/headgate.js', import.meta.url)),
    'up',
    '--log-level',
    'error',
    '--data-dir',
    data,
    '-f',
    file,
  ]);
  try {
    await readiness(program);
    const readySeconds = (performance.now() - started) / 1000;
    const cpuSeconds = await cpuSecondsOf(program.pid);
    const servedMs = changes === 0 ? [] : await timeChanges(path.join(data, 'kubeconfig'), program, routes, changes);
    return { routes, readySeconds, cpuSeconds, servedMs };
  } finally {
    await program.stop();
    backend.closeAllConnections();
    backend.close();
    await rm(directory, { recursive: true, force: true });
  }
}

async function readiness(program: Program): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  while (!/^Ready in/m.test(program.output())) {
    if (program.output().endsWith('(ended)') || performance.now() > deadline) {
      throw new Error(`not Ready:\n${program.output().slice(-2_000)}`);
    }
    await delay(20);
  }
}

async function timeChanges(kubeconfig: string, program: Program, routes: number, changes: number): Promise<number[]> {
  const url = /^Gateway default\/gw {2}(\S+)/m.exec(program.output())?.[1];
  if (url === undefined) throw new Error(`no Gateway address in:\n${program.output()}`);
  const client = createKubeClient(await readKubeconfig(kubeconfig));
  const servedMs: number[] = [];
  try {
    for (let i = 0; i < changes; i += 1) {
      const at = (i * 37) % routes;
      const model = `changed-${i}`;
      const body = { spec: { rules: [ruleFor(model)] } };
      await client.patch(AIGatewayRoute, { namespace: 'default', name: `r${at}` }, { type: 'merge', body });
      const answered = performance.now();
      while (!(await isServed(url, model))) await delay(1);
      servedMs.push(performance.now() - answered);
      // What the change brings after it (statuses) is over before the next one.
      await delay(100);
    }
  } finally {
    await client.close();
  }
  return servedMs.toSorted((a, b) => a - b);
}

async function isServed(url: string, model: string): Promise<boolean> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }),
  });
  await response.arrayBuffer();
  return response.status === 200;
}

const ruleFor = (model: string) => ({
  matches: [{ headers: [{ type: 'Exact', name: 'x-ai-eg-model', value: model }] }],
  backendRefs: [{ name: 'b' }],
});

function manifests(routes: number, port: number): string {
  const namespace = 'default';
  const objects = [
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name: 'gw', namespace },
      spec: { gatewayClassName: 'headgate', listeners: [{ name: 'http', protocol: 'HTTP', port: 80 }] },
    },
    {
      apiVersion: 'aigateway.envoyproxy.io/v1beta1',
      kind: 'AIServiceBackend',
      metadata: { name: 'b', namespace },
      spec: {
        schema: { name: 'OpenAI' },
        backendRef: { name: 'b', kind: 'Backend', group: 'gateway.envoyproxy.io' },
      },
    },
    {
      apiVersion: 'gateway.envoyproxy.io/v1alpha1',
      kind: 'Backend',
      metadata: { name: 'b', namespace },
      spec: { endpoints: [{ ip: { address: '127.0.0.1', port } }] },
    },
    ...Array.from({ length: routes }, (_, i) => ({
      apiVersion: 'aigateway.envoyproxy.io/v1beta1',
      kind: 'AIGatewayRoute',
      metadata: { name: `r${i}`, namespace },
      spec: {
        parentRefs: [{ name: 'gw', kind: 'Gateway', group: 'gateway.networking.k8s.io' }],
        rules: [ruleFor(`m${i}`)],
      },
    })),
  ];
  return objects.map((object) => JSON.stringify(object)).join('\n---\n');
}
